"""Connections to a parent that are made ahead: in a burst, the next tunnel costs one round trip and no wait.

`via_http` takes from here and tells of every tunnel. Where a login holds for a connection (NTLM, Negotiate) they are
logged in, too. `outbound` makes and closes the one `Spares`. It never makes one for a lone tunnel: each may be a logon
at somebody's directory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from pipway.dial.base import Stream
from pipway.errors import PipwayError

_BURST, _WITHIN = 5, 10.0  # so many tunnels within so many seconds: more will come
_AHEAD = 2
_KEPT = 20.0  # seconds; shorter than proxies keep silent connections
_LIMIT = 10.0  # seconds for making one

#: Opens a connection, and logs in where that lasts; None when the parent does not keep it open.
Make = Callable[[], Awaitable[Stream | None]]


class _Shelf:
    """The spare connections of one owner."""

    def __init__(self) -> None:
        self.used: deque[float] = deque(maxlen=_BURST)
        self.idle: deque[tuple[Stream, float]] = deque()  # with the loop's time of their making; newest last
        self.making = 0
        self.useless = False


class Spares:
    """For all parents; each way to one has a shelf of its own."""

    def __init__(self) -> None:
        self._shelves: dict[object, _Shelf] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self, owner: object) -> Stream | None:
        """One that is still good, the newest first."""
        shelf = self._shelves.get(owner)
        oldest = asyncio.get_running_loop().time() - _KEPT
        while shelf is not None and shelf.idle:
            stream, since = shelf.idle.pop()
            if since > oldest and stream.quiet:
                return stream
            await stream.aclose()
        return None

    def used(self, owner: object, make: Make) -> None:
        """A tunnel was opened: in a burst, make sure that the next ones find a connection."""
        if self._closed:
            return
        now = asyncio.get_running_loop().time()
        shelf = self._shelves.setdefault(owner, _Shelf())
        shelf.used.append(now)
        if shelf.useless or len(shelf.used) < _BURST or shelf.used[0] < now - _WITHIN:
            return
        while len(shelf.idle) + shelf.making < _AHEAD:
            shelf.making += 1
            task = asyncio.create_task(self._make(shelf, make))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def useless(self, owner: object) -> None:
        """This parent wants a login for each request after all: make no more."""
        self._shelves.setdefault(owner, _Shelf()).useless = True

    async def aclose(self) -> None:
        """Close them all."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close_older(float("inf"))

    async def _make(self, shelf: _Shelf, make: Make) -> None:
        stream: Stream | None = None
        try:
            async with asyncio.timeout(_LIMIT):
                stream = await make()
        except (PipwayError, OSError):  # whoever dials next meets the same and tells it
            shelf.used.clear()
        else:
            shelf.useless |= stream is None
        finally:
            shelf.making -= 1
        if stream is not None:
            shelf.idle.append((stream, asyncio.get_running_loop().time()))
            self._schedule_sweep()

    def _schedule_sweep(self) -> None:
        if self._sweeper is None and not self._closed:
            self._sweeper = asyncio.get_running_loop().call_later(_KEPT, self._start_sweep)

    def _start_sweep(self) -> None:
        self._sweeper = None
        task = asyncio.create_task(self._sweep())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sweep(self) -> None:
        await self._close_older(asyncio.get_running_loop().time() - _KEPT)
        if any(shelf.idle for shelf in self._shelves.values()):
            self._schedule_sweep()

    async def _close_older(self, oldest: float) -> None:
        for shelf in self._shelves.values():
            while shelf.idle and shelf.idle[0][1] <= oldest:
                stream, _ = shelf.idle.popleft()
                await stream.aclose()
