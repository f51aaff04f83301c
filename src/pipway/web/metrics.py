"""What Prometheus sees: counters fed by the trace, in a registry of their own; `app` connects it, `web.pages` shows it.

Requests come in batches and cost a few dictionary look-ups each; families are built when someone scrapes. Label values
are bounded: whatever a client or an upstream chooses freely is folded into "other".
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pipway import __version__
from pipway.trace import Answered, Facts, RequestRecord, Trace
from pipway.web.dimensions import face_of, known_tool, outcome_of, route_kind, tool_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Upper bounds in seconds: a prepared answer takes 50 µs, a cold file minutes.
BUCKETS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT"})
_OUTCOMES = frozenset({"hit", "miss", "joined", "stale", "forward", "tunnel", "error", "other"})
_CACHED = frozenset({"page", "file", "metadata", "projects"})
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
_MOST = 500  #: different label sets of one family, where the values come from outside this program

K = TypeVar("K", bound=Hashable)


class _Timing:
    """One label's histogram: how many fell into each bucket, and the sum of seconds."""

    __slots__ = ("buckets", "sent", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.total = 0.0
        self.sent = 0

    def add(self, seconds: list[float], sent: int) -> None:
        """Count answers of `sent` bytes each; sorts `seconds`."""
        seconds.sort()
        below = 0
        for place, bound in enumerate(BUCKETS):
            reached = bisect_right(seconds, bound, below)
            self.buckets[place] += reached - below
            below = reached
        self.buckets[-1] += len(seconds) - below
        self.total += sum(seconds)
        self.sent += sent * len(seconds)


class Metrics(Collector):
    """Listens to a `Trace`; `text` renders what it heard."""

    def __init__(self, trace: Trace | None = None) -> None:
        self._requests: Counter[tuple[str, int, str, str]] = Counter()
        self._traffic_counts: Counter[tuple[str, str, str, str]] = Counter()
        self._traffic_bytes: Counter[tuple[str, str, str, str]] = Counter()
        self._timings: defaultdict[str, _Timing] = defaultdict(_Timing)
        self._sent: Counter[tuple[str, str]] = Counter()
        self._answers: Counter[tuple[str, str, str]] = Counter()
        self._failures: Counter[str] = Counter()
        self._cache: Counter[tuple[str, str]] = Counter()
        self._events: Counter[str] = Counter()
        self._stored = 0
        self._trace = trace
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        if trace is not None:
            trace.listen(self.event)
            trace.listen_requests(self.requests)

    def requests(self, records: Sequence[RequestRecord]) -> None:
        """Count a batch of answered requests."""
        groups: defaultdict[Answered, list[float]] = defaultdict(list)
        for record in records:  # most of a batch repeats a few answers
            groups[record[3]].append(record[1])
        fetched = Counter((record[3], record[4][1]) for record in records if record[4] is not None)
        routed: Counter[Answered] = Counter()
        for (answered, route), times in fetched.items():
            routed[answered] += times
            self._dimensions(answered, route, times)
        counts = self._requests
        for answered, seconds in groups.items():
            kind = kind_of(answered.target)
            counts[answered.method, answered.status, answered.outcome, kind] += len(seconds)
            self._timings[kind].add(seconds, answered.sent)
            if here := len(seconds) - routed[answered]:  # prepared: nothing was fetched for them
                self._dimensions(answered, "", here)
        if len(counts) > _MOST:  # someone invents methods
            self._requests = Counter()
            for (method, status, outcome, kind), count in counts.items():
                self._requests[_one_of(method, _METHODS), status, _one_of(outcome, _OUTCOMES), kind] += count

    def _dimensions(self, answered: Answered, route: str, times: int) -> None:
        outcome = outcome_of(answered)
        way = route_kind("" if outcome == "hit" else route)  # a hit is fetched anew only for the next one
        labels = (face_of(answered.method, answered.target), known_tool(tool_of(answered.client)[0]), outcome, way)
        self._traffic_counts[labels] += times
        self._traffic_bytes[labels] += times * answered.sent

    def event(self, name: str, facts: Facts) -> None:
        """Count one event of the trace."""
        group, _, what = name.partition(".")
        if name == "upstream.request":
            sent = (str(facts.get("origin", ""))[:120], _one_of(str(facts.get("method", "")), _METHODS))
            _bounded(self._sent, sent, ("other", "other"))
            return
        if name == "upstream.asked":
            labels = (str(facts.get("index", ""))[:60], str(facts.get("kind", ""))[:20], str(facts.get("status", 0)))
            _bounded(self._answers, labels, ("other", "other", "other"))
            return
        if name == "file.stored":
            self._stored += int(facts.get("size", 0))
        if (error := facts.get("error")) is not None:
            code = str(error)
            _bounded(self._failures, code if _NAME.fullmatch(code) else name, "other")
        if group in _CACHED:
            _bounded(self._cache, (group, what), ("other", "other"))
        else:
            _bounded(self._events, name, "other")

    def text(self) -> bytes:
        """Everything in the Prometheus text format; send it as `CONTENT_TYPE`."""
        if self._trace is not None:
            self._trace.flush()  # who asks after a request wants it counted
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Build the families; the registry calls this at every scrape."""
        info = GaugeMetricFamily("pipway_build_info", "Always 1; the version is a label", labels=("version",))
        info.add_metric((__version__,), 1)
        yield info
        yield from self._traffic()
        what = "Requests sent to upstream indexes and their file hosts, redirects and repetitions included"
        yield _family("pipway_upstream_requests", what, ("origin", "method"), self._sent.items())
        what = "Questions to upstream indexes by their outcome; status 0 is no answer"
        yield _family("pipway_upstream_answers", what, ("index", "kind", "status"), self._answers.items())
        failures = [((code,), count) for code, count in self._failures.items()]
        yield _family("pipway_upstream_failures", "What failed on the way upstream", ("code",), failures)
        yield _family("pipway_cache_events", "What the cache did", ("what", "event"), self._cache.items())
        yield CounterMetricFamily("pipway_cache_stored_bytes", "Bytes of files stored", value=self._stored)
        events = [((name,), count) for name, count in self._events.items()]
        yield _family("pipway_events", "All other events", ("event",), events)

    def _traffic(self) -> Iterator[Metric]:
        requests: Counter[tuple[str, ...]] = Counter()
        for (method, status, outcome, kind), count in self._requests.items():
            requests[_one_of(method, _METHODS), str(status), _one_of(outcome, _OUTCOMES), kind] += count
        yield _family("pipway_requests", "Requests answered", ("method", "status", "outcome", "kind"), requests.items())
        labels = ("face", "tool", "outcome", "route")
        what = "Requests by the face that was asked, the client, what became of it and the way it was fetched"
        yield _family("pipway_traffic", what, labels, self._traffic_counts.items())
        yield _family("pipway_traffic_bytes", "Bytes of their bodies", labels, self._traffic_bytes.items())
        seconds = HistogramMetricFamily("pipway_request_seconds", "Time to answer a request", labels=("kind",))
        sent = CounterMetricFamily("pipway_sent_bytes", "Bytes of bodies sent", labels=("kind",))
        for kind, timing in self._timings.items():
            below, buckets = 0, []
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), timing.buckets, strict=True):
                below += count
                buckets.append((bound, below))
            seconds.add_metric((kind,), buckets, timing.total)
            sent.add_metric((kind,), timing.sent)
        yield seconds
        yield sent


def kind_of(target: str) -> str:
    """What a request was for, from its target: "page", "list", "file", "metadata" or "other"."""
    if target.startswith("/simple/"):
        return "page" if len(target) > 8 and target[8] != "?" else "list"
    if target.startswith("/files/"):
        return "metadata" if target.partition("?")[0].endswith(".metadata") else "file"
    return "other"


def _one_of(value: str, known: frozenset[str]) -> str:
    return value if value in known else "other"


def _bounded(counts: Counter[K], key: K, other: K) -> None:
    counts[key if key in counts or len(counts) < _MOST else other] += 1


def _family(name: str, text: str, labels: tuple[str, ...], counts: Iterable[tuple[Sequence[str], int]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts:
        family.add_metric(values, count)
    return family
