"""Parts of files that are not stored, read straight from the upstream by range requests (RFC 9110 §14).

`metadata` reads wheels through it. Nothing is kept but the file's tail, which almost always holds all that is wanted.
"""

from __future__ import annotations

from pipway.errors import BadUpstream
from pipway.index.transfer import Span, content_range
from pipway.index.upstream import Upstream
from pipway.simple.page import File

#: Bytes asked for first: the end records, and the small central directory and METADATA right before them.
TAIL = 128 * 1024


class NoRanges(Exception):
    """The upstream does not understand range requests; the whole file is the only way."""


class RangedFile:
    """A file read in parts. `size` is known after `start`; `received` counts bytes of bodies."""

    def __init__(self, upstream: Upstream, file: File) -> None:
        self._upstream = upstream
        self._file = file
        self._tail = b""
        self._etag: str | None = None
        self.size = 0
        self.received = 0

    async def start(self) -> None:
        """Read the tail, and learn the length from it. NoRanges, NotFound, Unavailable, BadUpstream."""
        size = self._file.size
        # Some servers know no suffix ranges, so a known length is used.
        wanted = f"bytes=-{TAIL}" if size is None else f"bytes={max(0, size - TAIL)}-{size - 1}"
        if size == 0:
            raise BadUpstream("bad-wheel", f"{self._file.filename} is empty")
        body, span = await self._get(wanted, TAIL)
        if span.total is None or span.stop != span.total or (size is not None and span.total != size):
            raise NoRanges
        self._tail = body
        self.size = span.total

    async def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes; the `Read` that `wheel` wants."""
        start = self.size - len(self._tail)
        if offset < 0 or length < 0 or offset + length > self.size:
            raise BadUpstream("bad-wheel", f"{self._file.filename} points outside itself")
        if offset >= start or not length:
            return self._tail[offset - start : offset - start + length]
        body, span = await self._get(f"bytes={offset}-{offset + length - 1}", length)
        if span.start != offset or len(body) != length:
            raise NoRanges
        return body

    async def _get(self, wanted: str, limit: int) -> tuple[bytes, Span]:
        headers = {"range": wanted}
        if self._etag:
            headers["if-range"] = self._etag
        try:
            response = await self._upstream.get(self._file.url, headers)
        except BadUpstream as error:  # 400, 416, 501 …: a dislike of ranges has many forms
            if error.code == "upstream-status":
                raise NoRanges from error
            raise
        try:
            span = content_range(response.header("content-range"))
            if response.status != 206 or span is None or span.stop - span.start > limit:
                raise NoRanges
            etag = response.header("etag")
            if etag and not etag.startswith("W/"):
                self._etag = etag
            body = await response.read(limit)
        finally:
            await response.aclose()
        self.received += len(body)
        if len(body) != span.stop - span.start:
            raise NoRanges
        return body, span
