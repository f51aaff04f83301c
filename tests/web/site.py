"""A small index in memory and the requests to ask a site with; for the tests of this folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from pipway.errors import NotFound, PipwayError
from pipway.index.base import Download, Listing
from pipway.simple.page import File, NormalizedName, Page
from pipway.web.app import Site
from pipway.web.indexes import Indexes, Named
from pipway.web.metrics import Metrics
from pipway.web.traffic import Traffic
from pipway.wire.answer import Answer, Lease, Prepared, Request, Slice, Source

WHEEL = "https://files.example/packages/aa/bb/demo-1.0-py3-none-any.whl"
CONTENT = bytes(range(256)) * 8
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"

ACCEPT_PIP = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
ACCEPT_UV = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"


class MemorySource:
    """Complete bytes with a descriptor; says how many of its kind are still open."""

    open = 0

    def __init__(self, data: bytes) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._file.write(data)
        self._file.flush()
        self._size = len(data)
        MemorySource.open += 1

    @property
    def size(self) -> int:
        return self._size

    def fileno(self) -> int:
        return self._file.fileno()

    async def wait(self, beyond: int) -> int:
        return self._size

    def close(self) -> None:
        assert not self._file.closed, "closed twice"
        self._file.close()
        MemorySource.open -= 1


class MemoryIndex:
    """Implements `pipway.index.base.Index`; counts what it is asked and fails when told to."""

    def __init__(self, *pages: Page, content: bytes = CONTENT, metadata: bytes = METADATA) -> None:
        self.pages = {page.name: page for page in pages}
        self.content = content
        self.sidecar = metadata
        self.failure: PipwayError | None = None
        self.outcome = "hit"
        self.content_type = "application/vnd.pypi.simple.v1+json"
        self.lease = Lease(time.monotonic() + 600)
        self.fetched = datetime(2026, 11, 21, tzinfo=UTC)
        self.asked: list[tuple[str, bool]] = []
        self.opened = 0
        self.sized = 0
        self.batches = [["Demo", "other"], ["third"]]
        self.closed_lists = 0

    async def projects(self) -> AsyncIterator[list[str]]:
        self._fail()
        try:
            for batch in self.batches:
                yield batch
        finally:
            self.closed_lists += 1

    async def project(self, name: NormalizedName, *, recheck: bool = False) -> Listing:
        self.asked.append((name, recheck))
        self._fail()
        if name not in self.pages:
            raise NotFound("not-found", f"no index has the project {name}")
        url = f"https://nexus.example/simple/{name}/"
        return Listing(self.pages[name], self.lease, self.outcome, self.fetched, url, self.content_type)

    async def open(self, file: File) -> Download:
        self._fail()
        self.opened += 1
        return self._download(self.content, file.sha256)

    async def metadata(self, file: File) -> Download:
        self._fail()
        self.opened += 1
        return self._download(self.sidecar, hashlib.sha256(self.sidecar).hexdigest())

    async def size(self, file: File) -> int:
        self._fail()
        self.sized += 1
        return len(self.content)

    async def find(self, url: str) -> File:
        """What `pipway.index.lookup.Lookup.find` does."""
        self._fail()
        for page in self.pages.values():
            if url in page.by_url:
                return page.by_url[url]
        raise NotFound("file-unknown", "no page lists this file")

    def _download(self, data: bytes, digest: str | None) -> Download:
        def reopen() -> Source:
            return MemorySource(data)

        etag = f'"sha256-{digest}"' if digest else '"of-the-store"'
        return Download(MemorySource(data), etag, self.lease, self.outcome, reopen)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def demo_file(url: str = WHEEL, *, digest: str | None = None, **facts: object) -> File:
    """A wheel whose page gives its SHA-256 (pass "" to leave it out)."""
    hashes = {"sha256": hashlib.sha256(CONTENT).hexdigest() if digest is None else digest}
    known: dict[str, object] = {"hashes": {} if digest == "" else hashes, "size": len(CONTENT), **facts}
    return File(filename=url.rpartition("/")[2], url=url, **known)  # type: ignore[arg-type]


def demo_page(*files: File, name: str = "demo", **facts: object) -> Page:
    """A page of an api 1.4 upstream."""
    known: dict[str, object] = {"api_version": (1, 4), **facts}
    return Page(name=NormalizedName(name), files=files or (demo_file(),), **known)  # type: ignore[arg-type]


def demo_site(index: MemoryIndex, *, now: Callable[[], datetime] | None = None) -> Site:
    """The whole site over `index`. Its traffic has come to an end, so that streams of it end."""
    traffic = Traffic()
    traffic.close()

    async def address() -> str:
        return "https://index:pass-word@nexus.example/simple/?token=se-cret"

    indexes = Indexes(index, [Named("corp", address)], lambda: ["https://nexus.example", "https://files.example"])
    return Site(index, index.find, metrics=Metrics(), health=lambda: {"status": "ok"}, traffic=traffic, indexes=indexes)


def ask(path: str, method: str = "GET", **headers: str) -> Request:
    """A request; header names with underscores."""
    path, _, query = path.partition("?")
    fields = tuple((name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items())
    target = f"{path}?{query}" if query else path
    return Request(method, target.encode(), path, query, fields)


def fields(answer: Answer | None) -> dict[str, str]:
    """The header fields by lower-case name; a repeated one fails."""
    assert answer is not None
    lines = answer.head.decode("latin-1").split("\r\n")
    assert lines[-1] == ""
    found: dict[str, str] = {}
    for line in lines[1:-1]:
        name, _, value = line.partition(": ")
        assert name.lower() not in found, line
        found[name.lower()] = value
    return found


def read(answer: Answer | None) -> bytes:
    """The bytes a client would get of a prepared answer or a slice; closes the slice's source."""
    if isinstance(answer, Prepared):
        return answer.body
    assert isinstance(answer, Slice)
    data = os.pread(answer.source.fileno(), answer.length, answer.start)
    answer.source.close()
    return data
