"""The list of all projects: megabytes, rarely wanted, never required by anything else.

`cached` hands it out. The upstream's bytes are kept as a blob and revalidated like a page; names are decoded in
batches while they are sent on, so that nobody ever holds them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import msgspec

from pipway.errors import BadUpstream, NotFound, PipwayError, Unavailable
from pipway.index.base import HttpResponse
from pipway.index.flight import Flight, offline
from pipway.index.freshness import Freshness, max_age
from pipway.index.shared import Shared, result
from pipway.index.upstream import Upstream
from pipway.platforms import read_at
from pipway.simple.projects import ProjectListReader
from pipway.store.base import Digest
from pipway.store.catalog import StoredFile
from pipway.wire.answer import Source

LIMIT = 512 * 1024 * 1024  #: bytes of one list
_PIECE = 256 * 1024


class Held(msgspec.Struct, kw_only=True, frozen=True):
    """What is known of a stored list; kept in the catalog as a fact."""

    digest: str
    url: str
    content_type: str
    etag: str | None
    last_modified: str | None
    max_age: int | None
    fetched: datetime

    def conditions(self) -> dict[str, str]:
        """Headers that make a request conditional (RFC 9110 §13.1)."""
        named = {"if-none-match": self.etag, "if-modified-since": self.last_modified}
        return {name: value for name, value in named.items() if value}


class ProjectLists:
    """The lists of an upstream, or of several one after the other."""

    def __init__(
        self,
        flight: Flight,
        *,
        freshness: Freshness | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`flight` gives upstream, store and catalog."""
        self._parts = flight.upstream.parts
        self._blobs = flight.blobs
        self._catalog = flight.catalog
        self._offline = flight.offline
        self._trace = flight.trace
        self._times = freshness or Freshness()
        self._now = now
        self._fetches: Shared[str, Held] = Shared()

    async def projects(self) -> AsyncIterator[list[str]]:
        """Names in batches, each name once; see `base.Index.projects`."""
        opened = [await self._open(part) for part in self._parts]
        seen: set[str] | None = set() if len(opened) > 1 else None
        try:
            for held, source in opened:
                async for batch in _read(held, source):
                    if seen is not None:
                        batch = [name for name in batch if name not in seen]
                        seen.update(batch)
                    if batch:
                        yield batch
        finally:
            for _, source in opened:
                source.close()

    async def aclose(self) -> None:
        """Abandon what is under way."""
        await self._fetches.aclose()

    async def _open(self, part: Upstream) -> tuple[Held, Source]:
        for _ in range(2):  # a list may be replaced between finding and opening it
            held = await self._current(part)
            if source := await self._blobs.open(Digest(held.digest)):
                self._catalog.touch(Digest(held.digest), self._now())
                return held, source
        raise Unavailable("list-lost", "the list of projects cannot be read back", fix="try again")

    async def _current(self, part: Upstream) -> Held:
        """The list to serve: fresh, or stale for the reasons a page may be stale."""
        held = await self._held(part)
        if held is None:
            if self._offline:
                raise offline("the list of projects is not stored here")
            return (await self._fetches.join(part.name, lambda: self._fetch(part, None)))[0]
        left = self._times.left(held.fetched, held.max_age, self._now())
        if left > 0 or self._offline:
            return held
        task, _ = self._fetches.start(part.name, lambda: self._fetch(part, held))
        await asyncio.wait({task}, timeout=0.0 if -left <= self._times.swr else self._times.patience)
        if not task.done():
            return held
        try:
            return await result(task)
        except PipwayError as error:
            self._trace.emit("projects.stale", index=part.name, error=error.code)
            return held

    async def _held(self, part: Upstream) -> Held | None:
        """What the catalog knows, if the bytes are still there."""
        text = await self._catalog.fact(_fact(part))
        try:
            held = msgspec.json.decode(text or "null", type=Held | None)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None
        if held is None or await self._blobs.size(Digest(held.digest)) is None:
            return None
        return held

    async def _fetch(self, part: Upstream, held: Held | None) -> Held:
        try:
            response = await part.listing(held.conditions() if held else {})
        except NotFound as error:
            raise Unavailable(
                "no-project-list", f"the index {part.name!r} has no list of projects", retry_after=600
            ) from error
        try:
            fresh = await self._take(response, held)
        finally:
            await response.aclose()
        await self._catalog.keep_fact(_fact(part), msgspec.json.encode(fresh).decode())
        self._trace.emit("projects.fetched", index=part.name, changed=held is None or held.digest != fresh.digest)
        return fresh

    async def _take(self, response: HttpResponse, held: Held | None) -> Held:
        age = max_age(response.header("cache-control"), response.header("age"))
        seconds = None if age is None else int(age)
        if response.status == 304 and held is not None:
            return msgspec.structs.replace(held, max_age=seconds, fetched=self._now())
        content_type = response.header("content-type") or ""
        digest, size = await self._write(response, content_type)
        await self._catalog.keep_file(StoredFile(response.url, digest, size, "", "projects"))
        return Held(
            digest=digest,
            url=response.url,
            content_type=content_type,
            etag=response.header("etag"),
            last_modified=response.header("last-modified"),
            max_age=seconds,
            fetched=self._now(),
        )

    async def _write(self, response: HttpResponse, content_type: str) -> tuple[Digest, int]:
        """Store the body; it is read once on the way, so that a login page never replaces a list."""
        reader = ProjectListReader(content_type)
        writer = await self._blobs.begin()
        try:
            async for chunk in response.chunks():
                if writer.written + len(chunk) > LIMIT:
                    raise BadUpstream("list-too-long", f"the list of projects is longer than {LIMIT} bytes")
                await asyncio.to_thread(reader.feed, chunk)
                await writer.write(chunk)
            await asyncio.to_thread(reader.close)
            return await writer.commit(hashes={}, size=None), writer.written
        except BaseException:
            await writer.abort(Unavailable("transfer-aborted", "fetching the list of projects broke off"))
            raise


async def _read(held: Held, source: Source) -> AsyncIterator[list[str]]:
    reader = ProjectListReader(held.content_type)
    offset = 0
    while offset < source.size:
        data = await asyncio.to_thread(read_at, source.fileno(), _PIECE, offset)
        if not data:
            raise Unavailable("list-lost", "the list of projects cannot be read back")
        offset += len(data)
        yield await asyncio.to_thread(reader.feed, data)
    yield await asyncio.to_thread(reader.close)


def _fact(part: Upstream) -> str:
    return f"projects:{part.name}"
