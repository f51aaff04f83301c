"""A response that is being read: its head is here, its body comes as it arrives.

`http.Client` makes them; `index` reads them through `index.base.HttpResponse`. Ends its loan of the connection at the
body's end, at any failure, and at `aclose`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from pipway.dial.failures import broken_connection
from pipway.dial.pool import Connection
from pipway.dial.url import Url
from pipway.errors import BadUpstream, PipwayError, Unavailable
from pipway.wire.codings import Decoder, decoder_for
from pipway.wire.responses import End, Event, Head, ResponseReader

_LARGE = 65536  # bytes decoded at a time, from which on others get a turn
_REFUSAL = 65536  # bytes of a parent's refusal worth reading to keep its connection


class Exchange:
    """One request and its response on one connection, as raw events. Errors are PipwayErrors with the host's name."""

    def __init__(
        self, connection: Connection, reader: ResponseReader, url: Url, failed: Callable[[PipwayError], None]
    ) -> None:
        """`failed` is told of a failure, once."""
        self.connection = connection
        self.reader = reader
        self.url = url
        self._failed = failed
        self._events: deque[Event] = deque()
        self._over = False
        self._failure: PipwayError | None = None

    async def head(
        self, request: bytes, limit: float, refused: Callable[[Head], Awaitable[bool]] | None = None
    ) -> Head | None:
        """Send, and wait at most `limit` seconds for the whole head. OSError, PipwayError; nothing is released.

        Where `refused` says so of the head, the body is dropped, the connection is kept on loan, and None is given: the
        request must be sent again.
        """
        try:
            async with asyncio.timeout(limit) as timer:
                await self._send(request, timer)
                while not self._events:
                    await self._receive()
        except TimeoutError:
            if not timer.expired():
                raise  # the operating system's own
            raise self._slow("first-byte-timeout", "did not answer", limit) from None
        head = self._events.popleft()
        assert isinstance(head, Head)
        if refused is not None and await refused(head):
            await self._drop_refusal(limit)
            return None
        if self._events and isinstance(self._events[-1], End):
            await self._finish(self._events.pop())
        return head

    async def _send(self, request: bytes, timer: asyncio.Timeout) -> None:
        await self.connection.stream.write(request)

    async def _drop_refusal(self, limit: float) -> None:
        dropped = 0
        async with asyncio.timeout(limit):
            while True:
                while self._events:
                    event = self._events.popleft()
                    if isinstance(event, End):
                        return
                    dropped += len(event) if isinstance(event, bytes) else 0
                if dropped > _REFUSAL:
                    raise Unavailable("parent-reconnect", "the parent's refusal is too long to wait for its end")
                await self._receive()

    @property
    def ready(self) -> bool:
        """Whether the next piece, or the end, is here already."""
        return bool(self._events) or self._over

    async def body(self, stall: float) -> bytes:
        """The next piece as it came, b"" at the end; at most `stall` seconds between two arrivals."""
        if self._failure is not None:
            raise self._failure
        try:
            while not self._events:
                if self._over:
                    return b""
                await self._body_bytes(stall)
        except BaseException as error:
            await self.abandon(error)
            if isinstance(error, OSError):
                assert self._failure is not None
                raise self._failure from None
            raise
        piece = self._events.popleft()
        assert isinstance(piece, bytes)
        return piece

    async def abandon(self, error: BaseException | None = None) -> None:
        """Drop the connection; `error` is why, for those who are told of failures."""
        self._over = True
        if isinstance(error, OSError):
            error = broken_connection(str(self.url.origin), error)
        if isinstance(error, PipwayError) and self._failure is None:
            self._failure = error
            self._failed(error)
        await self.connection.release(reusable=False)

    async def _body_bytes(self, stall: float) -> None:
        try:
            async with asyncio.timeout(stall) as timer:
                await self._arrival(timer)
        except TimeoutError:
            if not timer.expired():
                raise
            raise self._slow("stalled", "sent nothing more", stall) from None
        if self._events and isinstance(self._events[-1], End):
            await self._finish(self._events.pop())

    async def _arrival(self, timer: asyncio.Timeout) -> None:
        await self._receive()

    async def _receive(self) -> None:
        data = await self.connection.stream.read()
        self._events += self.reader.feed(data) if data else self.reader.eof()

    async def _finish(self, end: Event) -> None:
        assert isinstance(end, End)
        self._over = True
        await self.connection.release(reusable=end.reusable)

    def _slow(self, code: str, did: str, seconds: float) -> Unavailable:
        return Unavailable(
            code,
            f"{self.url.origin} {did} for {seconds:g} s",
            why="the server, or something on the way to it, is overloaded or stuck",
            fix="try again later; if it persists, raise the limit or check the network",
        )


class Response:
    """Conforms to `index.base.HttpResponse`."""

    def __init__(self, exchange: Exchange, head: Head, *, method: str, stall: float, decode: bool) -> None:
        self.status = head.status
        self.url = str(exchange.url)
        self._head = head
        self._exchange = exchange
        self._stall = stall
        self._bare = method == "HEAD" or head.status in (204, 304)  # RFC 9110 §6.4.1: never a body, whatever it says
        coding = head.header(b"content-encoding") if decode and not self._bare else None
        self._decoder: Decoder | None = decoder_for(coding)
        self.length = None if self._decoder else head.length

    def header(self, name: str) -> str | None:
        """A header's value; several are joined with ", "."""
        return self._head.header(name.lower().encode("latin-1", "replace"))

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, content-decoded. Raises Unavailable on reset, truncation or stall."""
        return _Chunks(self._next)

    async def read(self, limit: int) -> bytes:
        """The whole body; BadUpstream when it is longer than `limit` bytes."""
        size = 0 if self._bare else self.length or 0
        pieces: list[bytes] = []
        if size <= limit:
            size = 0
            while piece := await self._next():
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    break
        if size > limit:
            error = BadUpstream(
                "answer-too-large", f"{self._exchange.url.printable} answered with more than {limit} bytes"
            )
            await self._exchange.abandon(error)
            raise error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def aclose(self) -> None:
        """Release or drop the connection. Does nothing after the body's end."""
        await self._exchange.abandon()

    async def abandon(self, error: PipwayError) -> None:
        """Drop the connection because of `error`."""
        await self._exchange.abandon(error)

    async def drain(self, limit: int) -> None:
        """Read a body that nobody wants, so that its connection can be used again; drop it beyond `limit` bytes."""
        while piece := await self._exchange.body(self._stall):
            limit -= len(piece)
            if limit < 0:
                await self.aclose()
                return

    async def _next(self) -> bytes:
        decoder = self._decoder
        if decoder is None:
            return await self._exchange.body(self._stall)
        try:
            while not (piece := decoder.take()):
                raw = await self._exchange.body(self._stall)
                if not raw:
                    decoder.finish()
                    return b""
                decoder.feed(raw)
        except BadUpstream as error:
            await self._exchange.abandon(error)
            raise
        if len(piece) >= _LARGE:
            await asyncio.sleep(0)  # a body that expands enormously must not keep other connections waiting
        return piece


class _Chunks:
    """An iterator that needs no closing, unlike an async generator that is left half-way."""

    def __init__(self, step: Callable[[], Awaitable[bytes]]) -> None:
        self._step = step

    def __aiter__(self) -> _Chunks:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._step()
        if not piece:
            raise StopAsyncIteration
        return piece
