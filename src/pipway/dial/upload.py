"""A request's body on its way up, beside the wait for its answer.

`onward` makes one for each attempt. The peer sets the pace: a piece is asked for when the one before is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from pipway.dial.pool import Connection
from pipway.errors import PipwayError
from pipway.wire import chunked


class Upload:
    """One body. Its `__anext__` may be cancelled and called again, by the next attempt."""

    def __init__(self, body: AsyncIterator[bytes], *, framed: bool, expecting: bool, patience: float) -> None:
        """`framed`: chunked; `expecting`: 100 Continue is asked for; `patience`: seconds to take a piece."""
        self.begun = False  #: some of it was taken
        self.done = False
        self.failure: BaseException | None = None  #: why no more of it comes
        self.task: asyncio.Task[None] | None = None
        self._body = body
        self._framed = framed
        self._expecting = expecting
        self._patience = patience
        self._timer: asyncio.Timeout | None = None

    @property
    def running(self) -> bool:
        """Whether more of it may go up."""
        return self.task is not None and not self.task.done()

    def start(self, connection: Connection) -> None:
        """Begin."""
        self.task = asyncio.get_running_loop().create_task(self._run(connection))

    def beside(self, timer: asyncio.Timeout | None) -> None:
        """`timer` limits a wait for the peer: it stands still while the peer waits for the body."""
        self._timer = timer
        if self.running and not self._expecting:
            self._limit(None)

    def continued(self) -> None:
        """An interim answer came (RFC 9110 §10.1.1): the body is what everybody waits for now."""
        self._expecting = False
        if self.running:
            self._limit(None)

    async def stop(self) -> None:
        """No more of it is wanted."""
        if self.task is not None and not self.task.done():
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task

    async def _run(self, connection: Connection) -> None:
        try:
            await self._send(connection)
        except _PeerGone:
            pass  # it may have answered and closed (RFC 9112 §9.5): its answer says more than a broken pipe
        except (OSError, PipwayError) as error:
            # A body that breaks off must not look like a whole one: cut the connection, which wakes its reader, too.
            self.failure = error
            await connection.release(reusable=False)
        self._limit(asyncio.get_running_loop().time() + self._patience)

    async def _send(self, connection: Connection) -> None:
        while (piece := await anext(self._body, None)) is not None:
            self.begun = True
            self.continued()
            if piece:
                await self._write(connection, b"".join(chunked.frame(piece)) if self._framed else piece)
        self.begun = True
        if self._framed:
            await self._write(connection, chunked.LAST)
        self.done = True

    async def _write(self, connection: Connection, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._patience) as timer:
                await connection.stream.write(data)
        except OSError as error:
            if timer.expired():
                raise
            raise _PeerGone from error

    def _limit(self, when: float | None) -> None:
        if self._timer is not None:
            with suppress(RuntimeError):  # the wait is over already
                self._timer.reschedule(when)


class _PeerGone(Exception):
    """The peer takes no more of the body."""
