"""A circuit breaker per upstream origin: what failed repeatedly is left alone for a while, then probed once.

`remote` asks before and reports after every request. It never sends anything and knows nothing of HTTP.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from pipway.errors import Unavailable
from pipway.trace import Trace

_ORIGINS = 1024  # bound on remembered origins; file hosts come from pages, so their number is not ours to choose


class Breaker:
    """One origin's state. Closed: everything passes. Open: nothing. Half-open: one probe."""

    def __init__(self, origin: str, *, trace: Trace, clock: Callable[[], float], threshold: int, rest: float) -> None:
        self._origin = origin
        self._trace = trace
        self._clock = clock
        self._threshold = threshold
        self._rest = rest
        self._failures = 0
        self._openings = 0
        self._until: float | None = None  # None: closed
        self._why = ""
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether its origin is not being asked, but for a probe."""
        return self._until is not None

    def enter(self) -> None:
        """Ask to send a request; pair it with `success`, `failure` or `left`. Unavailable while open."""
        if self._until is None:
            return
        remaining = self._until - self._clock()
        if remaining > 0 or self._probing:
            raise Unavailable(
                "circuit-open",
                f"{self._origin} is not being asked: it failed {self._failures} times in a row",
                why=self._why or "the last answers were connection failures or server errors",
                fix="wait, or look at the upstream and the way to it",
                retry_after=max(1, math.ceil(remaining)),
            )
        self._probing = True

    def success(self) -> None:
        """The origin answered sensibly (a 404 is sensible)."""
        self._failures = 0
        self._openings = 0
        self._probing = False
        if self._until is not None:
            self._until = None
            self._trace.emit("breaker.closed", origin=self._origin)

    def failure(self, why: str = "") -> None:
        """It did not answer, or with a server error; `why` is repeated to those who are turned away meanwhile."""
        self._failures += 1
        self._why = why
        if self._probing or (self._until is None and self._failures >= self._threshold):
            rest = min(self._rest * 2.0 ** min(self._openings, 10), self._rest * 8)
            self._openings += 1
            self._until = self._clock() + rest
            self._trace.emit("breaker.opened", origin=self._origin, seconds=rest)
        self._probing = False

    def left(self) -> None:
        """The request was given up by us: it says nothing about the origin."""
        self._probing = False


class Breakers:
    """One breaker per origin, shared by all upstreams of a process."""

    def __init__(
        self,
        *,
        trace: Trace,
        clock: Callable[[], float] = time.monotonic,
        threshold: int = 5,
        rest: float = 10.0,
    ) -> None:
        """`threshold` consecutive failures open it for `rest` seconds, doubling to at most 8 × `rest`."""
        self._trace = trace
        self._clock = clock
        self._threshold = threshold
        self._rest = rest
        self._by_origin: dict[str, Breaker] = {}

    def of(self, url: str) -> Breaker:
        """Give the breaker of a URL's origin (scheme, host, port; never userinfo)."""
        key = origin(url)
        breaker = self._by_origin.get(key)
        if breaker is None:
            while len(self._by_origin) >= _ORIGINS:
                del self._by_origin[next(iter(self._by_origin))]
            breaker = Breaker(key, trace=self._trace, clock=self._clock, threshold=self._threshold, rest=self._rest)
            self._by_origin[key] = breaker
        return breaker

    def open(self) -> list[str]:
        """Origins that are not being asked at the moment."""
        return [key for key, breaker in self._by_origin.items() if breaker.open]


def origin(url: str) -> str:
    """Give scheme://host:port in lower case, without userinfo (RFC 6454 §4)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme.lower()}://{host}"
