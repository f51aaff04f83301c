"""`/live`: the latest requests as a page, as events while they come, and as a HAR file; `pages` routes here.

Every reader keeps its own place in the ring of `traffic`, so nothing is buffered for a slow one. A stream ends when the
client leaves, when it takes nothing for as long as the server allows, and when the server stops.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pipway.web import har
from pipway.web.dimensions import OUTCOMES
from pipway.web.traffic import ENTRIES, Entry, News, Traffic

HEARTBEAT = 5.0  # seconds of silence after which a comment is sent: so a client that left is noticed, too
_STREAMS = 50
_AT_ONCE = 500  # requests per event; a browser takes no more a few times a second
_LONGEST = 200  # characters of what is filtered for
_WIDE = 60  # characters of a target that are shown whole

#: Beside what all pages say: the script may read the events, the form may ask for this page.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Wanted(NamedTuple):
    """Which requests somebody wants to see; empty means all."""

    text: str = ""
    outcome: str = ""
    tool: str = ""

    def __call__(self, entry: Entry) -> bool:
        """Whether this one is among them."""
        if (self.outcome and entry.outcome != self.outcome) or (self.tool and entry.tool != self.tool):
            return False
        if not self.text:
            return True
        place = f"{entry.target} {entry.tool} {entry.method} {entry.peer} {entry.status} {entry.route} {entry.reason}"
        return self.text in place.lower()


class Live:
    """The three addresses."""

    def __init__(self, traffic: Traffic, templates: jinja2.Environment, base: Callable[[Request], str]) -> None:
        """`base` gives this server's address as a client spells it."""
        self._traffic = traffic
        self._templates = templates
        self._base = base
        self._boot = secrets.token_hex(4)  # numbers begin anew with each start
        self._streams = 0
        templates.filters.update(clock=_clock, bytes=_bytes, duration=_duration, short=_short)

    def routes(self) -> list[Route]:
        """For the application."""
        return [
            Route("/live", self._page),
            Route("/live/events", self._events),
            Route("/live/har", self._har),
        ]

    async def _page(self, request: Request) -> Response:
        wanted = _wanted(request)
        news = await self._traffic.after(0)
        values: dict[str, Any] = {
            "rows": [entry for entry in reversed(news.entries) if wanted(entry)],
            "wanted": wanted,
            "outcomes": OUTCOMES,
            "tools": sorted({entry.tool for entry in news.entries if entry.tool} | {wanted.tool} - {""}),
            "last": self._mark(news.last),
            "most": ENTRIES,
            "query": str(request.url.query),
        }
        template = self._templates.get_template("live.html")
        text = await asyncio.to_thread(template.render, values)  # two thousand rows take a while
        headers = {**_PRIVATE, "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        return Response(text, headers=headers, media_type="text/html")

    async def _har(self, request: Request) -> Response:
        wanted = _wanted(request)
        news = await self._traffic.after(0)
        found = [entry for entry in news.entries if wanted(entry)]
        content = await asyncio.to_thread(har.archive, found, self._base(request))
        name = f"pipway-{datetime.now(UTC):%Y%m%d-%H%M%S}.har"
        headers = {**_PRIVATE, "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, headers=headers, media_type="application/json")

    async def _events(self, request: Request) -> Response:
        if self._streams >= _STREAMS:
            document = {"title": f"{_STREAMS} streams of events are open already", "status": 503, "fix": "close one"}
            headers = {**_PRIVATE, "Retry-After": "2"}
            return JSONResponse(document, 503, headers=headers, media_type="application/problem+json")
        headers = {**_PRIVATE, "X-Accel-Buffering": "no"}  # what nginx in front of us must not hold back
        if request.method == "HEAD":
            return Response(headers=headers, media_type="text/event-stream")
        events = self._stream(self._seen(request), _wanted(request))
        return StreamingResponse(events, headers=headers, media_type="text/event-stream")

    def _seen(self, request: Request) -> int:
        """From which number on: where a broken stream ended, where a page ended, or so many of the latest."""
        mark = request.headers.get("last-event-id") or request.query_params.get("after", "")
        boot, _, number = mark.partition("-")
        if boot == self._boot and number.isdecimal() and len(number) < 18:
            return int(number)
        if mark:
            return 0  # of another start: everything here is new
        last = request.query_params.get("last", "0")
        return max(0, self._traffic.total - (int(last) if last.isdecimal() and len(last) < 18 else 0))

    async def _stream(self, seen: int, wanted: Wanted) -> AsyncIterator[bytes]:
        traffic = self._traffic
        self._streams += 1
        try:
            news = await traffic.after(seen)
            # Also when it is empty: the client learns that it is connected, and where.
            yield b"retry: 2000\n" + self._event(news, [entry for entry in news.entries if wanted(entry)])
            while not traffic.closed:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        await traffic.wait(news.last)
                except TimeoutError:
                    yield b":\n\n"
                    continue
                news = await traffic.after(news.last, _AT_ONCE)
                entries = [entry for entry in news.entries if wanted(entry)]
                if entries or news.skipped:
                    yield self._event(news, entries)
        finally:
            self._streams -= 1

    def _event(self, news: News, entries: list[Entry]) -> bytes:
        data = msgspec.json.encode({"entries": entries, "skipped": news.skipped})
        return b"id: %s\ndata: %s\n\n" % (self._mark(news.last).encode(), data)

    def _mark(self, number: int) -> str:
        return f"{self._boot}-{number}"


def _wanted(request: Request) -> Wanted:
    given = [request.query_params.get(name, "")[:_LONGEST].strip().lower() for name in Wanted._fields]
    return Wanted(*given)


def _clock(ended: float) -> str:
    return datetime.fromtimestamp(ended, UTC).isoformat(timespec="milliseconds")


def _bytes(count: int) -> str:
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 10:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"
    return f"{seconds:.0f} s"


def _short(target: str) -> str:
    """Where it is and what it is called; the folders in between are made of digits."""
    parts = target.partition("?")[0].split("/")
    if len(target) <= _WIDE or len(parts) < 6:
        return target
    return "/".join((*parts[:4], "…", parts[-1]))
