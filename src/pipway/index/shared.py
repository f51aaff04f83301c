"""One running task per key, however many want its result; it outlives whoever started it.

The single-flight rule of this package in one place: `cached`, `metadata` and `projects` use it, `flight` for the
tasks of its transfers. Owned tasks end in `aclose`, never by a client going away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from pipway.errors import PipwayError, Unavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Shared(Generic[K, V]):
    """Tasks by key."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[V]] = {}
        self._closed = False

    def start(self, key: K, make: Callable[[], Coroutine[Any, Any, V]]) -> tuple[asyncio.Task[V], bool]:
        """Give the running task of this key, and whether it was started just now."""
        task = self._tasks.get(key)
        if task is not None:
            return task, False
        if self._closed:
            raise stopping()
        task = asyncio.create_task(make())
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._done(key, done))
        return task, True

    async def join(self, key: K, make: Callable[[], Coroutine[Any, Any, V]]) -> tuple[V, bool]:
        """Wait for the key's result; also says whether it was started for this call."""
        task, started = self.start(key, make)
        return await result(task), started

    def __contains__(self, key: K) -> bool:
        return key in self._tasks

    async def aclose(self) -> None:
        """Cancel what runs and wait for its end; later starts are refused."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def follow(self, key: K, make: Callable[[], Coroutine[Any, Any, V]]) -> None:
        """Start it after the running task of this key, if there is one."""
        if self._closed:
            raise stopping()
        previous = self._tasks.get(key)

        async def run() -> V:
            if previous is not None:
                await asyncio.wait({previous})
            return await make()

        task = asyncio.create_task(run())
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._done(key, done))

    async def wait(self, key: K) -> None:
        """Until nothing runs for this key; how it ended is the business of whoever started it."""
        while task := self._tasks.get(key):
            await asyncio.wait({task})

    async def finish(self) -> None:
        """Let what runs come to its end; later starts are refused."""
        self._closed = True
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _done(self, key: K, task: asyncio.Task[V]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled():
            task.exception()  # seen: nobody may be waiting any more


async def result(task: asyncio.Task[V]) -> V:
    """Wait for a shared task without owning it: the waiter's cancellation leaves it alone."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():  # by `aclose`; a waiter's own cancellation leaves the task running
            current = asyncio.current_task()
            if current is None or not current.cancelling():
                raise stopping() from None
        raise
    except PipwayError as error:
        # Many waiters raise this one object: without the reset its traceback would grow with each of them.
        raise error.with_traceback(None) from None


def stopping() -> Unavailable:
    """The error of work that is abandoned because pipway stops."""
    return Unavailable("stopping", "pipway is shutting down", fix="try again in a moment", retry_after=5)
