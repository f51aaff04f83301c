"""One download of one file into the blob store: resumes where it broke, verifies, then publishes.

`flight` runs one per file and lets every client read from it while it grows. Clients never notice a resume; a wrong
digest or length reaches them as an error of their source, and nothing is stored.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from pipway.errors import BadUpstream, NotFound, PipwayError, Unavailable
from pipway.index.base import HttpResponse
from pipway.index.retry import HOPELESS, Retry
from pipway.index.shared import stopping
from pipway.index.upstream import Upstream
from pipway.simple.page import File
from pipway.store.base import Blobs, Digest, Writer
from pipway.trace import Trace
from pipway.wire.answer import Source

#: A broken transfer is tried again patiently: the client at the other end of it would have to start anew.
PATIENT = Retry(attempts=6, first=0.25, longest=10.0, hopeless=HOPELESS - {"circuit-open", "parent-timeout"})

_BREAKS = 100  # bound on all resumes of one transfer, however much progress each makes
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.IGNORECASE)


@dataclass(slots=True)
class Span:
    """What a Content-Range says: first byte, one past the last, total length if told (RFC 9110 §14.4)."""

    start: int
    stop: int
    total: int | None


def content_range(value: str | None) -> Span | None:
    """Read a Content-Range header; None when it is absent or makes no sense."""
    match = _CONTENT_RANGE.fullmatch((value or "").strip())
    if match is None:
        return None
    start, last, total = int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])
    if last < start or (total is not None and last >= total):
        return None
    return Span(start, last + 1, total)


class Transfer:
    """A download under way. `started` once its length is known (or it failed), `ended` when it is over."""

    def __init__(self, file: File, upstream: Upstream, blobs: Blobs, trace: Trace, retry: Retry) -> None:
        self.file = file
        self.size = file.size
        self.digest: Digest | None = None
        self.error: PipwayError | None = None
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self._upstream = upstream
        self._blobs = blobs
        self._trace = trace
        self._retry = retry
        self._writer: Writer | None = None
        self._pin: Source | None = None  # keeps the growing file readable for newcomers until `run` is over
        self._ranges = True
        self._breaks = 0
        self._etag: str | None = None
        self._last_modified: str | None = None

    @property
    def written(self) -> int:
        """Bytes that have come so far."""
        return self._writer.written if self._writer else 0

    def source(self) -> Source | None:
        """A reader of the growing file; None when it cannot be read while growing (any more)."""
        if self._writer is None or self._pin is None or self.error:
            return None
        return self._writer.source(self._pin.size)

    async def run(self) -> Digest:
        """Download, verify, publish. Never leaves an open writer behind."""
        try:
            await self._fill()
            assert self._writer is not None
            self.digest = await self._writer.commit(hashes=self.file.hashes, size=self.size)
            self.size = self._writer.written
            return self.digest
        except BaseException as error:
            self.error = error if isinstance(error, PipwayError) else stopping()
            if self._writer is not None:
                await self._writer.abort(self.error)
            raise
        finally:
            if self._pin is not None:
                self._pin.close()
                self._pin = None
            self.started.set()

    async def _fill(self) -> None:
        failed = 0
        while True:
            before = self.written
            try:
                return await self._pass()
            except Unavailable as error:
                if self._writer is None:
                    raise  # the head never came, and the upstream was asked repeatedly already
                if self.size is not None and self.written == self.size:
                    return None  # all of it came; only the end of the framing did not
                failed = 1 if self.written > before else failed + 1
                self._breaks += 1
                delay = self._retry.delay(failed, error)
                if delay is None or self._breaks > _BREAKS:
                    raise
                self._trace.emit(
                    "file.resumed", filename=self.file.filename, offset=self.written, error=error.code, delay=delay
                )
                await self._retry.sleep(delay)

    async def _pass(self) -> None:
        """One request: from where we are to the end."""
        offset = self.written
        try:
            response = await self._upstream.get(self.file.url, self._conditions(offset))
        except NotFound as error:
            if self._writer is None:
                raise
            raise self._changed("it vanished") from error
        try:
            skip = await self._accept(response, offset)
            assert self._writer is not None
            async for chunk in response.chunks():
                data = chunk[skip:] if skip else chunk
                skip -= len(chunk) - len(data)
                if self.size is not None and self._writer.written + len(data) > self.size:
                    raise self._mismatch(f"more than the promised {self.size} bytes came")
                if data:
                    await self._writer.write(data)
        finally:
            await response.aclose()
        if self.size is not None and self.written < self.size:
            raise self._mismatch(f"only {self.written} of the promised {self.size} bytes came")

    def _conditions(self, offset: int) -> dict[str, str]:
        if not offset or not self._ranges:
            return {}
        # One byte that we have already, where nobody said how long it is: asked for what follows a whole file, a server
        # has nothing to give but a refusal (416, RFC 9110 §15.5.17).
        headers = {"range": f"bytes={offset - (self.size is None)}-"}
        # Only a strong validator may glue two parts together (RFC 9110 §13.1.5); without any the digest decides.
        if self._etag and not self._etag.startswith("W/"):
            headers["if-range"] = self._etag
        elif self._last_modified:
            headers["if-range"] = self._last_modified
        elif not self.file.hashes:
            return {}
        return headers

    async def _accept(self, response: HttpResponse, offset: int) -> int:
        """Check a response's head; gives how many of its bytes we have already."""
        if self._writer is None:
            await self._begin(response)
            return 0
        if response.status == 206:
            span = content_range(response.header("content-range"))
            if span is None or span.start > offset:
                self._ranges = False  # it does not understand ranges: next time without
                raise Unavailable("range-misplaced", f"{self.file.filename}: the upstream sent another range")
            if None not in (span.total, self.size) and span.total != self.size:
                raise self._changed("its length is another one now")
            return offset - span.start
        if response.length is not None and self.size is not None and response.length != self.size:
            raise self._changed("its length is another one now")
        if not self.file.hashes and self._etag and response.header("etag") != self._etag:
            raise self._changed("its ETag is another one now")
        return offset

    async def _begin(self, response: HttpResponse) -> None:
        if response.status != 200:
            raise self._mismatch(f"{response.status} came for a request without a range")
        if self.file.size is not None and response.length not in (None, self.file.size):
            raise self._mismatch(f"the page promises {self.file.size} bytes, the file has {response.length}")
        self.size = self.file.size if self.file.size is not None else response.length
        self._etag = response.header("etag")
        self._last_modified = response.header("last-modified")
        self._writer = await self._blobs.begin()
        if self.size is not None:
            self._pin = self._writer.source(self.size)
            self.started.set()

    def _mismatch(self, why: str) -> BadUpstream:
        return BadUpstream(
            "wrong-length",
            f"{self.file.filename} is not what its page promised",
            why=why,
            fix="try again; if it stays so, the upstream or something in between is broken",
        )

    def _changed(self, why: str) -> BadUpstream:
        return BadUpstream("file-changed", f"{self.file.filename} changed while it was downloaded", why=why)
