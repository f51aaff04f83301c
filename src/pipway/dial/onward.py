"""One request that is sent on for a client of the proxy, on one connection: what goes up, and what comes back.

`sender` makes them. The answer's body is unframed, and otherwise as it came: no redirects, no decoding.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from pipway.dial.base import Stream
from pipway.dial.early import with_early
from pipway.dial.pool import Connection
from pipway.dial.response import Exchange
from pipway.dial.upload import Upload
from pipway.dial.url import Url
from pipway.errors import PipwayError
from pipway.wire.responses import End, Event, Head, ResponseReader

Fields = tuple[tuple[bytes, bytes], ...]

_GREETING = 65536  # bytes of an answer worth reading to keep a connection


class Outgoing(Protocol):
    """What to send; `server.outside.Forwarded` conforms."""

    @property
    def method(self) -> str:
        """As it is sent."""

    @property
    def url(self) -> str:
        """Absolute, without userinfo and fragment; path and query are sent byte for byte."""

    @property
    def fields(self) -> Fields:
        """All but Host, Content-Length and Transfer-Encoding. With Upgrade among them, a 101 is welcome."""

    @property
    def body(self) -> AsyncIterator[bytes] | None:
        """Its `__anext__` may be cancelled and called again. What it raises is raised to who awaits the answer."""

    @property
    def length(self) -> int | None:
        """Of the body; None: chunked."""

    @property
    def informed(self) -> Callable[[int, Fields], None] | None:
        """Called with each interim answer, 101 excepted."""


class Onward(Exchange):
    """One request and its answer on one connection."""

    def __init__(
        self,
        connection: Connection,
        reader: ResponseReader,
        url: Url,
        failed: Callable[[PipwayError], None],
        upload: Upload | None,
        *,
        alone: bool = False,
    ) -> None:
        """`alone`: nobody else's request may follow on this connection."""
        super().__init__(connection, reader, url, failed)
        self._upload = upload
        self._alone = alone

    async def head(
        self, request: bytes, limit: float, refused: Callable[[Head], Awaitable[bool]] | None = None
    ) -> Head | None:
        """As `Exchange.head`; `limit` counts from the body's end. What the body raised is raised."""
        upload = self._upload
        try:
            return await super().head(request, limit, refused)
        except (OSError, PipwayError):
            if upload is not None and isinstance(upload.failure, TimeoutError):
                raise self._slow("stalled", "took no more of the request", limit) from None
            if upload is not None and upload.failure is not None:
                raise upload.failure from None
            raise

    async def _send(self, request: bytes, timer: asyncio.Timeout) -> None:
        await super()._send(request, timer)
        if self._upload is not None:
            self._upload.start(self.connection)
            self._upload.beside(timer)

    async def _arrival(self, timer: asyncio.Timeout) -> None:
        if self._upload is not None:
            self._upload.beside(timer)
        await super()._arrival(timer)

    async def _finish(self, end: Event) -> None:
        assert isinstance(end, End)
        if self.reader.switched:
            self._over = True  # the connection goes to whoever asked for the change
            return
        upload = self._upload
        whole = upload is None or upload.done
        if upload is not None:
            await upload.stop()
        await super()._finish(End(end.reusable and whole and not self._alone))

    async def abandon(self, error: BaseException | None = None) -> None:
        """Drop the connection, and what was still on its way up."""
        if self._upload is not None:
            await self._upload.stop()
        if not self.reader.switched:
            await super().abandon(error)


class Greeting(Exchange):
    """A request whose answer nobody wants: it makes a parent ask for its login before a body is at stake."""

    _reusable = False

    async def _finish(self, end: Event) -> None:
        assert isinstance(end, End)
        self._over, self._reusable = True, end.reusable

    async def dropped(self, limit: float) -> bool:
        """Read the answer to its end: whether the connection goes on."""
        left = _GREETING
        while piece := await self.body(limit):
            left -= len(piece)
            if left < 0:
                return False
        return self._reusable


class Passed:
    """The answer to a request that was sent on. Conforms to `server.outside.Reply`."""

    def __init__(self, exchange: Onward, head: Head, patience: float) -> None:
        self.status = head.status
        self.reason = head.reason
        self.version = head.version
        self.fields = head.headers
        self.length = head.length
        self.switched: Stream | None = None
        self._exchange = exchange
        self._patience = patience
        if exchange.reader.switched:
            self.switched = with_early(exchange.connection.keep(), exchange.reader.rest)

    @property
    def ready(self) -> bool:
        """Whether the next piece of the body, or its end, is here already."""
        return self._exchange.ready

    def chunks(self) -> AsyncIterator[bytes]:
        """The body, unframed and still coded as it was. Unavailable on truncation, reset or stall."""
        return _Pieces(self._exchange, self._patience)

    async def aclose(self) -> None:
        """Drop the connection unless the body was read to its end. `switched` is closed by whoever has it."""
        await self._exchange.abandon()


class _Pieces:
    """An iterator that needs no closing, unlike an async generator that is left half-way."""

    def __init__(self, exchange: Onward, patience: float) -> None:
        self._exchange = exchange
        self._patience = patience

    def __aiter__(self) -> _Pieces:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._exchange.body(self._patience)
        if not piece:
            raise StopAsyncIteration
        return piece
