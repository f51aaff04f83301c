"""A conformant package index on loopback whose manners can be switched, and which remembers who asked for what.

Tests put it behind pipway. By default it is a good citizen: PEP 691 JSON (API 1.4) and HTML, validators, ranges,
`.metadata`, gzip. `form="minimal"` is the bare HTML front that many real networks offer instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import gzip
import hashlib
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from tests.servers import pages
from tests.servers.distributions import make_sdist, make_wheel, normalize, sdist_filename, wheel_filename
from tests.servers.pages import Project, Published
from tests.servers.ranges import ranged
from tests.servers.rude import Behaviour
from tests.servers.tiny_http import Exchange, Recorded, Reply, TinyServer

__all__ = ["Project", "Published", "Recorded", "Upstream", "make_sdist", "make_wheel", "normalize"]

_LAST_MODIFIED = "Sat, 01 Nov 2025 00:00:00 GMT"


@dataclass
class _Rule:
    pattern: str
    behaviour: Behaviour
    left: int | None
    method: str | None


@dataclass
class Upstream:
    """The index. Switches may be flipped while it runs; `async with Upstream() as index:` starts and stops it."""

    form: Literal["json", "html", "minimal"] = "json"  #: json: JSON or HTML as negotiated; html, minimal: only that
    api_version: str = "1.4"
    validators: bool = True  #: ETag, Last-Modified and 304
    cache_control: str | None = "max-age=600, public"  #: of pages
    ranges: bool = True  #: on files: single, suffix, If-Range
    serve_metadata: bool = True
    advertise_metadata: bool = True
    gzip: bool = True  #: pages, for clients that accept it
    files_apart: bool = False  #: files on a second listener, so that links leave the index's origin
    files_named: str = ""  #: the name by which pages call that one, for clients that reach it through a proxy
    relative_links: bool = False
    project_list: bool = True
    tls: ssl.SSLContext | None = None
    root: str = "/simple/"
    projects: dict[str, Project] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._server = TinyServer(self._handle, tls=self.tls)
        self._file_server = TinyServer(self._handle, tls=self.tls)
        self._rules: list[_Rule] = []
        self._running = False

    # -- life ------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; a second start after `stop` takes the same ports again."""
        await self._server.start()
        self._file_server.requests = self._server.requests  # one record, in order of arrival
        await self._file_server.start()
        self._running = True

    async def stop(self) -> None:
        """Go away: connections are dropped and new ones refused."""
        self._running = False
        await self._server.stop()
        await self._file_server.stop()

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[Self]:
        """Run in a thread of its own, for tests that block; `ask` runs coroutines there."""
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        over = asyncio.Event()

        async def live() -> None:
            async with self:
                ready.set()
                await over.wait()

        thread = threading.Thread(target=self._loop.run_until_complete, args=(live(),), name="upstream", daemon=True)
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(over.set)
            thread.join()
            self._loop.close()

    def down(self) -> None:
        """From another thread than the server's: stop it (connects are refused)."""
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result()

    def up(self) -> None:
        """From another thread than the server's: start it again."""
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result()

    # -- where -----------------------------------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        """Scheme, host and port of the index."""
        return self._server.origin

    @property
    def file_origin(self) -> str:
        """Scheme, host and port of the files."""
        origin = self._file_server.origin if self.files_apart else self._server.origin
        return origin.replace(self._file_server.host, self.files_named) if self.files_named else origin

    @property
    def url(self) -> str:
        """The index's address, as a user would configure it."""
        return self.origin + self.root

    # -- what it serves --------------------------------------------------------------------------------------------

    def project(self, name: str) -> Project:
        """The project, made when it is new."""
        return self.projects.setdefault(normalize(name), Project(name))

    def add_wheel(
        self, name: str, version: str = "1.0", *, page: Mapping[str, Any] | None = None, **options: Any
    ) -> Published:
        """Publish a generated wheel; `options` go to `make_wheel`, `page` to `add_file`."""
        filename = wheel_filename(name, version, options.get("tag", "py3-none-any"))
        facts = {"requires_python": options.get("requires_python") or None, **(page or {})}
        return self.add_file(name, filename, make_wheel(name, version, **options), **facts)

    def add_sdist(
        self, name: str, version: str = "1.0", *, page: Mapping[str, Any] | None = None, **options: Any
    ) -> Published:
        """Publish a generated sdist; `options` go to `make_sdist`, `page` to `add_file`."""
        return self.add_file(name, sdist_filename(name, version), make_sdist(name, version, **options), **(page or {}))

    def add_file(self, project: str, filename: str, data: bytes, **facts: Any) -> Published:
        """Publish these bytes; `facts` are fields of `Published` (digest and size can lie)."""
        published = Published(filename, data, **facts)
        self.project(project).files.append(published)
        return published

    def add_many(self, count: int, *, prefix: str = "pkg", fan_out: int = 3, size_padding: int = 2000) -> str:
        """Publish `count` wheels where each needs the next ones, and give the name that needs them all."""
        for number in range(count):
            needs = [
                f"{prefix}-{n}>=1.0" for n in range(number * fan_out + 1, number * fan_out + fan_out + 1) if n < count
            ]
            self.add_wheel(f"{prefix}-{number}", "1.0", requires=needs, size_padding=size_padding)
        return f"{prefix}-0"

    def url_of(self, published: Published) -> str:
        """The absolute address of a file."""
        return self.file_origin + published.path

    # -- rudeness --------------------------------------------------------------------------------------------------

    def behave(
        self, pattern: str, behaviour: Behaviour, *, times: int | None = None, method: str | None = None
    ) -> None:
        """Answer paths that match the glob with `behaviour`, `times` times (for ever by default). Newest rule wins."""
        self._rules.insert(0, _Rule(pattern, behaviour, times, method))

    def heal(self) -> None:
        """Forget every rude behaviour."""
        self._rules.clear()

    # -- what was asked --------------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Recorded]:
        """Every request so far, both listeners, in order."""
        return self._server.requests

    @property
    def connections(self) -> int:
        """How many connections were ever accepted, both listeners."""
        return self._server.connections + self._file_server.connections

    def asked(self, pattern: str = "*", *, method: str | None = None) -> list[Recorded]:
        """The requests whose path matches the glob."""
        return [r for r in self.requests if fnmatch.fnmatch(r.path, pattern) and method in (None, r.method)]

    async def arrived(self, pattern: str = "*", count: int = 1) -> None:
        """Wait until `count` matching requests have been recorded (on either listener)."""
        waits = [
            asyncio.ensure_future(server.arrived(lambda: len(self.asked(pattern)) >= count))
            for server in (self._server, self._file_server)
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    # -- answering -------------------------------------------------------------------------------------------------

    async def _handle(self, exchange: Exchange) -> None:
        exchange.reply = self._honest(exchange.request)
        for rule in self._rules:
            matches = fnmatch.fnmatch(exchange.request.path, rule.pattern)
            if matches and rule.method in (None, exchange.request.method) and rule.left != 0:
                if rule.left is not None:
                    rule.left -= 1
                await rule.behaviour(exchange)
                return
        await exchange.answer()

    def _honest(self, request: Recorded) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return Reply(405, {"Allow": "GET, HEAD"})
        if request.path.startswith(self.root) or request.path + "/" == self.root:
            return self._page(request)
        for project in self.projects.values():
            for file in project.files:
                if request.path == file.path:
                    return self._file(request, file)
                if request.path == file.path + ".metadata" and self.serve_metadata and file.metadata is not None:
                    return self._tagged(
                        request, Reply(200, {"Content-Type": "text/plain"}, file.metadata), ranges=False
                    )
        return Reply(404)

    def _page(self, request: Recorded) -> Reply:
        name = request.path.removeprefix(self.root).rstrip("/")
        if not request.path.endswith("/"):
            return Reply(308, {"Location": f"{request.path}/"})
        if name and name != normalize(name):
            return Reply(301, {"Location": f"{self.root}{normalize(name)}/"})
        if not name and not self.project_list:
            return Reply(404)
        if name and normalize(name) not in self.projects:
            return Reply(404, {"Content-Type": "text/plain"}, b"404 Not Found")
        kind = pages.choose(self.form, request.header("accept"))
        body = self._render(kind, self.projects[name] if name else None)
        headers = {"Content-Type": pages.content_type(kind, request.header("accept"))}
        if self.form == "minimal":
            return Reply(200, headers, body)
        headers["Vary"] = "Accept, Accept-Encoding"
        if self.cache_control:
            headers["Cache-Control"] = self.cache_control
        if self.gzip and "gzip" in request.header("accept-encoding"):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1, mtime=0)
        return self._tagged(request, Reply(200, headers, body), ranges=False)

    def _render(self, kind: pages.Kind, project: Project | None) -> bytes:
        if project is None:
            return pages.render_list(kind, [each.name for each in self.projects.values()], self.api_version)
        base = "../.." if self.relative_links else self.file_origin
        told = self.advertise_metadata and self.serve_metadata
        return pages.render_project(kind, project, base=base, api_version=self.api_version, advertise_metadata=told)

    def _file(self, request: Recorded, file: Published) -> Reply:
        kind = "application/gzip" if file.filename.endswith(".gz") else "application/octet-stream"
        headers = {"Content-Type": kind}
        if self.form != "minimal":
            headers["Cache-Control"] = "max-age=365000000, immutable, public"
        return self._tagged(request, Reply(200, headers, file.data), ranges=self.ranges)

    def _tagged(self, request: Recorded, reply: Reply, *, ranges: bool) -> Reply:
        """Add validators, then answer conditions (RFC 9110 §13) and ranges (§14)."""
        if self.validators and self.form != "minimal":
            etag = f'"{hashlib.sha256(reply.body).hexdigest()[:20]}"'
            reply.headers |= {"ETag": etag, "Last-Modified": _LAST_MODIFIED}
            match = request.header("if-none-match")
            if match:
                same = match == "*" or etag in [tag.strip().removeprefix("W/") for tag in match.split(",")]
            else:
                same = request.header("if-modified-since") == _LAST_MODIFIED
            if same:
                kept = {
                    key: value
                    for key, value in reply.headers.items()
                    if key not in ("Content-Type", "Content-Encoding")
                }
                return Reply(304, kept)
        return ranged(request, reply) if ranges else reply
