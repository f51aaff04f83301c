"""Questions to a library that may hang: one at a time, each in a thread of its own, waited for so long and no longer.

`kerberos` asks KDCs through it: the threads that everything else needs must not wait for one that is not there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Patience:
    """Blocking: call it in a thread."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is how long to wait for one's turn, and then for the answer."""
        self._seconds = seconds
        self._turn = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether a question is under way, be it that nobody waits for its answer any more."""
        return self._turn.locked()

    def ask(self, question: Callable[[], T], late: Callable[[BaseException | None], None]) -> T:
        """The answer, or what the question raises.

        TimeoutError when that takes too long: the question goes on alone, and `late` hears what it raised in the end.
        """
        if not self._turn.acquire(timeout=self._seconds):
            raise TimeoutError
        answer: Future[T] = Future()
        try:
            # A daemon: the process must not wait for it at its end.
            threading.Thread(target=self._think, args=(question, answer), name="kerberos", daemon=True).start()
        except RuntimeError:
            self._turn.release()
            raise
        try:
            return answer.result(self._seconds)
        except TimeoutError:
            if answer.done():
                return answer.result()
            answer.add_done_callback(lambda done: late(done.exception()))
            raise

    def _think(self, question: Callable[[], T], answer: Future[T]) -> None:
        try:
            value = question()
        except BaseException as error:
            self._turn.release()
            answer.set_exception(error)
        else:
            self._turn.release()
            answer.set_result(value)
