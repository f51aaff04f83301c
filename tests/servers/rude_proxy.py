"""A proxy without manners: it answers each request with the bytes that the test wrote down, at the pace it says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tests.servers.relay import reset

from pipway.dial.parent import Parent


@dataclass(frozen=True)
class Say:
    """One answer. `piece` bytes at a time; then closed, reset, or left open."""

    data: bytes
    piece: int = 1 << 20
    then: str = "stay"  #: stay, close, reset


@dataclass
class RudeProxy:
    """Start it with `async with`. The last answer is repeated for ever; or a function answers each request."""

    answers: Sequence[Say] | Callable[[bytes], Say]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def __aenter__(self) -> Self:
        self._open: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in list(self._open):
            reset(writer)
        await self._server.wait_closed()

    def parent(self, **facts: Any) -> Parent:
        """It as a parent that a person named."""
        known: dict[str, Any] = {"user": "alice", "named": True, "basic_in_clear": True}
        return Parent("http", "127.0.0.1", self._server.sockets[0].getsockname()[1], **(known | facts))

    @property
    def logins(self) -> int:
        """Requests that carried a login."""
        return sum(b"proxy-authorization" in request.lower() for request in self.requests)

    def _say(self) -> Say:
        if callable(self.answers):
            return self.answers(self.requests[-1])
        return self.answers[min(len(self.requests), len(self.answers)) - 1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                    say = self._say()
                    for start in range(0, len(say.data), say.piece):
                        writer.write(say.data[start : start + say.piece])
                        await writer.drain()
                        await asyncio.sleep(0)
                    if say.then == "reset":
                        reset(writer)
                    if say.then != "stay":
                        return
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
