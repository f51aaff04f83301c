"""A proxy that takes absolute-form requests and changes the files it carries, as filters and optimisers do.

No proxy of the lab changes bodies, so this one is written for it. Wheels lose their last byte for another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Self
from urllib.parse import urlsplit

_FILES = (".whl", ".tar.gz")


class ChangingProxy:
    """Start it with `in_thread`."""

    port = 0

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[Self]:
        """Run in a thread of its own."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(self._start(), loop).result()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(_stopped(server), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._carry(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        method, target, _ = line.decode("latin-1").split(" ")
        if not target.startswith("http://"):  # CONNECT, or somebody who asks what it is
            writer.write(b"HTTP/1.1 403 Only clear HTTP here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        parts = urlsplit(target)
        there, upstream = await asyncio.open_connection(parts.hostname, parts.port)
        fields = [each for each in rest.split(b"\r\n") if each and not each.lower().startswith(b"connection:")]
        request = [f"{method} {parts.path or '/'} HTTP/1.1".encode(), *fields, b"Connection: close", b"", b""]
        upstream.write(b"\r\n".join(request))
        answer = await there.read()
        upstream.close()
        if parts.path.endswith(_FILES):
            answer = answer[:-1] + bytes([answer[-1] ^ 0xFF])
        status, _, after = answer.partition(b"\r\n")
        writer.write(status + b"\r\nConnection: close\r\n" + after)
        await writer.drain()


async def _stopped(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()
