"""The latest requests, kept in a ring of bounded size; `live` shows them, `app` makes one that listens to the trace.

Keeping costs next to nothing: records stay as they came until somebody looks at them. Nothing is ever queued for a
reader: each one asks for what is newer than what it has seen, and who is too slow finds it gone.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from pipway.index.recent import Recent
from pipway.redact import HIDDEN, redact
from pipway.trace import Answered, Facts, RequestRecord, Trace, journey
from pipway.web.dimensions import face_of, outcome_of, tool_of

ENTRIES = 2000
SIZE = 2 * 2**20

_RECORD = 400  # bytes of a record besides its texts, about
_TEXT = 2000  # characters of a target that are shown
_ROUTES = 1000
_KNOWN = 1000  # answers whose shown form is remembered
_CHUNK = 200  # entries made in one go: under a millisecond
_OWN = re.compile(r"/(?:live(?:/[a-z]+)?|static/[^?]*)(?:\?|$)")  # looking on is no traffic
_AUTHORITY = re.compile(r"(?i)https?://(?P<host>\[[^\]]*\]|[^/:?#]*)(?::(?P<port>\d{1,5}))?")
_FILE = re.compile(r"/files/(?P<scheme>https?)/(?P<authority>[^/?#]+)/")
#: `/files/https/user:password@host/…`: no page has such a link, but anybody may ask for it.
_INNER_USERINFO = re.compile(r"(?<=/)[^/?#\s]+@")
#: A value of a query that is long and no word may be a signature under any name.
_SIGNED = re.compile(r"(?<==)(?!application(?:/|%2[Ff])vnd\.)(?=[^&]*\d)[A-Za-z0-9+/_=%.~-]{24,}(?=&|$)")


class Entry(msgspec.Struct, frozen=True):
    """One request as it is shown: no secrets, no control characters, every text bounded."""

    id: int
    ended: float  #: seconds since the epoch
    seconds: float  #: from the request's last byte to the answer's last byte
    first: float | None  #: seconds until the answer began to leave; None: not known
    tool: str
    version: str
    peer: str
    method: str
    target: str
    face: str
    status: int
    outcome: str
    sent: int
    route: str
    reason: str


class _Shown(NamedTuple):
    """What entries of the same answer share."""

    tool: str
    version: str
    method: str
    target: str
    face: str
    outcome: str


class News(NamedTuple):
    """What a reader has not seen yet."""

    entries: list[Entry]  #: oldest first
    last: int  #: the newest number there is; to be asked with next time
    skipped: int  #: how many came in between and are not here


class Traffic:
    """Listens to a `Trace`; keeps the newest `entries` requests in at most about `size` bytes."""

    def __init__(self, trace: Trace | None = None, *, entries: int = ENTRIES, size: int = SIZE) -> None:
        self._ring: deque[RequestRecord] = deque()
        self._entries = entries
        self._size_limit = size
        self._size = 0
        self._routes: Recent[str, str] = Recent(_ROUTES)
        self._shown: dict[Answered, _Shown] = {}
        self._news = asyncio.Event()
        self.total = 0  #: requests so far; also the newest one's number
        self.closed = False
        if trace is not None:
            trace.listen(self.event)
            trace.listen_requests(self.requests)

    def __len__(self) -> int:
        return len(self._ring)

    # What happens.

    def event(self, name: str, facts: Facts) -> None:
        """Remember which way a target takes, and tell the request for which something is fetched."""
        if name == "route.dialled":
            place = str(facts["target"])[:300]
            self._routes.put(place, f"{facts['way']} ({facts['reason']})"[:400], 1)
        elif name in ("upstream.request", "forward.request"):
            place = _place(str(facts["origin"]))
        else:
            return
        current = journey.get()
        if current is not None:
            current.route = self._route(place) or current.route

    def requests(self, records: Sequence[RequestRecord]) -> None:
        """A batch of answered requests."""
        ring = self._ring
        latest = records[-self._entries :]
        kept = [record for record in latest if not _own(record)]
        self.total += len(records) - len(latest) + len(kept)
        for record in kept:
            ring.append(record)
            self._size += _weight(record)
        while len(ring) > self._entries or self._size > self._size_limit:
            self._size -= _weight(ring.popleft())
        news, self._news = self._news, asyncio.Event()
        news.set()

    def close(self) -> None:
        """Nothing more will come: whoever waits is woken."""
        self.closed = True
        self._news.set()

    # Who looks.

    async def wait(self, seen: int) -> None:
        """Until there is something newer than number `seen`, or it is closed."""
        while self.total <= seen and not self.closed:
            await self._news.wait()

    async def after(self, seen: int, most: int = ENTRIES) -> News:
        """What came after number `seen`, the newest `most` of it."""
        last = self.total
        missed = max(0, last - seen)
        count = min(missed, most, len(self._ring))
        newest = list(islice(reversed(self._ring), count))[::-1]
        entries: list[Entry] = []
        for place, record in enumerate(newest, last - count + 1):
            entries.append(self._entry(place, record))
            if place % _CHUNK == 0:
                await asyncio.sleep(0)
        return News(entries, last, missed - count)

    def _entry(self, number: int, record: RequestRecord) -> Entry:
        when, seconds, peer, answered, details = record
        shown = self._shown.get(answered) or self._show(answered)
        first = details.first if details is not None else None if shown.outcome == "tunnel" else seconds
        route = self._fetched_by(answered, shown.outcome, details.route if details is not None else "")
        reason = _clean(details.reason, 400) if details is not None else ""
        return Entry(
            number, when, seconds, first, shown.tool, shown.version, _clean(peer, 60), shown.method, shown.target,
            shown.face, answered.status, shown.outcome, answered.sent, route, reason,
        )  # fmt: skip

    def _show(self, answered: Answered) -> _Shown:
        tool, version = tool_of(answered.client)
        method, target = _clean(answered.method, 20), shown_target(answered.target)
        shown = _Shown(tool, version, method, target, face_of(method, answered.target), outcome_of(answered))
        if len(answered.target) < 500:
            if len(self._shown) >= _KNOWN:
                self._shown.clear()
            self._shown[answered] = shown
        return shown

    def _fetched_by(self, answered: Answered, outcome: str, told: str) -> str:
        """The way of what was fetched; where no task told it, the last one that its target took."""
        if outcome in ("hit", "refused", "absent") and not told:
            return ""
        if outcome == "hit":  # fetched to be fresh next time
            return ""
        return _clean(told or self._route(_goal(answered)), 400)

    def _route(self, place: str) -> str:
        return self._routes.get(place) or ""


def shown_target(target: str) -> str:
    """A target that may be shown: no secrets, no control characters, not endless."""
    target = target[: 4 * _TEXT]
    path, mark, query = target.partition("?")
    if "@" in path:
        path = _INNER_USERINFO.sub(f"{HIDDEN}@", path)
    return _clean(path + mark + _SIGNED.sub(HIDDEN, query), _TEXT)


def _clean(text: str, most: int) -> str:
    text = redact(text[: 4 * most])
    if not text.isprintable():
        # What a client sends must not move anybody's cursor: no escapes, no right-to-left overrides.
        text = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _weight(record: RequestRecord) -> int:
    answered, details = record[3], record[4]
    more = len(details[1]) + len(details[2]) if details is not None else 0
    return _RECORD + len(answered[1]) + len(answered[5]) + len(answered[0]) + more


def _own(record: RequestRecord) -> bool:
    target = record[3][1]
    return target[:5] in ("/live", "/stat") and _OWN.match(target) is not None


def _goal(answered: Answered) -> str:
    """The host and port that an answer came from, as far as its target says so."""
    method, target = answered.method, answered.target
    if method == "CONNECT" or method.startswith("SOCKS"):
        return target
    file = _FILE.match(target)
    return _place(f"{file['scheme']}://{file['authority']}" if file else target)


def _place(origin: str) -> str:
    found = _AUTHORITY.match(origin)
    if found is None:
        return ""
    return f"{found['host'].lower()}:{found['port'] or ('80' if origin[:5].lower() == 'http:' else '443')}"
