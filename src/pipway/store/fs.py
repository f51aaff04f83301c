"""Blobs on the local disk: `blobs/ab/abcdef…`, `incoming/` for what is being written, `quarantine/` for what rotted.

`app` makes one per process; several processes may share the folder. A visible blob was verified before it became
visible, and is verified again when a process first opens it. Descriptors of blobs in use stay open, so that the
warm path is one dictionary look-up.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipway.errors import PipwayError, Unavailable
from pipway.platforms import open_shared, read_at
from pipway.store import incoming
from pipway.store.base import Digest
from pipway.store.disk import disk
from pipway.store.quarantine import empty, put_away
from pipway.store.reading import OpenFile, Reader, Stamp, stamp_of
from pipway.store.writing import FsWriter
from pipway.trace import Trace

T = TypeVar("T")

#: Blobs up to this length are verified before `open` returns; of longer ones each part is released once it is hashed.
VERIFIED_AT_ONCE = 4 << 20

_STEP = 1 << 20
_REMEMBERED = 65_536  # stamps of verified blobs kept in memory
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Found:
    """What a thread found under a digest."""

    descriptor: int
    stamp: Stamp
    right: bool | None  #: None: not verified yet


class FsBlobs:
    """Content-addressed files under `root` (see `base.Blobs`)."""

    def __init__(self, root: Path, *, trace: Trace | None = None, descriptors: int = 256, threads: int = 4) -> None:
        self.root = root
        self._trace = trace
        self._limit = descriptors
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="blobs")
        self._hashers = ThreadPoolExecutor(2, thread_name_prefix="blobs-hash")  # whole files; nothing queues behind
        self._files: OrderedDict[Digest, OpenFile] = OrderedDict()  # least recently used first; each holds one pin
        self._verified: OrderedDict[Digest, Stamp] = OrderedDict()
        self._opening: dict[Digest, asyncio.Task[bool]] = {}
        self._verifying: set[asyncio.Task[None]] = set()
        self._closing = False

    # -- reading -------------------------------------------------------------------------------------------------

    def try_open(self, digest: Digest) -> Reader | None:
        """A pinned reader at once, if the blob is open and verified already; None says nothing about the disk."""
        file = self._files.get(digest)
        if file is None or file.final is None:
            return None
        status = os.fstat(file.descriptor)
        if not status.st_nlink or stamp_of(status) != file.stamp:
            self._forget(digest)
            return None
        self._files.move_to_end(digest)
        return Reader(file, file.final)

    async def open(self, digest: Digest) -> Reader | None:
        while _DIGEST.fullmatch(digest):
            if (reader := self.try_open(digest)) is not None:
                return reader
            file = self._files.get(digest)
            if file is not None:  # still being verified
                assert file.stamp is not None
                return Reader(file, file.stamp[0])
            task = self._opening.get(digest)
            if task is None:
                task = asyncio.get_running_loop().create_task(self._look(digest))
                self._opening[digest] = task
                task.add_done_callback(lambda _: self._opening.pop(digest, None))
            # Found it? Then look again: it may have been let go before this task came to run.
            if not await asyncio.shield(task):
                break
        return None

    async def _look(self, digest: Digest) -> bool:
        """Open the file and verify it, or begin to; False when it is not there."""
        found = await self._thread(self._find, digest, self._verified.get(digest))
        if found is None:
            return False
        if found.right is False:
            self._quarantined(digest)
            return False
        file = OpenFile(found.descriptor)
        file.stamp = found.stamp
        self._keep(digest, file)
        if found.right:
            file.complete(found.stamp[0], found.stamp)
            self._remember(digest, found.stamp)
            file.release()
        else:
            task = asyncio.get_running_loop().create_task(self._verify(digest, file, found.stamp))
            self._verifying.add(task)
            task.add_done_callback(self._verifying.discard)
        return True

    def _find(self, digest: Digest, verified: Stamp | None) -> _Found | None:
        """Open a blob, and verify it if it is new to us and small (in a thread)."""
        path = self._place(digest)
        with disk(path):
            try:
                descriptor = open_shared(path, os.O_RDONLY)
            except FileNotFoundError:
                return None
            stamp = stamp_of(os.fstat(descriptor))
            if stamp == verified:
                return _Found(descriptor, stamp, True)
            if stamp[0] > VERIFIED_AT_ONCE:
                return _Found(descriptor, stamp, None)
            if self._hash(descriptor, None) == digest:
                return _Found(descriptor, stamp, True)
            os.close(descriptor)
            self._quarantine(digest, stamp)
            return _Found(-1, stamp, False)

    async def _verify(self, digest: Digest, file: OpenFile, stamp: Stamp) -> None:
        """Hash a long blob behind its readers' backs, releasing to them what is hashed."""
        loop = asyncio.get_running_loop()

        def progress(offset: int) -> None:
            loop.call_soon_threadsafe(file.advance, offset)

        try:
            if await loop.run_in_executor(self._hashers, self._hash, file.descriptor, progress) == digest:
                file.complete(stamp[0], stamp)
                self._remember(digest, stamp)
                return
            await self._thread(self._quarantine, digest, stamp)  # first, so that who tries again does not find it
            if self._files.get(digest) is file:
                self._forget(digest)
            file.fail(_corrupt(digest))
            self._quarantined(digest)
        except Exception as error:
            if self._files.get(digest) is file:
                self._forget(digest)
            file.fail(error)
        finally:
            file.release()

    def _hash(self, descriptor: int, progress: Callable[[int], None] | None) -> str:
        """SHA-256 of an open file (in a thread)."""
        hasher = hashlib.sha256()
        offset = 0
        while data := read_at(descriptor, _STEP, offset):
            if self._closing:
                raise Unavailable("shutting-down", "pipway is stopping")
            hasher.update(data)
            offset += len(data)
            if progress is not None:
                progress(offset)
        return hasher.hexdigest()

    async def verify(self, digest: Digest, *, quarantine: bool = False) -> bool | None:
        """Hash a blob again, whatever is remembered of it; None when it is not there."""
        right = await asyncio.get_running_loop().run_in_executor(self._hashers, self._is_right, digest, quarantine)
        if right is False and quarantine:
            self._forget(digest)
            self._quarantined(digest)
        return right

    def _is_right(self, digest: Digest, quarantine: bool) -> bool | None:
        path = self._place(digest)
        with disk(path):
            try:
                descriptor = open_shared(path, os.O_RDONLY)
            except FileNotFoundError:
                return None
            try:
                right = self._hash(descriptor, None) == digest
                if not right and quarantine:
                    self._quarantine(digest, stamp_of(os.fstat(descriptor)))
                return right
            finally:
                os.close(descriptor)

    # -- writing -------------------------------------------------------------------------------------------------

    async def begin(self) -> FsWriter:
        creating = asyncio.get_running_loop().run_in_executor(self._executor, incoming.create, self.root / "incoming")
        try:
            created = await asyncio.shield(creating)
        except asyncio.CancelledError:
            creating.add_done_callback(_discard_result)
            raise
        return FsWriter(created, self._executor, self._place, self._published)

    def _published(self, digest: Digest, file: OpenFile) -> None:
        """A writer has committed: later readers share the descriptor of those who read while it grew."""
        assert file.stamp is not None
        self._remember(digest, file.stamp)
        self._keep(digest, file)

    # -- keeping house -------------------------------------------------------------------------------------------

    async def size(self, digest: Digest) -> int | None:
        def look() -> int | None:
            with disk(self.root):
                try:
                    return self._place(digest).stat().st_size
                except FileNotFoundError:
                    return None

        file = self._files.get(digest)
        return file.final if file is not None and file.final is not None else await self._thread(look)

    async def delete(self, digest: Digest) -> bool:
        def remove() -> None:
            with disk(self.root):
                self._place(digest).unlink(missing_ok=True)

        file = self._files.get(digest)
        if digest in self._opening or (file is not None and file.pins > 1):
            return False
        if file is not None:
            self._forget(digest)
        self._verified.pop(digest, None)
        await self._thread(remove)
        return True

    async def list(self) -> AsyncIterator[tuple[Digest, int]]:
        for prefix in range(256):
            for found in await self._thread(_listing, self.root / "blobs" / f"{prefix:02x}"):
                yield found

    async def sweep_incoming(self) -> int:
        """Remove what killed writers left behind, of any process; gives how many files. Let go of deleted blobs."""
        for digest, file in list(self._files.items()):
            if not os.fstat(file.descriptor).st_nlink:  # another process evicted it: its space waits for us
                self._forget(digest)
        return await self._thread(incoming.sweep, self.root / "incoming")

    async def empty_quarantine(self) -> int:
        """Remove what was quarantined; gives the number of bytes."""
        return await self._thread(empty, self.root / "quarantine")

    async def aclose(self) -> None:
        """Close what nobody reads. Readers stay usable, writers do not."""
        self._closing = True
        await asyncio.gather(*self._opening.values(), *self._verifying, return_exceptions=True)
        for digest in list(self._files):
            self._forget(digest)
        self._executor.shutdown(wait=False)
        self._hashers.shutdown(wait=False)

    def _place(self, digest: Digest) -> Path:
        if not _DIGEST.fullmatch(digest):  # it may come from a page; it must not become a path elsewhere
            return self.root / "blobs" / "nowhere"
        return self.root / "blobs" / digest[:2] / digest

    def _quarantine(self, digest: Digest, stamp: Stamp) -> None:
        put_away(self._place(digest), self.root / "quarantine", stamp[2])

    def _quarantined(self, digest: Digest) -> None:
        self._verified.pop(digest, None)
        if self._trace is not None:
            self._trace.emit("blob.quarantined", digest=digest)

    def _keep(self, digest: Digest, file: OpenFile) -> None:
        """Keep a descriptor open; close the least recently used that nobody reads."""
        file.pins += 1
        self._forget(digest)
        self._files[digest] = file
        for _ in range(len(self._files) - self._limit):
            for oldest, candidate in self._files.items():
                if candidate.pins == 1:
                    self._forget(oldest)
                    break
            else:
                return

    def _forget(self, digest: Digest) -> None:
        file = self._files.pop(digest, None)
        if file is not None:
            file.release()

    def _remember(self, digest: Digest, stamp: Stamp) -> None:
        self._verified[digest] = stamp
        self._verified.move_to_end(digest)
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)

    async def _thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


def _discard_result(creating: asyncio.Future[incoming.Incoming]) -> None:
    """Nobody waits any more for a file that was being created."""
    if creating.exception() is None:
        created = creating.result()
        incoming.discard(created)
        os.close(created.reading)


def _corrupt(digest: Digest) -> PipwayError:
    return Unavailable(
        "blob-corrupt",
        f"the stored file {digest[:12]}… has changed on the disk",
        why="its SHA-256 is not the one it was stored under; it was moved to quarantine/",
        fix="ask again, it will be fetched anew; check the disk if this repeats",
        retry_after=1,
    )


def _listing(folder: Path) -> list[tuple[Digest, int]]:
    found = []
    with disk(folder), suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if _DIGEST.fullmatch(entry.name):
                with suppress(FileNotFoundError):  # deleted meanwhile
                    found.append((Digest(entry.name), entry.stat().st_size))
    return found
