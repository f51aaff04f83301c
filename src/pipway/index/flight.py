"""Files: stored ones from the blob store, all others by one download each, whatever the number of clients.

`cached` asks it for files, `metadata` for wheels. A download feeds every client while it grows and goes on when they
leave; only its digest and length decide whether it is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from pipway.errors import BadUpstream, PipwayError, Unavailable
from pipway.index.base import Download
from pipway.index.retry import Retry
from pipway.index.shared import Shared, stopping
from pipway.index.transfer import PATIENT, Transfer
from pipway.index.upstream import Upstream
from pipway.simple.names import project_candidates
from pipway.simple.page import File
from pipway.store.base import Blobs, Digest
from pipway.store.catalog import Catalog, StoredFile
from pipway.trace import Trace
from pipway.wire.answer import Lease, Source

Key = tuple[str, str | None]

_PENALTIES = 4096


@runtime_checkable
class _Quick(Protocol):
    """A blob store that can open at once what it has open and verified already."""

    def try_open(self, digest: Digest) -> Source | None:
        """None says nothing about the disk."""


class Flight:
    """Files of one upstream (or of several merged)."""

    def __init__(
        self,
        upstream: Upstream,
        blobs: Blobs,
        catalog: Catalog,
        *,
        trace: Trace,
        offline: bool = False,
        retry: Retry = PATIENT,
        repeat: float = 60.0,
        penalty: float = 5.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`repeat` is the lease of a stored file, `penalty` how long a wrong one is not asked for again; seconds."""
        self.upstream = upstream
        self.blobs = blobs
        self.catalog = catalog
        self.offline = offline
        self.trace = trace
        self._retry = retry
        self._repeat = repeat
        self._penalty = penalty
        self._now = now
        self._clock = clock
        self._tasks: Shared[Key, None] = Shared()
        self._running: dict[Key, Transfer] = {}
        self._penalties: dict[Key, tuple[float, PipwayError]] = {}

    async def open(self, file: File) -> Download:
        """Open a file, stored or arriving; see `base.Index.open`."""
        key = _key(file)
        outcome = "joined"
        transfer = self._running.get(key)
        if transfer is None:
            if stored := await self.stored(file):
                return stored
            transfer = self._running.get(key)
        if transfer is None:
            outcome = "miss"
            transfer = self._begin(key, file)
            self.trace.emit("file.miss", filename=file.filename)
        else:
            self.trace.emit("file.joined", filename=file.filename, written=transfer.written)
        await transfer.started.wait()
        if (source := transfer.source()) is not None:
            return Download(source, etag(file.sha256), None, outcome)
        await transfer.ended.wait()
        if transfer.error is not None:
            raise transfer.error.with_traceback(None)
        found = await self.blob(transfer.digest, outcome) if transfer.digest else None
        if found is None:
            raise Unavailable("file-lost", f"{file.filename} was stored but cannot be read back", fix="try again")
        return found

    async def stored(self, file: File) -> Download | None:
        """Open a file only if it is in the store."""
        digest = file.sha256
        if digest is None:
            known = await self.catalog.file(file.url)
            if known is None or (file.size is not None and known.size != file.size):
                return None
            digest = known.digest
        found = await self.blob(Digest(digest), "hit")
        if found is not None:
            self.trace.emit("file.hit", filename=file.filename)
        return found

    async def blob(self, digest: Digest, outcome: str) -> Download | None:
        """Open a blob that nothing can change any more."""
        source = await self.blobs.open(digest)
        if source is None:
            return None
        self.catalog.touch(digest, self._now())
        return Download(source, etag(digest), Lease(self._clock() + self._repeat), outcome, self._reopener(digest))

    def _reopener(self, digest: Digest) -> Callable[[], Source] | None:
        """How to open the blob again without waiting, if the store can; it raises when that is over."""
        blobs = self.blobs
        if not isinstance(blobs, _Quick):
            return None

        def reopen() -> Source:
            source = blobs.try_open(digest)
            if source is None:
                raise Unavailable("not-open", "the file is not open any more", fix="ask again", retry_after=1)
            return source

        return reopen

    async def size(self, file: File) -> int:
        """The file's length; asks the upstream's HEAD only if nothing here knows it."""
        if file.sha256 and (length := await self.blobs.size(Digest(file.sha256))) is not None:
            return length
        if file.size is not None:
            return file.size
        if known := await self.catalog.file(file.url):
            return known.size
        transfer = self._running.get(_key(file))
        if transfer is None and not self.offline and (length := await self._head(file)) is not None:
            return length
        download = await self.open(file)
        try:
            return download.source.size
        finally:
            download.source.close()

    async def aclose(self) -> None:
        """Abandon what is under way."""
        await self._tasks.aclose()
        for transfer in self._running.values():  # those whose task never got to run
            transfer.error = transfer.error or stopping()
            transfer.started.set()
            transfer.ended.set()

    def _begin(self, key: Key, file: File) -> Transfer:
        if self.offline:
            raise offline(f"{file.filename} is not stored here")
        until, error = self._penalties.get(key, (0.0, None))
        if error is not None:
            if self._clock() < until:
                raise error.with_traceback(None)
            del self._penalties[key]
        transfer = Transfer(file, self.upstream, self.blobs, self.trace, self._retry)
        self._tasks.start(key, lambda: self._run(key, transfer))
        self._running[key] = transfer
        return transfer

    async def _run(self, key: Key, transfer: Transfer) -> None:
        file = transfer.file
        started = self._clock()
        try:
            digest = await transfer.run()
            await self.catalog.keep_file(
                StoredFile(file.url, digest, transfer.written, _project(file), file.filename),
            )
            self.trace.emit(
                "file.stored", filename=file.filename, size=transfer.written, seconds=self._clock() - started
            )
        except BadUpstream as error:
            self._penalize(key, error)
            self.trace.emit("file.mismatch", filename=file.filename, error=error.code)
        except PipwayError as error:
            self.trace.emit("file.failed", filename=file.filename, error=error.code)
        finally:
            del self._running[key]
            transfer.ended.set()

    def _penalize(self, key: Key, error: PipwayError) -> None:
        while len(self._penalties) >= _PENALTIES:
            del self._penalties[next(iter(self._penalties))]
        self._penalties[key] = (self._clock() + self._penalty, error)

    async def _head(self, file: File) -> int | None:
        try:
            response = await self.upstream.get(file.url, method="HEAD")
        except BadUpstream:  # 405 and the like: not every server knows HEAD
            return None
        try:
            return response.length
        finally:
            await response.aclose()


def etag(digest: str | None) -> str | None:
    """A strong entity tag out of a digest; None while it is not known."""
    return f'"sha256-{digest.lower()}"' if digest else None


def offline(what: str) -> Unavailable:
    """The error of everything that offline mode cannot give."""
    return Unavailable(
        "offline",
        what,
        why="pipway runs in offline mode and asks no upstream",
        fix="start pipway without offline mode to fetch it",
        retry_after=300,
    )


def _key(file: File) -> Key:
    return (file.url, file.sha256)


def _project(file: File) -> str:
    names = project_candidates(file.filename)
    return names[0] if names else ""
