"""How the ways have fared: failures put one to rest for a while, measurements choose among equals.

`router` asks and tells. Bounded; the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipway.dial.route.plan import Way

_MOST = 256  # ways remembered
_REST = 5.0  # seconds after the first failure; doubles
_LONGEST_REST = 300.0
_WEIGHT = 0.2  # of a new measurement in the moving average
_TYPICAL = 1_000_000.0  # bytes of a file: what opening a stream and carrying bytes are weighed with
_PROBE = 60.0  # seconds after which an equal that was not used lately is tried again


@dataclass(slots=True)
class Record:
    """What is known of one way."""

    failures: int = 0  #: in a row
    until: float = float("-inf")  #: rests until then
    seconds: float | None = None  #: moving average of the time to open a stream
    rate: float | None = None  #: moving average of bytes per second, of those that came in bulk
    used: float = float("-inf")


class Health:
    """For all ways of a process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._records: dict[Way, Record] = {}

    def order(self, ways: Sequence[Way], *, equal: bool) -> list[Way]:
        """Those that work first, in the given order or by what was measured; the resting ones last, never left out."""
        now = self._clock()
        resting = [way for way in ways if self.of(way).until > now]
        working = [way for way in ways if way not in resting]
        if equal:
            working.sort(key=lambda way: self._cost(way, now))
        resting.sort(key=lambda way: self.of(way).until)
        return working + resting

    def _cost(self, way: Way, now: float) -> float:
        record = self.of(way)
        if record.seconds is None or now - record.used > _PROBE:
            return -1.0  # unknown or long unused: it may be better today
        return record.seconds + (_TYPICAL / record.rate if record.rate else 0.0)

    def worked(self, way: Way, seconds: float) -> None:
        """A stream was opened, in so many seconds."""
        record = self.of(way)
        record.failures, record.until, record.used = 0, float("-inf"), self._clock()
        record.seconds = seconds if record.seconds is None else record.seconds + _WEIGHT * (seconds - record.seconds)

    def carried(self, way: Way, count: int, seconds: float) -> None:
        """So many bytes came in so many seconds."""
        record = self.of(way)
        rate = count / max(seconds, 1e-6)
        record.rate = rate if record.rate is None else record.rate + _WEIGHT * (rate - record.rate)

    def failed(self, way: Way) -> None:
        """It did not lead out."""
        record = self.of(way)
        record.failures += 1
        record.until = self._clock() + min(_LONGEST_REST, _REST * 2.0 ** min(record.failures - 1, 10))

    def of(self, way: Way) -> Record:
        """What is known of a way."""
        found = self._records.get(way)
        if found is None:
            while len(self._records) >= _MOST:
                del self._records[next(iter(self._records))]
            found = self._records[way] = Record()
        return found
