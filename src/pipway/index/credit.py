"""How many bytes may still be fetched for nothing: the one bound on `ahead`, by volume and by hit rate at once.

Each guess is paid for when it is fetched and paid back when a client asks for it. Whoever guesses badly runs out and
waits until time pays back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from pipway.index.recent import Recent

_REMEMBERED = 16_384  # guesses that may still turn out right
_REFILL_SECONDS = 600.0  # from nothing to full


class Credit:
    """An account in bytes."""

    def __init__(self, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`limit` is the most that may be lost at once; it comes back within ten minutes."""
        self.limit = limit
        self._left = float(limit)
        self._clock = clock
        self._then = clock()
        self._guesses: Recent[Hashable, int] = Recent(_REMEMBERED)

    @property
    def left(self) -> int:
        """Bytes that may be spent now."""
        now = self._clock()
        self._left = min(float(self.limit), self._left + (now - self._then) * self.limit / _REFILL_SECONDS)
        self._then = now
        return int(self._left)

    def spend(self, guess: Hashable, size: int) -> bool:
        """Pay for a guess; False, and nothing is paid, when it costs more than is left."""
        if size > self.left:
            return False
        self.give_back(guess)
        self._left -= size
        self._guesses.put(guess, size, 1)
        return True

    def give_back(self, guess: Hashable) -> bool:
        """It was right, or cost nothing after all. Says whether it had been paid for."""
        size = self._guesses.get(guess)
        if size is None:
            return False
        self._guesses.pop(guess)
        self._left = min(float(self.limit), self._left + size)
        return True
