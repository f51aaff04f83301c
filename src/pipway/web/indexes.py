"""`/indexes`: which indexes this server stands for, and which of them a project comes from, as JSON for programs.

`pages` takes its routes; `pipway audit --online` asks it. Addresses are told without logins and queries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipway.errors import NotFound, PipwayError, UsageError
from pipway.index.base import Index
from pipway.simple.names import normalize
from pipway.wire.problem import problem

VERSION = 1  #: of what is written here; grows when a key changes its meaning or goes

_PLAIN = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Named(NamedTuple):
    """An upstream, as the settings name it; its address may have to be looked up."""

    name: str
    address: Callable[[], Awaitable[str]]


class Indexes:
    """The indexes of a server, in the order in which they are asked."""

    def __init__(self, index: Index, named: Sequence[Named], origins: Callable[[], Sequence[str]]) -> None:
        """`index` answers for all of them; `origins` gives scheme, host and port of them and of their files."""
        self._index = index
        self._named = tuple(named)
        self._origins = origins

    def routes(self) -> list[Route]:
        """For the application."""
        return [Route("/indexes", self.all), Route("/indexes/{project}", self.one)]

    async def all(self, request: Request) -> Response:
        """Every index, and where their files are as far as pages told."""
        found = [{"name": name, "url": told(await address())} for name, address in self._named]
        return _json({"version": VERSION, "indexes": found, "origins": sorted(self._origins())})

    async def one(self, request: Request) -> Response:
        """The index that a project comes from: null where a redirect leads elsewhere."""
        try:
            listing = await self._index.project(_name(request.path_params["project"]))
        except PipwayError as error:
            answer = problem(error)
            return Response(bytes(answer.body), answer.status, headers=_PLAIN, media_type="application/problem+json")
        form = "json" if "json" in listing.content_type.lower() else "html" if listing.content_type else None
        return _json(
            {
                "version": VERSION,
                "project": listing.page.name,
                "index": await self._owner(listing.url),
                "form": form,
            }
        )

    async def _owner(self, url: str) -> str | None:
        addresses = [(name, told(await address()).rstrip("/") + "/") for name, address in self._named]
        page = told(url)
        return max(
            ((len(base), name) for name, base in addresses if page.startswith(base)),
            default=(0, self._named[0].name if len(self._named) == 1 else None),
        )[1]


def told(url: str) -> str:
    """An address as it may be shown: no login, no query, no fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path}"


def _name(segment: str) -> Any:
    try:
        return normalize(segment)
    except UsageError:
        raise NotFound("no-such-page", "this is not a project's name", fix="use /indexes/<project>") from None


def _json(facts: dict[str, Any]) -> Response:
    return JSONResponse(facts, headers=_PLAIN)
