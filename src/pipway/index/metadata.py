"""METADATA of wheels (PEP 658): stored, fetched from the upstream, or taken out of the wheel by a few ranged reads.

`cached` asks it. What it gives is byte for byte the wheel's own METADATA, stored as a blob before it is served.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping

from pipway.errors import BadUpstream, NotFound, PipwayError, Unavailable
from pipway.index.addresses import metadata_url
from pipway.index.base import Download
from pipway.index.flight import Flight, offline
from pipway.index.promise import Promised, Promises
from pipway.index.ranged import NoRanges, RangedFile
from pipway.index.recent import Recent
from pipway.index.shared import Shared
from pipway.index.wheel import METADATA_LIMIT, bad_wheel, read_metadata
from pipway.platforms import read_at
from pipway.simple.names import project_candidates
from pipway.simple.page import File, NormalizedName
from pipway.store.base import Digest
from pipway.store.catalog import StoredFile
from pipway.wire.answer import Source

_PROMISES = 16_384  # projects whose promises are kept in memory


async def _nobody(file: File) -> None:
    """The default listener."""


class Metadata:
    """METADATA of one upstream's wheels; `flight` gives stored blobs and whole wheels."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._blobs = flight.blobs
        self._catalog = flight.catalog
        self._trace = flight.trace
        self._shared: Shared[str, Digest] = Shared()
        self._promises: Recent[NormalizedName, Promises] = Recent(_PROMISES)
        #: Called when `promises` of the file's project changed.
        self.changed: Callable[[File], Awaitable[None]] = _nobody

    async def metadata(self, file: File) -> Download:
        """See `base.Index.metadata`."""
        known = _hashes(file).get("sha256")
        stored = await self._catalog.file(metadata_url(file.url))
        for digest in (known, stored.digest if stored else None):
            if digest and (found := await self._flight.blob(Digest(digest.lower()), "hit")):
                return found
        digest, started = await self._shared.join(file.url, lambda: self._obtain(file))
        found = await self._flight.blob(digest, "miss" if started else "joined")
        if found is None:
            raise Unavailable("file-lost", f"METADATA of {file.filename} cannot be read back", fix="try again")
        return found

    async def promises(self, name: NormalizedName) -> Promises:
        """What was learned about a project's wheels; asked of the catalog once, for every page of it waits for it."""
        known = self._promises.get(name)
        if known is None:
            known = Promises.decode(await self._catalog.fact(_fact(name)))
            self._promises.put(name, known, 1)
        return known

    async def aclose(self) -> None:
        """Abandon what is under way."""
        await self._shared.aclose()

    async def _obtain(self, file: File) -> Digest:
        """Get it in the cheapest way there is, store it, and learn from what went wrong."""
        advertised = bool(file.core_metadata) and not isinstance(file, Promised)
        if not advertised and not file.filename.endswith(".whl"):
            raise NotFound("no-metadata", f"{file.filename} has no METADATA to serve", why="it is not a wheel")
        wheel = await self._flight.stored(file)
        if wheel is not None and file.filename.endswith(".whl"):
            return await self._backfilled(file, "store", lambda: self._from_source(wheel.source, file), advertised)
        if wheel is not None:
            wheel.source.close()
        if self._flight.offline:
            raise offline(f"METADATA of {file.filename} is not stored here")
        if advertised:
            content = await self._fetch(file)
            if content is not None:
                self._trace.emit("metadata.fetched", filename=file.filename)
                return await self._store(file, content)
            if not file.filename.endswith(".whl"):
                raise NotFound("no-metadata", f"{file.filename} has no METADATA to serve")
        return await self._remote_wheel(file, advertised)

    async def _remote_wheel(self, file: File, advertised: bool) -> Digest:
        ranged = RangedFile(self._flight.upstream, file)

        async def read_parts() -> bytes:
            await ranged.start()
            return await read_metadata(ranged.read, ranged.size, file.filename)

        try:
            return await self._backfilled(file, "ranges", read_parts, advertised)
        except NoRanges:
            wheel = await self._flight.open(file)
            return await self._backfilled(file, "wheel", lambda: self._from_source(wheel.source, file), advertised)

    async def _backfilled(self, file: File, via: str, take: Callable[[], Awaitable[bytes]], advertised: bool) -> Digest:
        try:
            content = await take()
        except BadUpstream as error:
            if error.code == "bad-wheel":
                self._trace.emit("metadata.impossible", filename=file.filename, error=error.why or error.what)
                await self._learn(file, lambda promises: promises.without(file.url))
            raise
        digest = await self._store(file, content)
        self._trace.emit("metadata.backfilled", filename=file.filename, via=via, size=len(content))
        if advertised and _hashes(file).get("sha256", digest).lower() != digest:
            await self._learn(file, lambda promises: promises.corrected(file.url, digest))
        return digest

    async def _fetch(self, file: File) -> bytes | None:
        """Ask the upstream for what it advertises; None when that is not there or not what it promised."""
        try:
            response = await self._flight.upstream.get(metadata_url(file.url))
            try:
                content = await response.read(METADATA_LIMIT)
            finally:
                await response.aclose()
        except (NotFound, BadUpstream):
            content = None
        if content is not None and response.status == 200 and _matches(content, _hashes(file)):
            return content
        self._trace.emit("metadata.mismatch", filename=file.filename)
        return None

    async def _from_source(self, source: Source, file: File) -> bytes:
        """Take it out of a wheel in the store, once the wheel is complete and verified."""

        async def read(offset: int, length: int) -> bytes:
            if offset < 0 or length < 0 or offset + length > source.size:
                raise bad_wheel("it points outside itself")
            data = await asyncio.to_thread(read_at, source.fileno(), length, offset)
            if len(data) != length:
                raise Unavailable("file-lost", f"{file.filename} cannot be read back")
            return data

        try:
            await source.wait(source.size - 1)
            return await read_metadata(read, source.size, file.filename)
        finally:
            source.close()

    async def _store(self, file: File, content: bytes) -> Digest:
        writer = await self._blobs.begin()
        try:
            await writer.write(content)
            digest = await writer.commit(hashes={}, size=len(content))
        except BaseException:
            await writer.abort(Unavailable("transfer-aborted", "writing METADATA broke off"))
            raise
        names = project_candidates(file.filename)
        url = metadata_url(file.url)
        await self._catalog.keep_file(
            StoredFile(url, digest, len(content), names[0] if names else "", file.filename + ".metadata")
        )
        return digest

    async def _learn(self, file: File, change: Callable[[Promises], Promises]) -> None:
        """Remember it for every project this file may belong to, and tell whoever shows the promise."""
        try:
            for name in map(NormalizedName, project_candidates(file.filename)):
                learned = change(await self.promises(name))
                self._promises.put(name, learned, 1)
                await self._catalog.keep_fact(_fact(name), learned.encode())
            await self.changed(file)
        except PipwayError as error:
            self._trace.emit("page.unstored", index=self._flight.upstream.name, project="", error=error.code)


def _hashes(file: File) -> Mapping[str, str]:
    return file.core_metadata if isinstance(file.core_metadata, Mapping) else {}


def _fact(name: NormalizedName) -> str:
    return f"metadata:{name}"


def _matches(content: bytes, hashes: Mapping[str, str]) -> bool:
    """Whether every hash that this Python knows is right."""
    for name, value in hashes.items():
        if name in hashlib.algorithms_available and not name.startswith("shake_"):
            found = hashlib.new(name, content, usedforsecurity=False).hexdigest()
            if found != value.lower():
                return False
    return True
