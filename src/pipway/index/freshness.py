"""How long a page may be reused (RFC 9111 §4.2), as numbers and pure functions. For `cached` and `projects`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds throughout."""

    ttl: float = 600.0  #: when the upstream does not say
    least: float = 5.0  #: bounds of what it says
    most: float = 86_400.0
    swr: float = 300.0  #: after that, served stale at once while one revalidation runs (RFC 5861 §3)
    patience: float = 1.0  #: after that too, waited for a revalidation before the stale page is served
    stale_limit: float | None = None  #: after freshness, how long errors are papered over (RFC 5861 §4); None: for ever
    negative: float = 30.0  #: a real 404 is believed for so long
    recheck: float = 5.0  #: at most one revalidation in so many seconds on a client's demand, or after a failure
    repeat: float = 1.0  #: a stale answer may be repeated for so long without asking again

    def lifetime(self, max_age: float | None) -> float:
        """Seconds a page stays fresh after it was confirmed."""
        return self.ttl if max_age is None else min(self.most, max(self.least, max_age))

    def left(self, fetched: datetime, max_age: float | None, now: datetime) -> float:
        """Seconds of freshness left, negative when stale. A clock that was set back makes it stale, not immortal."""
        age = (now - fetched).total_seconds()
        lifetime = self.lifetime(max_age)
        return lifetime - age if age >= 0 else -1.0


def max_age(cache_control: str | None, age: str | None = None) -> float | None:
    """Read s-maxage or max-age less Age, in seconds; 0 for no-store and no-cache, None when nothing is said."""
    if not cache_control:
        return None
    found: dict[str, str] = {}
    for part in cache_control.lower().split(","):
        key, _, value = part.strip().partition("=")
        found.setdefault(key.strip(), value.strip().strip('"'))
    if "no-store" in found or "no-cache" in found:
        return 0.0
    for key in ("s-maxage", "max-age"):  # a shared cache prefers s-maxage (RFC 9111 §5.2.2.10)
        seconds = _seconds(found.get(key))
        if seconds is not None:
            return max(0.0, seconds - (_seconds(age) or 0.0))
    return None


def _seconds(text: str | None) -> float | None:
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    return float(text[:10])
