"""Open connections, kept per origin and route for the next request.

Only `http` uses it. At most `per_origin` connections to one origin exist; whoever wants more waits in line (how
long is the caller's business). It never looks into the bytes: a stream that has something to say is dropped.
Where a connection is dear, because a parent wants a login for each, a few are shared before more are opened.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from pipway.dial.base import Stream
from pipway.dial.url import Origin
from pipway.errors import Unavailable

_FEW = 4  # connections that may be opened at once even where they are dear


class Connection:
    """A stream on loan. Give it back exactly once: `release(reusable=...)`; later calls do nothing."""

    def __init__(self, stream: Stream, lane: _Lane, pool: Pool, *, reused: bool) -> None:
        self.stream = stream
        self.reused = reused
        self._lane = lane
        self._pool = pool
        self._open = True

    async def release(self, *, reusable: bool) -> None:
        """End the loan: keep the stream for another request, or close it."""
        if self._open:
            self._open = False
            await self._pool._take_back(self.stream, self._lane, reusable=reusable)

    def keep(self) -> Stream:
        """End the loan and keep the stream for good: it speaks something else from now on, and is ours to close."""
        if self._open:
            self._open = False
            self._pool._give_away(self.stream, self._lane)
        return self.stream


class _Lane:
    """The connections of one origin by one route."""

    def __init__(self, key: tuple[Origin, str], size: int) -> None:
        self.key = key
        self.free = asyncio.Semaphore(size)
        self.users = 0  # loans and those who wait for one
        self.busy = 0  # connections lent or being opened
        self.waiting: deque[asyncio.Future[Stream | None]] = deque()  # for the place of one; without a stream: open one
        self.idle: list[tuple[Stream, float]] = []  # with the loop's time of their return; newest last


class Pool:
    """Lends connections."""

    def __init__(self, connect: Callable[[Origin], Awaitable[Stream]], *, per_origin: int, idle_limit: float) -> None:
        """`connect` opens a new one; `idle_limit` is how many seconds an unused one is kept."""
        self._connect = connect
        self._per_origin = per_origin
        self._idle_limit = idle_limit
        self._lanes: dict[tuple[Origin, str], _Lane] = {}
        self._lent: set[Stream] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        """How many connections are open, lent ones included."""
        return len(self._lent) + sum(len(lane.idle) for lane in self._lanes.values())

    async def take(self, origin: Origin, route: str = "", *, fresh: bool = False, patience: float = 0.0) -> Connection:
        """Lend an idle connection, the newest first, or a new one (always with `fresh`). Raises what connect does.

        `route` names the way out: when it changes, connections that went another way are not used any more.
        `patience`: seconds to wait for one that is lent, when a few are, before another is opened.
        """
        if self._closed:
            raise _closed()
        key = (origin, route)
        lane = self._lanes.setdefault(key, _Lane(key, self._per_origin))
        lane.users += 1
        try:
            await lane.free.acquire()
            try:
                stream = await self._place(lane, fresh=fresh, patience=patience)
                reused = stream is not None
                stream = stream or await self._open(origin, lane)
            except BaseException:
                lane.free.release()
                raise
        except BaseException:
            self._leave(lane)
            raise
        self._lent.add(stream)
        return Connection(stream, lane, self, reused=reused)

    async def aclose(self) -> None:
        """Close every connection, lent ones too: their readers see the connection break."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._sweeping is not None:
            await self._sweeping
        idle = [stream for lane in self._lanes.values() for stream, _ in lane.idle]
        self._lanes.clear()
        for stream in [*idle, *self._lent]:
            await stream.aclose()

    async def _open(self, origin: Origin, lane: _Lane) -> Stream:
        try:
            stream = await self._connect(origin)
            if self._closed:
                await stream.aclose()
                raise _closed()
        except BaseException:
            self._freed(lane, None)
            raise
        return stream

    async def _place(self, lane: _Lane, *, fresh: bool, patience: float) -> Stream | None:
        """A place among the busy ones: with an idle stream, with one that comes back in time, or to open another."""
        stream = None if fresh else await self._wake(lane)
        if stream is None and not fresh and patience and lane.busy >= _FEW:
            place: asyncio.Future[Stream | None] = asyncio.get_running_loop().create_future()
            lane.waiting.append(place)
            try:
                await asyncio.wait([place], timeout=patience)
            except asyncio.CancelledError:
                if place.done():
                    self._freed(lane, place.result())
                raise
            finally:
                with contextlib.suppress(ValueError):
                    lane.waiting.remove(place)
            if place.done() and self._closed:
                self._freed(lane, None)
                raise _closed()
            if place.done():
                return place.result()
        lane.busy += 1
        return stream

    def _freed(self, lane: _Lane, stream: Stream | None) -> None:
        """A place, with the stream in it if that is good, goes to the next in line; else the stream is idle."""
        if lane.waiting:
            lane.waiting.popleft().set_result(stream)
            return
        lane.busy -= 1
        if stream is not None and not self._closed:
            self._lent.discard(stream)
            lane.idle.append((stream, asyncio.get_running_loop().time()))
            self._schedule_sweep()

    async def _wake(self, lane: _Lane) -> Stream | None:
        """The newest idle stream that is still good; those that the peer closed meanwhile are dropped."""
        oldest = asyncio.get_running_loop().time() - self._idle_limit
        while lane.idle:
            stream, since = lane.idle.pop()
            if since > oldest and stream.quiet:
                return stream
            await stream.aclose()
        return None

    async def _take_back(self, stream: Stream, lane: _Lane, *, reusable: bool) -> None:
        keep = reusable and not self._closed and stream.quiet
        if not keep:
            self._lent.discard(stream)
        self._freed(lane, stream if keep else None)
        lane.free.release()
        self._leave(lane)
        if not keep:
            await stream.aclose()

    def _give_away(self, stream: Stream, lane: _Lane) -> None:
        self._lent.discard(stream)
        self._freed(lane, None)
        lane.free.release()
        self._leave(lane)

    def _leave(self, lane: _Lane) -> None:
        lane.users -= 1
        self._forget(lane)

    def _forget(self, lane: _Lane) -> None:
        if not lane.users and not lane.idle:
            self._lanes.pop(lane.key, None)

    def _schedule_sweep(self) -> None:
        if self._sweeper is None:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(self._idle_limit, self._start_sweep)

    def _start_sweep(self) -> None:
        self._sweeper = None
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        """Close what was idle too long or was closed by its peer, so that descriptors do not pile up."""
        oldest = asyncio.get_running_loop().time() - self._idle_limit
        for lane in list(self._lanes.values()):
            dead = [stream for stream, since in lane.idle if since <= oldest or not stream.quiet]
            lane.idle = [(stream, since) for stream, since in lane.idle if stream not in dead]
            self._forget(lane)
            for stream in dead:
                await stream.aclose()
        if any(lane.idle for lane in self._lanes.values()):
            self._schedule_sweep()


def _closed() -> Unavailable:
    return Unavailable("client-closed", "the HTTP client is closed")
