"""The site: one small table of routes from a request to an answer. `app` builds it, `server` calls it.

What installers ask for often (`/simple/`, `/files/`) is answered here with prepared bytes and file slices; everything
else is ordinary web traffic and goes to the Starlette application in `asgi`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.types import ASGIApp

from pipway.errors import PipwayError, ProtocolError
from pipway.index.base import Index
from pipway.web.files import Files, Find
from pipway.web.metrics import Metrics
from pipway.web.pages import Health, pages
from pipway.web.simple import Simple
from pipway.wire.answer import Answer, Request
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
    ) -> None:
        """`find` gives the file of an upstream URL; `page_bytes` bounds the rendered pages kept in memory."""
        self.asgi: ASGIApp = pages(metrics, health)
        simple, files = Simple(index, page_bytes=page_bytes), Files(index, find)
        self._answers: dict[str, Callable[[Request], Awaitable[Answer]]] = {
            "simple": simple.answer,
            "files": files.answer,
        }

    async def answer(self, request: Request) -> Answer | None:
        """The answer, also for errors; None hands the request to `asgi`."""
        handler = self._answers.get(request.path[1:].partition("/")[0])
        if handler is None:
            return None
        if request.method not in _ALLOWED:
            return _not_allowed(request.method)
        try:
            return await handler(request)
        except PipwayError as error:
            return problem(error)


def _not_allowed(method: str) -> Answer:
    answer = problem(
        ProtocolError("method-not-allowed", f"{method} is not possible here", status=405, fix="use GET or HEAD")
    )
    answer.head += b"Allow: GET, HEAD\r\n"  # RFC 9110 §15.5.6
    return answer
