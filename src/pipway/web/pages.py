"""Pages for people and probes: `/`, `/health`, `/metrics`, `/live`, static files, the 404 page: a Starlette app.

`web.app` makes it; the server's ASGI bridge calls it. Everything a client sent is escaped or refused, nothing is loaded
from elsewhere, and no page runs a script that is not a file of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pipway import __version__
from pipway.web.indexes import Indexes
from pipway.web.live import Live
from pipway.web.metrics import CONTENT_TYPE, Metrics
from pipway.web.tools import tools
from pipway.web.traffic import Traffic

#: The server's state: at least {"status": "ok" | "degraded" | "failing"}; what else it says is shown as it is.
Health = Callable[[], Mapping[str, Any]]

_HERE = Path(__file__).parent

_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

#: What may stand in Host (RFC 9110 §7.2) and be shown; anything else is answered with the address listened on.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

_STATES = {"ok": "All upstream indexes answer", "degraded": "Serving, but an upstream index does not answer"}


def pages(
    metrics: Metrics, health: Health, traffic: Traffic | None = None, indexes: Indexes | None = None
) -> Starlette:
    """The application; `health` is called for every `/` and `/health`, `traffic` is what `/live` shows."""
    site = _Pages(metrics, health)
    live = Live(Traffic() if traffic is None else traffic, site.templates, shown_base)
    return Starlette(
        routes=[
            Route("/", site.landing),
            Route("/health", site.health),
            Route("/metrics", site.metrics),
            *live.routes(),
            *(indexes.routes() if indexes is not None else ()),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ],
        exception_handlers={HTTPException: site.problem},
    )


class _Pages:
    def __init__(self, metrics: Metrics, health: Health) -> None:
        self._metrics = metrics
        self._health = health
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def landing(self, request: Request) -> Response:
        base = shown_base(request)
        status = str(self._health().get("status", "ok"))
        state = _STATES.get(status, "Not able to serve at the moment")
        return self._html("landing.html", 200, base=base, tools=tools(base), status=status, state=state)

    async def health(self, request: Request) -> Response:
        facts = {"status": "ok", "version": __version__, **self._health()}
        status = 200 if facts["status"] in ("ok", "degraded") else 503
        return JSONResponse(facts, status, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})

    async def metrics(self, request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(self._metrics.text(), headers=headers, media_type=CONTENT_TYPE)

    async def problem(self, request: Request, error: Exception) -> Response:
        """A page for a browser, a problem document (RFC 9457) for everyone else."""
        status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
        title = "There is no such page" if status == 404 else "That is not possible here"
        if "text/html" in request.headers.get("accept", ""):
            response = self._html("problem.html", status, title=title, code=status, up=_up(request.scope["path"]))
            response.headers.update(headers or {})
            return response
        document = {"title": title, "status": status, "fix": "the routes are listed at /"}
        # Exactly this media type: with a parameter uv does not read the document.
        return JSONResponse(document, status, headers=dict(headers or {}), media_type="application/problem+json")

    def _html(self, template: str, code: int, /, **values: Any) -> Response:
        text = self.templates.get_template(template).render(version=__version__, **values)
        return HTMLResponse(text, code, headers={**_SECURITY, "Cache-Control": "no-store"})


def shown_base(request: Request) -> str:
    """This server's address as the client spells it, without a final slash; the one place where Host is believed.

    It is only ever shown. Deciding which hosts are served at all belongs in front of the application.
    """
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        name, port = request.scope.get("server") or ("127.0.0.1", 3141)
        name = f"[{name}]" if ":" in name else name
        host = f"{name}:{port}" if port else name
    scheme = "https" if request.scope.get("scheme") == "https" else "http"
    return f"{scheme}://{host}"


def _up(path: str) -> str:
    """From `path` to the root, relative, so that a path prefix in front of us survives."""
    return "../" * min(path.count("/") - 1, 20) or "./"
