"""A tunnel with both ends in the test's hand: a door that dials at once, a far listener, and bare sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import cast

from pipway.dial.base import Detached, Stream, Target
from pipway.dial.direct import Direct
from pipway.server.limits import Limits
from pipway.server.outside import Far
from pipway.server.shared import Shared
from pipway.server.tunnel import Tunnel
from pipway.trace import Answered, RequestRecord, Trace
from pipway.wire.answer import Answer, Request

MIB = 1 << 20
ANSWERED = Answered("CONNECT", "files.example:443", 200, 0, "tunnel", "pip/26.0")


async def _nobody(request: Request) -> Answer | None:
    return None


def quit_rudely(sock: socket.socket) -> None:
    """Close with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def receive(sock: socket.socket, at_most: int = 65536) -> bytes:
    """Some bytes; b"" at the end. OSError when the connection broke."""
    return await asyncio.get_running_loop().sock_recv(sock, at_most)


async def receive_all(sock: socket.socket) -> bytes:
    """Everything to the end."""
    found = bytearray()
    while data := await receive(sock, 262144):
        found += data
    return bytes(found)


async def send(sock: socket.socket, data: bytes) -> None:
    """All of it."""
    await asyncio.get_running_loop().sock_sendall(sock, data)


class Undetachable:
    """A stream that keeps its transport."""

    def __init__(self, inner: Stream) -> None:
        self.read = inner.read
        self.write = inner.write
        self.write_eof = inner.write_eof
        self.aclose = inner.aclose

    def detach(self) -> Detached | None:
        return None


@dataclass
class Ends:
    """Both ends of one tunnel."""

    client: socket.socket
    far: socket.socket
    tunnel: Tunnel

    def close(self) -> None:
        self.client.close()
        self.far.close()


@dataclass
class Works:
    """Makes tunnels, and looks after their deadlines."""

    shared: Shared
    records: list[RequestRecord]
    events: list[str]
    door: tuple[str, int]
    inside: socket.socket  #: where tunnels lead
    buffers: int | None = None  #: of each socket of the test, in bytes: a small one makes back-pressure come early
    detachable: bool = True
    early: bytes = b""  #: what the tunnel is told to have come behind the request
    target: tuple[str, int] | None = None  #: somewhere else than `inside`
    context: ssl.SSLContext | None = None  #: TLS to the far side
    made: asyncio.Queue[Tunnel] = field(default_factory=asyncio.Queue)
    sockets: list[socket.socket] = field(default_factory=list)  #: closed at the end, whatever happens

    async def open(self) -> Ends:
        """One more tunnel."""
        loop = asyncio.get_running_loop()
        client = self._socket()
        await loop.sock_connect(client, self.door)
        far, _ = await loop.sock_accept(self.inside)
        far.setblocking(False)
        self.sockets += (client, far)
        return Ends(client, far, await self.made.get())

    async def enter(self) -> socket.socket:
        """The client's end of a tunnel to `target`."""
        client = self._socket()
        self.sockets.append(client)
        await asyncio.get_running_loop().sock_connect(client, self.door)
        await self.made.get()
        return client

    def _socket(self) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        if self.buffers:
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, self.buffers)
        return sock

    async def dial(self, transport: asyncio.Transport) -> None:
        """What forward and socks do."""
        stream: Stream = await Direct().dial(Target(*(self.target or self.inside.getsockname()[:2])))
        if self.context is not None:
            stream = await stream.start_tls(self.context, "files.example")
        far = stream if self.detachable else Undetachable(stream)
        record = RequestRecord(0, 0, "127.0.0.1", ANSWERED)
        self.made.put_nowait(Tunnel(self.shared, transport, self.early, cast(Far, far), record))

    async def over(self) -> None:
        """Until every tunnel has ended."""
        deadline = monotonic() + 20
        while self.shared.guests or self.shared.tasks:
            assert monotonic() < deadline, [_told(guest) for guest in self.shared.guests][:2]
            await asyncio.sleep(0.005)


