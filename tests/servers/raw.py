"""A server whose every byte the test decides: a coroutine per connection, and what each connection said."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

Script = Callable[["Wire"], Awaitable[None]]


class Wire:
    """One accepted connection."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer
        self.heard = b""  #: everything read so far

    async def head(self) -> str:
        """The next head, without its empty line."""
        data = await self.reader.readuntil(b"\r\n\r\n")
        self.heard += data
        return data[:-4].decode("latin-1")

    async def exactly(self, count: int) -> bytes:
        """So many bytes."""
        data = await self.reader.readexactly(count)
        self.heard += data
        return data

    async def until(self, mark: bytes) -> bytes:
        """Up to and with `mark`."""
        data = await self.reader.readuntil(mark)
        self.heard += data
        return data

    async def rest(self) -> bytes:
        """Everything until the peer ends or breaks."""
        with contextlib.suppress(OSError):
            while data := await self.reader.read(65536):
                self.heard += data
        return self.heard

    async def say(self, data: bytes) -> None:
        """Send."""
        self.writer.write(data)
        await self.writer.drain()


class RawServer:
    """Runs `script` for each connection, on an ephemeral loopback port."""

    def __init__(self, script: Script) -> None:
        self.wires: list[Wire] = []
        self.port = 0
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        wire = Wire(len(self.wires), reader, writer)
        self.wires.append(wire)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._script(wire)
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
