"""A request's body on its way in: decoded, bounded, handed on as it comes.

The connection feeds it, the ASGI bridge reads it. When the reader is slow it asks the connection to stop reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pipway.errors import PipwayError, ProtocolError
from pipway.wire.chunked import ChunkedDecoder
from pipway.wire.requests import Head

#: Undelivered bytes above which the connection stops reading.
HIGH = 262144


class IncomingBody:
    """The body of one request."""

    def __init__(self, head: Head, limit: int) -> None:
        self.complete = not head.has_body
        self.error: PipwayError | None = None  #: broken framing or too long: nothing more comes, nothing can follow
        self.begun = False  #: a byte of it has arrived
        self.gone = False  #: the client is: what has not come will not
        self.held = 0  #: bytes not read yet
        self.resume: Callable[[], None] | None = None  #: called when a reader has made room
        self.limit = limit  #: bytes it may have
        self._left = head.length
        self._taken = 0
        self._decoder = ChunkedDecoder() if head.chunked else None
        self._chunks: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> bytes:
        """Take what arrived and give back what follows the body."""
        rest = b""
        self.begun = True
        if self.error is not None:
            return rest
        if self._decoder is None:
            data, rest = data[: self._left], data[self._left :]
            self._left -= len(data)
            self.complete = self._left == 0
        else:
            try:
                data = self._decoder.feed(data)
            except ProtocolError as error:
                self.fail(error)
                return rest
            self.complete, rest = self._decoder.done, self._decoder.rest
        self._taken += len(data)
        if self._taken > self.limit:
            self.fail(too_large(self.limit))
            return b""
        if data:
            self._chunks.append(data)
            self.held += len(data)
        self._wake()
        return rest

    def fail(self, error: PipwayError) -> None:
        """Nothing more will come because of `error`."""
        self.error = error
        self.complete = False
        self._wake()

    def lost(self) -> None:
        """The client is gone."""
        self.gone = True
        self._wake()

    async def read(self) -> bytes:
        """The next bytes, b"" at the end. ProtocolError when the body is broken, ConnectionResetError when cut off."""
        while not self._chunks:
            if self.complete:
                return b""
            if self.error is not None:
                raise self.error
            if self.gone:
                raise ConnectionResetError("client is gone")
            await self.change()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self.held = 0
        if self.resume is not None:
            self.resume()
        return data

    async def change(self) -> None:
        """Wait until something arrives or the client is gone."""
        if self._waiter is None:
            self._waiter = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._waiter)

    def poke(self) -> None:
        """Wake whoever waits for a change."""
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def too_large(limit: int) -> ProtocolError:
    """What a client is told whose body exceeds `limit` bytes (RFC 9110 §15.5.14)."""
    return ProtocolError("body-too-large", f"request body larger than {limit} bytes", status=413)
