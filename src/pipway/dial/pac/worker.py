"""One thread for what may never end: calls run one after the other, and one that outlasts its limit is given up.

`engine` uses it: some loops inside QuickJS never look at its time limit. A thread cannot be killed, so the one that
hangs is left behind as a daemon, which does not keep the process from ending; nothing more is run then.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")  # Python 3.11 has no other way to write it


class Stuck(Exception):
    """A call outlasted its limit; this worker is of no more use."""


class Worker:
    """Belongs to the loop that first runs something on it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._turn = asyncio.Lock()
        self.stuck = False

    async def run(self, call: Callable[[], T], *, limit: float) -> T:
        """Its result, when its turn comes. Stuck after `limit` seconds of running; a call given up on still ends."""
        async with self._turn:
            if self.stuck:
                raise Stuck
            done = self._begin(call)
            try:
                async with asyncio.timeout(limit):
                    return await asyncio.shield(done)
            except TimeoutError:
                self.stuck = True
                raise Stuck from None
            except asyncio.CancelledError:
                # The caller left; the call goes on, and the next one has to wait for it in the thread anyway.
                done.add_done_callback(_taken)
                raise

    def close(self) -> None:
        """End the thread after what it was given."""
        self._calls.put(None)

    def _begin(self, call: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]  # T, when there is no error

        def work() -> None:
            result, error = None, None
            try:
                result = call()
            except BaseException as caught:  # told to whoever waits
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                loop.call_soon_threadsafe(settle, result, error)

        if self._thread is None:
            self._thread = threading.Thread(target=_work, args=(self._calls,), name=self._name, daemon=True)
            self._thread.start()
        self._calls.put(work)
        return future


def _work(calls: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (call := calls.get()) is not None:
        call()


def _taken(future: asyncio.Future[Any]) -> None:
    """Nobody asks for the error of a call that was left."""
    if not future.cancelled():
        future.exception()
