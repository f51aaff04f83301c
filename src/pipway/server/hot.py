"""Answers that may be repeated: the bytes of a request lead to the bytes of its answer.

The connection looks here before it parses anything. The key is the *entire* head of a request that was parsed
strictly once and had no body, so everything that makes an answer differ (method, path, query, Accept, Range,
validators, credentials, User-Agent) is in the key, and equal bytes cannot mean anything else. Who may connect at all
is decided when a connection is accepted, never by an entry. Every entry stands on a lease and falls with it.
"""

from __future__ import annotations

from collections.abc import Callable

from pipway.trace import Answered
from pipway.wire.answer import Lease, Prepared, Slice, Source
from pipway.wire.requests import Head

#: Longer heads are not worth keeping as keys.
KEY_LIMIT = 4096


class HotEntry:
    """One answer, with everything about it that is the same every time already worked out."""

    __slots__ = (
        "answered", "body", "head", "lease", "length", "reopen", "start", "used",
    )  # fmt: skip

    def __init__(self, answer: Prepared | Slice, head: Head, record: tuple[str, str]) -> None:
        assert answer.lease is not None
        silent = head.method == "HEAD" or answer.status in (204, 304)  # RFC 9110 §6.4.1
        self.lease: Lease = answer.lease
        self.head = answer.head
        self.body = answer.body if isinstance(answer, Prepared) and not silent else b""
        self.reopen: Callable[[], Source] | None = None
        self.start, self.length = 0, len(self.body)
        if isinstance(answer, Slice) and not silent:
            self.reopen, self.start, self.length = answer.reopen, answer.start, answer.length
        target, client = record
        outcome = "stale" if answer.outcome == "stale" else "hit"
        #: What the log and the metrics get of a whole answer.
        self.answered = Answered(head.method, target, answer.status, self.length, outcome, client)
        self.used = False

    @property
    def cost(self) -> int:
        """Bytes this entry keeps alive (bodies are shared with whoever prepared them, but counted all the same)."""
        return len(self.head) + len(self.body)


class HotAnswers:
    """A bounded dictionary of hot entries; the oldest ones that nobody asked for again go first."""

    def __init__(self, entries: int, size: int) -> None:
        self.entries: dict[bytes, HotEntry] = {}  #: connections look up here directly
        self.size = 0
        self.open = True
        self._limit = entries
        self._size_limit = size

    def offer(self, key: bytes, answer: Prepared | Slice, head: Head, record: tuple[str, str], now: float) -> None:
        """Keep `answer` for requests of exactly these bytes, if it may be repeated and fits."""
        if answer.lease is None or answer.lease.until <= now or not self.open or len(key) > KEY_LIMIT:
            return
        if head.method not in ("GET", "HEAD") or head.has_body or head.expects or not head.keep_alive:
            return
        if head.version != "1.1" or (isinstance(answer, Slice) and answer.reopen is None):
            return
        entry = HotEntry(answer, head, record)
        if len(key) + entry.cost > self._size_limit // 4:
            return
        self.drop(key)
        self.entries[key] = entry
        self.size += len(key) + entry.cost
        self._evict()

    def drop(self, key: bytes) -> None:
        """Forget the entry of `key`, if there is one."""
        if entry := self.entries.pop(key, None):
            self.size -= len(key) + entry.cost

    def close(self) -> None:
        """Forget everything and take nothing more (the server is stopping)."""
        self.open = False
        self.entries.clear()
        self.size = 0

    def sweep(self, now: float, at_most: int = 256) -> None:
        """Let go of some of the oldest entries whose lease has ended, so that dead pages do not stay in memory."""
        dead = [
            key for key, entry in zip(list(self.entries)[:at_most], self.entries.values(), strict=False)
            if entry.lease.until <= now
        ]  # fmt: skip
        for key in dead:
            self.drop(key)

    def _evict(self) -> None:
        while len(self.entries) > self._limit or self.size > self._size_limit:
            key = next(iter(self.entries))
            entry = self.entries[key]
            if entry.used:  # a second chance
                entry.used = False
                del self.entries[key]
                self.entries[key] = entry
            else:
                self.drop(key)
