"""What a proxy does once a tunnel is open, and a plain CONNECT proxy made of it, in clear or over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from pipway.dial.parent import Parent

_PIECE = 65536

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def relay(one: Pair, other: Pair) -> None:
    """Carry bytes both ways, half-closing as each side does, until both directions ended; break as either breaks."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()  # TLS ends both ways or not at all

    tasks = [asyncio.create_task(carry(one[0], other[1])), asyncio.create_task(carry(other[0], one[1]))]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for _, writer in (one, other):
            reset(writer)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def reset(writer: asyncio.StreamWriter) -> None:
    """End with RST."""
    with contextlib.suppress(OSError):
        if (sock := writer.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class ConnectProxy:
    """Answers CONNECT and nothing else, without a login. Start it with `async with`."""

    tls: ssl.SSLContext | None = None
    name: str = "127.0.0.1"  #: by which clients know it: its certificate is for it
    early: bytes = b""  #: sent together with the 200
    names: dict[str, tuple[str, int]] = field(default_factory=dict)  #: where hosts really are; "*": all others
    connections: int = 0
    asked: list[str] = field(default_factory=list)

    _server: asyncio.Server | None = None
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls, backlog=512)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(list(self._running))
        await self._server.wait_closed()

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[Self]:
        """Run in a thread of its own, for tests that block."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result()
            try:
                yield self
            finally:
                asyncio.run_coroutine_threadsafe(self.__aexit__(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    @property
    def parent(self) -> Parent:
        """Itself, as pipway's settings would say it."""
        assert self._server is not None
        return Parent("https" if self.tls else "http", self.name, self._server.sockets[0].getsockname()[1], named=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._running.discard(task)
            await _closed(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, authority, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        assert method == "CONNECT"
        self.asked.append(authority)
        host, _, port = authority.rpartition(":")
        try:
            known = self.names.get(host) or self.names.get("*")
            there = await asyncio.open_connection(*(known or (host.strip("[]"), int(port))))
        except (OSError, UnicodeError):
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        try:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + self.early)
            await relay((reader, writer), there)
        finally:
            await _closed(there[1])


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()
