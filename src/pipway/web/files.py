"""`/files/…`: wheels, sdists and their `.metadata`, whole or in part; called by `web.app`.

Length, type and validators are the same for GET, HEAD, 206 and 304. Bytes are the upstream's: no Content-Encoding is
ever put on a file, and a source that is not handed to the server is closed here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pipway.errors import NotFound
from pipway.index.base import Download, Index
from pipway.simple.page import File
from pipway.web.heads import head
from pipway.web.links import unlink
from pipway.web.ranges import Span, Unsatisfiable, if_range_holds, none_match, select
from pipway.wire.answer import Prepared, Request, Slice

#: The file of an absolute upstream URL: NotFound when no page offers it, Unavailable when that cannot be known now.
Find = Callable[[str], Awaitable[File]]

#: What follows a wheel's own name (PEP 658).
METADATA = ".metadata"

#: A file whose digest its page gives can never change under its URL (what the large index sends too).
_FOREVER = "max-age=365000000, immutable"
_BRIEFLY = "max-age=60"

#: Neutral types: nothing here may ever run in a browser, whatever an uploader put in (nosniff seals it). METADATA is
#: text (core metadata specification: UTF-8) and readable in a browser.
_FILE_TYPE = "application/octet-stream"
_METADATA_TYPE = "text/plain; charset=utf-8"


class Files:
    """Answers for everything below `/files/`."""

    def __init__(self, index: Index, find: Find) -> None:
        self._index = index
        self._find = find

    async def answer(self, request: Request) -> Slice | Prepared:
        """Raises what the index raises: NotFound, Unavailable, BadUpstream, Refused."""
        path, wants_metadata = request.path, request.path.endswith(METADATA)
        if wants_metadata:
            path = path[: -len(METADATA)]  # the suffix stands before the query (PEP 658)
        url = unlink(path, request.query)
        if url is None:
            raise NotFound("no-such-file", "this is not the address of a file", fix="take it from the project's page")
        return await self.by_url(request, url, metadata=wants_metadata)

    async def by_url(self, request: Request, url: str, *, metadata: bool) -> Slice | Prepared:
        """The file of an upstream URL, or its METADATA; as `answer`. NotFound("file-unknown"): no page has it."""
        file = await self._find(url)
        return await (self._metadata(request, file) if metadata else self._file(request, file))

    async def _file(self, request: Request, file: File) -> Slice | Prepared:
        known = _Facts(_FILE_TYPE, _quoted(file.sha256), _FOREVER if file.sha256 else _BRIEFLY)
        if known.etag and none_match(request.header(b"if-none-match"), known.etag):
            return known.not_modified()
        if request.method == "HEAD":
            # uv asks this before it reads a wheel's tail; no byte of the file is fetched for it.
            return known.length_only(await self._index.size(file))
        return _part(request, await self._index.open(file), known)

    async def _metadata(self, request: Request, file: File) -> Slice | Prepared:
        hashes = file.core_metadata if isinstance(file.core_metadata, Mapping) else {}
        digest = hashes.get("sha256", "").lower()
        known = _Facts(_METADATA_TYPE, _quoted(digest), _FOREVER if digest or file.sha256 else _BRIEFLY)
        if known.etag and none_match(request.header(b"if-none-match"), known.etag):
            return known.not_modified()
        return _part(request, await self._index.metadata(file), known)


class _Facts:
    """The header fields that every answer about one file shares."""

    __slots__ = ("cache", "content_type", "etag")

    def __init__(self, content_type: str, etag: str | None, cache: str) -> None:
        self.content_type = content_type
        self.etag = etag
        self.cache = cache

    def head(self, status: int, length: int, *, content_range: str | None = None) -> bytes:
        return head(
            status,
            ("Content-Type", self.content_type),
            ("Content-Length", str(length)),
            ("Content-Range", content_range),
            ("Accept-Ranges", "bytes"),
            ("ETag", self.etag),
            ("Cache-Control", self.cache),
            ("X-Content-Type-Options", "nosniff"),
        )

    def length_only(self, length: int, outcome: str = "hit") -> Prepared:
        return Prepared(200, self.head(200, length), outcome=outcome)

    def not_modified(self) -> Prepared:
        """RFC 9110 §15.4.5: the fields a 200 would have sent and a cache needs, and no length."""
        return Prepared(304, head(304, ("ETag", self.etag), ("Cache-Control", self.cache)))

    def unsatisfiable(self, size: int) -> Prepared:
        """RFC 9110 §15.5.17."""
        fields = (("Content-Range", f"bytes */{size}"), ("Content-Length", "0"), ("Accept-Ranges", "bytes"))
        return Prepared(416, head(416, *fields, ("ETag", self.etag), ("Cache-Control", "no-store")))


def _part(request: Request, download: Download, known: _Facts) -> Slice | Prepared:
    """What of an opened file the request gets. Ends with the source in a Slice, or closed."""
    keep = False
    try:
        answer = _choose(request, download, known)
        keep = isinstance(answer, Slice)
        return answer
    finally:
        if not keep:
            download.source.close()


def _choose(request: Request, download: Download, known: _Facts) -> Slice | Prepared:
    known.etag = known.etag or download.etag
    size = download.source.size
    if none_match(request.header(b"if-none-match"), known.etag):
        return known.not_modified()
    if request.method == "HEAD":  # RFC 9110 §14.2: Range has no meaning here
        return known.length_only(size, download.outcome)
    span: Span | None = None
    if if_range_holds(request.header(b"if-range"), known.etag):
        try:
            span = select(request.header(b"range"), size)
        except Unsatisfiable:
            return known.unsatisfiable(size)
    start, length = span or (0, size)
    status, where = (206, span.content_range(size)) if span else (200, None)
    return Slice(
        status,
        known.head(status, length, content_range=where),
        download.source,
        start,
        length,
        lease=download.lease,
        outcome=download.outcome,
        reopen=download.reopen,
    )


def _quoted(digest: str | None) -> str | None:
    return f'"sha256-{digest}"' if digest and digest.isalnum() else None
