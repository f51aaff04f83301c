"""`tunnel_front.py PORT`: nothing but CONNECT in front of pipway's tunnels, to measure these alone."""

from __future__ import annotations

import asyncio
import sys
from time import monotonic

from pipway import platforms
from pipway.dial.base import Target
from pipway.dial.direct import Direct
from pipway.server.limits import Limits
from pipway.server.shared import Shared
from pipway.server.tunnel import Tunnel
from pipway.trace import Answered, RequestRecord, Trace


class Front(asyncio.Protocol):
    """Reads a request's head, dials, answers, and gives the connection to a tunnel."""

    def __init__(self, shared: Shared, dialer: Direct) -> None:
        self.shared = shared
        self.dialer = dialer
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if found:
            self.transport.pause_reading()
            host, _, port = head.split(b" ", 2)[1].decode().rpartition(":")
            self.shared.spawn(self.dial(host, int(port), rest))

    async def dial(self, host: str, port: int, rest: bytes) -> None:
        far = await self.dialer.dial(Target(host, port))
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        answered = Answered("CONNECT", f"{host}:{port}", 200, 0, "tunnel", "")
        Tunnel(self.shared, self.transport, rest, far, RequestRecord(0, 0, "127.0.0.1", answered))


async def main(port: int) -> None:
    trace = Trace()
    shared = Shared(None, None, trace, Limits(connections=100000))
    dialer = Direct()
    server = await asyncio.get_running_loop().create_server(lambda: Front(shared, dialer), "127.0.0.1", port, backlog=1024)
    async with server:
        while True:
            await asyncio.sleep(0.25)
            now = monotonic()
            for guest in [guest for guest in shared.guests if guest.deadline < now]:
                guest.expire(now)
            trace.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=platforms.loop_factory()) as runner:
        runner.run(main(int(sys.argv[1])))
