"""When to ask again: exponential backoff with full jitter, and Retry-After where it is short enough.

`remote` and `flight` use it. It decides delays and sleeps; it never sends anything itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from pipway.errors import NoWayOut, Unavailable

#: Unavailable for a reason that the next second will not change, or that a client has waited for long enough.
HOPELESS = frozenset({"circuit-open", "upstream-refused", "offline", "stopping", "parent-timeout"})


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently. Seconds throughout; `sleep` and `draw` are arguments so that tests own them."""

    attempts: int = 3
    first: float = 0.25
    longest: float = 5.0  #: bound of one delay; a longer Retry-After ends the attempts instead
    hopeless: frozenset[str] = HOPELESS
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    draw: Callable[[], float] = random.random

    def delay(self, failed: int, error: Unavailable) -> float | None:
        """Seconds to wait after `failed` attempts (1 is the first), None to give up."""
        if failed >= self.attempts or isinstance(error, NoWayOut) or error.code in self.hopeless:
            return None
        if error.code == "circuit-open":
            return min(self.longest, float(error.retry_after))
        if isinstance(error, Told):
            return error.wait if error.wait <= self.longest else None
        return self.draw() * min(self.longest, self.first * 2.0 ** min(failed - 1, 30))


class Told(Unavailable):
    """The upstream said when to come back (RFC 9110 §10.2.3): `wait` in seconds."""

    def __init__(self, code: str, what: str, *, wait: float, why: str = "") -> None:
        super().__init__(code, what, why=why, retry_after=max(1, min(3600, round(wait))))
        self.wait = wait


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, delta-seconds or HTTP-date, as seconds from `now`; None when absent or broken."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