def _told(tunnel: object) -> list[dict[str, object]]:
    sides = getattr(tunnel, "_sides", ())
    return [{key: value for key, value in vars(side).items() if not key.startswith("_")} for side in sides]


class _Door(asyncio.Protocol):
    def __init__(self, works: Works) -> None:
        self._works = works

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        chosen = cast(asyncio.Transport, transport)
        chosen.pause_reading()
        self._works.shared.spawn(self._works.dial(chosen))


@asynccontextmanager
async def works(limits: Limits | None = None, *, buffers: int | None = None) -> AsyncIterator[Works]:
    """Start everything; at the end no descriptor may be left over."""
    loop = asyncio.get_running_loop()
    trace = Trace()
    shared = Shared(_nobody, None, trace, limits or Limits())
    inside = socket.socket()
    if buffers:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            inside.setsockopt(socket.SOL_SOCKET, option, buffers)
    inside.bind(("127.0.0.1", 0))
    inside.listen(128)
    inside.setblocking(False)
    made: list[Works] = []
    server = await loop.create_server(lambda: _Door(made[0]), "127.0.0.1", 0, backlog=128)
    door = server.sockets[0].getsockname()[:2]
    result = Works(shared, [], [], door, inside, buffers)
    made.append(result)
    trace.listen_requests(result.records.extend)
    trace.listen(lambda name, facts: result.events.append(name))
    ticking = loop.create_task(_tick(shared))
    try:
        yield result
    finally:
        for guest in list(shared.guests):
            guest.abort()
        await result.over()
        ticking.cancel()
        server.close()
        for sock in result.sockets:
            sock.close()
        inside.close()
        await server.wait_closed()
        trace.flush()


async def _tick(shared: Shared) -> None:
    """The listener's timer, quicker."""
    while True:
        await asyncio.sleep(0.01)
        now = monotonic()
        for guest in [guest for guest in shared.guests if guest.deadline < now]:
            guest.expire(now)
        shared.trace.flush()


def descriptors() -> dict[str, str]:
    """What this process has open."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return found


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Actor:
    """One end in a random schedule: sends, reads, rests, half-closes, quits; remembers what happened."""

    def __init__(self, sock: socket.socket, chance: random.Random, *, may_reset: bool) -> None:
        self.sock = sock
        self._chance = chance
        self._may_reset = may_reset
        self._stream = random.Random(chance.random())
        self.sent = bytearray()
        self.received = bytearray()
        self.finished = False  #: half-closed by us, after everything in `sent`
        self.ended = False  #: read to a proper end
        self.broken = False  #: an error was seen
        self.reset = False  #: we quit with RST

    async def play(self) -> None:
        """Until both ways are over, or this end quits."""
        reading = asyncio.create_task(self._read())
        try:
            await self._write()
            if self.reset:
                reading.cancel()
            await asyncio.wait([reading])
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _rest(self) -> None:
        for _ in range(self._chance.choice((0, 0, 1, 3, 10))):
            await asyncio.sleep(0)

    async def _write(self) -> None:
        try:
            for _ in range(self._chance.randrange(6)):
                await self._rest()
                piece = self._stream.randbytes(self._chance.choice((1, 100, 5000, 70000, 300000)))
                view = memoryview(piece)
                while view:  # what the kernel took is what counts as sent
                    try:
                        count = self.sock.send(view[:65536])
                    except BlockingIOError:
                        await asyncio.sleep(0.0005)
                        if self.broken:
                            return
                        continue
                    self.sent += view[:count]
                    view = view[count:]
            await self._rest()
            if self._may_reset and self._chance.random() < 0.3:
                self.reset = True
                return
            self.sock.shutdown(socket.SHUT_WR)
            self.finished = True
        except OSError:
            self.broken = True

    async def _read(self) -> None:
        try:
            while True:
                await self._rest()
                data = await receive(self.sock, self._chance.choice((1000, 65536, 262144)))
                if not data:
                    self.ended = True
                    return
                self.received += data
        except OSError:
            self.broken = True
