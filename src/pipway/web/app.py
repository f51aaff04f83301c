"""The site: one small table of routes from a request to an answer. `app` builds it, `server` calls it.

What installers ask for often (`/simple/`, `/files/`) is answered here with prepared bytes and file slices; everything
else is ordinary web traffic and goes to the Starlette application in `asgi`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from starlette.types import ASGIApp

from pipway.errors import PipwayError, ProtocolError
from pipway.index.base import Index
from pipway.web.files import Files, Find
from pipway.web.guard import Guard
from pipway.web.indexes import Indexes
from pipway.web.metrics import Metrics
from pipway.web.pages import Health, pages
from pipway.web.simple import Simple
from pipway.web.traffic import Traffic
from pipway.wire import heads
from pipway.wire.answer import Answer, Prepared, Request
from pipway.wire.problem import problem


class Route(NamedTuple):
    """One line of the site's documentation; a test asks every one of them."""

    path: str
    what: str


#: Every HTTP route, all of them GET and HEAD only.
ROUTES = (
    Route("/simple/", "every project's name (PEP 503, PEP 691), streamed"),
    Route("/simple/{project}/", "a project's files (PEP 503, PEP 691)"),
    Route("/files/{scheme}/{authority}/{path}", "a file of an upstream index; single ranges"),
    Route("/files/{scheme}/{authority}/{path}.metadata", "a wheel's METADATA (PEP 658)"),
    Route("/", "how to point installers at this server"),
    Route("/health", "JSON: whether the server can do its work"),
    Route("/metrics", "Prometheus text format"),
    Route("/indexes", "JSON: the indexes behind this server in order, without logins, and where their files are"),
    Route("/indexes/{project}", "JSON: which of them a project comes from, and in which form it was told"),
    Route("/live", "the latest requests as a page that follows them; `?text=`, `?outcome=`, `?tool=` choose"),
    Route("/live/events", "the same as server-sent events; `?last=N` begins N requests back, Last-Event-ID goes on"),
    Route("/live/har", "the same as an HTTP Archive (HAR 1.2)"),
    Route("/static/{name}", "style and script of the pages for people"),
)

_ALLOWED = ("GET", "HEAD")


class Site:
    """Everything this server serves over HTTP."""

    def __init__(
        self,
        index: Index,
        find: Find,
        *,
        metrics: Metrics,
        health: Health,
        page_bytes: int = 64 * 1024 * 1024,
        guard: Guard | None = None,
        traffic: Traffic | None = None,
        indexes: Indexes | None = None,
    ) -> None:
        """`find` gives the file of an upstream URL; `page_bytes` bounds the rendered pages kept in memory.

        Without a guard everybody may see everything.
        """
        self._guard = guard
        self._health = health
        self.asgi: ASGIApp = pages(metrics, health, traffic, indexes)
        simple, files = Simple(index, page_bytes=page_bytes), Files(index, find)
        self._answers: dict[str, Callable[[Request], Awaitable[Answer]]] = {
            "simple": simple.answer,
            "files": files.answer,
        }

    async def answer(self, request: Request) -> Answer | None:
        """The answer, also for errors; None hands the request to `asgi`."""
        handler = self._answers.get(request.path[1:].partition("/")[0])
        try:
            if handler is None:
                return self._page(request)
            if self._guard is not None:
                self._guard.installer(request)
            if request.method not in _ALLOWED:
                return _not_allowed(request.method)
            return await handler(request)
        except PipwayError as error:
            return problem(error)

    def _page(self, request: Request) -> Answer | None:
        if self._guard is None:
            return None
        try:
            self._guard.page(request)
        except PipwayError:
            if request.path != "/health" or request.method not in _ALLOWED:
                raise
            return _brief(self._health())
        return None


def _brief(facts: Mapping[str, Any]) -> Prepared:
    """Whether we are well and nothing else: probes have neither tokens nor names for us."""
    word = str(facts.get("status", "ok"))
    status = 200 if word in ("ok", "degraded") else 503
    body = b'{"status":"%b"}' % word.encode("ascii", "replace")
    fields = (("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"))
    return Prepared(status, heads.build(status, fields), body, outcome="other")


def _not_allowed(method: str) -> Answer:
    answer = problem(
        ProtocolError("method-not-allowed", f"{method} is not possible here", status=405, fix="use GET or HEAD")
    )
    answer.head += b"Allow: GET, HEAD\r\n"  # RFC 9110 §15.5.6
    return answer
