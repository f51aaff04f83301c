"""Counts what one command asked of pipway, from the trace; `pipway run` prints it at the end.

An answer came over the network when what it is made of was fetched since the command began, ahead of its question
too; the second time it comes from the cache.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import unquote

from pipway.redact import redact
from pipway.trace import Facts, RequestRecord

_SHOWN = 5  # refusals in full
_MOST = 200  # different ones remembered
_CACHED = frozenset({"hit", "stale"})
_FAILED = frozenset({"refused", "error"})
_OWN = ("/health", "/metrics")


class Tally:
    """Listens to a `Trace`."""

    def __init__(self) -> None:
        self.requests = self.hits = self.upstream = 0
        self.from_cache = self.from_network = 0  #: bytes of bodies sent to the command
        self.refused: Counter[str] = Counter()  #: by status, target and reason
        self._fresh: set[str] = set()  #: fetched since the start, and not asked for yet

    def event(self, name: str, facts: Facts) -> None:
        """One event of the trace."""
        if name in ("upstream.request", "forward.request"):
            self.upstream += 1
        elif name in ("page.miss", "page.revalidated") and facts.get("changed", True):
            self._fresh.add(f"{facts['project']}/")
        elif name == "file.miss":
            self._fresh.add(facts["filename"])
        elif name == "metadata.fetched" or (name == "metadata.backfilled" and facts["via"] != "store"):
            self._fresh.add(f"{facts['filename']}.metadata")

    def answered(self, records: Sequence[RequestRecord]) -> None:
        """A batch of answered requests."""
        for record in records:
            _, target, status, sent, outcome, *_ = record.answered
            if target in _OWN:
                continue
            self.requests += 1
            key = _key(target)
            if status >= 400 and status != 404:
                self._refusal(status, target, record.details.reason if record.details else "")
            elif outcome in _CACHED and key not in self._fresh:
                self.hits += 1
                self.from_cache += sent
            else:
                self._fresh.discard(key)
                self.from_network += sent

    def lines(self) -> list[str]:
        """What to tell: one line, and one more for each refusal."""
        if not self.requests and not self.upstream:
            return ["no request came through pipway"]
        total = sum(self.refused.values())
        lines = [
            _line(self.requests, self.hits, self.from_cache, self.from_network, self.upstream)
            + (f"; {total} refused or failed:" if total else "")
        ]
        return lines + _listed(self.refused)

    def _refusal(self, status: int, target: str, reason: str) -> None:
        text = refusal(status, target, reason)
        if text in self.refused or len(self.refused) < _MOST:
            self.refused[text] += 1


def refusal(status: int, target: str, reason: str) -> str:
    """What was refused, and why, in one line that moves no cursor."""
    reason = reason.removeprefix("pipway: ")[:400]
    text = redact(f"{status} {target[:200]}" + (f": {reason}" if reason else ""))
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)


def _listed(refused: Counter[str]) -> list[str]:
    lines = [f"  {text}" + (f" ({times} times)" if times > 1 else "") for text, times in refused.most_common(_SHOWN)]
    if len(refused) > _SHOWN:
        lines.append(f"  and {len(refused) - _SHOWN} more")
    return lines


def between(
    before: Mapping[str, float], after: Mapping[str, float], why: Callable[[], Iterable[str]] = tuple
) -> list[str]:
    """The same lines for a server that serves others, too, from two readings of its metrics (`nearby` sums them).

    `why` is asked for what was refused meanwhile, if anything was.
    """

    def grown(name: str) -> int:
        return round(after.get(name, 0) - before.get(name, 0))

    hits, cache = (sum(grown(f"{name}:{outcome}") for outcome in _CACHED) for name in ("requests", "bytes"))
    refused = sum(grown(f"requests:{outcome}") for outcome in _FAILED)
    network = grown("bytes") - cache - sum(grown(f"bytes:{outcome}") for outcome in _FAILED)
    line = _line(grown("requests"), hits, cache, network, grown("upstream"))
    reasons = _listed(Counter(why())) if refused else []
    bad = f"; {refused} refused or failed" if refused else ""
    return [f"{line}{bad} (of all clients of the running server){':' if reasons else ''}", *reasons]


def _line(requests: int, hits: int, cache: int, network: int, upstream: int) -> str:
    return (
        f"{_count(requests, 'request')}, {_count(hits, 'hit')}; {size(cache)} from the cache, "
        f"{size(network)} from the network; {_count(upstream, 'request')} sent upstream"
    )


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _key(target: str) -> str:
    path = unquote(target.partition("?")[0])
    if path.endswith("/"):  # a page: names are compared normalised (PEP 503)
        return re.sub(r"[-_.]+", "-", path.rstrip("/").rpartition("/")[2]).lower() + "/"
    return path.rpartition("/")[2]
