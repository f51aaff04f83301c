"""Requests by origin URL: what a client asked of an upstream itself, answered as the index face would answer it.

The server asks it for what comes inside intercepted TLS and for requests in absolute-form. Pages are the upstream's
own: file URLs as it gave them, absolute, and nothing promised in its name, so that lock files stay what they would be
without us. What is neither a page nor a file of an index is not ours and sent on by whoever asked; so is, for an index
to which we have no login ourselves, a request with one (RFC 9111 §3.5), and what that index refuses to tell us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from pipway.errors import NotFound, PipwayError
from pipway.index.base import Index
from pipway.index.promise import Promised
from pipway.simple.names import is_distribution
from pipway.simple.page import File, Page
from pipway.web.files import METADATA, Files, Find
from pipway.web.simple import Simple
from pipway.wire.answer import Answer, Request
from pipway.wire.problem import problem

_PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """Where a server is."""

    scheme: str
    host: str  #: lower case, addresses without brackets
    port: int

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`, the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port == _PORTS[self.scheme] else f"{self.scheme}://{host}:{self.port}"


def place_of(url: str) -> Place:
    """Where an absolute http or https URL leads. ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("not a web address")
    return Place(parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme])


class _Face(NamedTuple):
    base: str  #: of the Simple API, without userinfo, with the final slash
    login: bool  #: we have one of our own there, so that whatever clients send needs not go there
    simple: Simple
    files: Files

    def wants_another(self, error: PipwayError) -> bool:
        """Whether it refused us for want of a login, which the client may have: its own 401 will tell."""
        return error.code == "upstream-refused" and not self.login


class ByOrigin:
    """Indexes under the addresses that they have in the world."""

    def __init__(self) -> None:
        self._faces: list[_Face] = []

    def add(self, base: str, index: Index, find: Find, *, page_bytes: int) -> None:
        """From now on, what is asked of the Simple API at `base` is answered by `index`, its files by way of `find`.

        `page_bytes` bounds the rendered pages kept in memory.
        """
        parts = urlsplit(base)
        plain = f"{place_of(base).origin}{parts.path.rstrip('/')}/"
        simple = Simple(index, page_bytes=page_bytes, shown=verbatim)
        self._faces.append(_Face(plain, parts.username is not None, simple, Files(index, find)))

    async def answer(self, request: Request, origin: str) -> Answer | None:
        """The answer to a request whose path is below `origin` (as `Place.origin`), also for errors; None: not ours."""
        if request.method not in ("GET", "HEAD"):
            return None
        url = origin + request.path
        own = request.header(b"authorization") is not None
        faces = [face for face in self._faces if face.login or not own]
        try:
            for face in faces:
                below = url.removeprefix(face.base)
                if below != url and "/" not in below.removesuffix("/"):
                    path = f"/simple/{below}"
                    try:
                        return await face.simple.answer(replace(request, path=path))
                    except PipwayError as error:
                        if face.wants_another(error):
                            return None
                        raise
            return await _file(faces, request, url)
        except PipwayError as error:
            return problem(error)


def verbatim(page: Page) -> tuple[Page, Mapping[str, str]]:
    """The page as its upstream has it, without the METADATA that this server promises on pages of its own."""
    if any(isinstance(file, Promised) for file in page.files):
        page = msgspec.structs.replace(page, files=tuple(_unpromised(file) for file in page.files))
    return page, {file.url: file.url for file in page.files}


def _unpromised(file: File) -> File:
    if not isinstance(file, Promised):
        return file
    return File(**{**msgspec.structs.asdict(file), "core_metadata": None})


async def _file(faces: Sequence[_Face], request: Request, url: str) -> Answer | None:
    metadata = url.endswith(METADATA)
    url = url.removesuffix(METADATA)  # the suffix stands before the query (PEP 658)
    if not is_distribution(url.rpartition("/")[2]):
        return None
    url = f"{url}?{request.query}" if request.query else url
    failure: PipwayError | None = None
    for face in faces:
        try:
            return await face.files.by_url(request, url, metadata=metadata)
        except NotFound as error:
            if error.code != "file-unknown":
                raise
        except PipwayError as error:
            if not face.wants_another(error):
                failure = failure or error
    if failure is not None:
        raise failure
    return None
