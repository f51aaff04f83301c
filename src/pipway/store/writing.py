"""Writing one blob to the local disk: hash while writing, verify, sync, publish by an atomic rename.

`FsBlobs.begin` makes these. Hashing and disk work happen in threads, at most one batch at a time per writer;
what arrives meanwhile is collected. A killed process leaves a file in `incoming/` and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

from pipway.errors import BadUpstream
from pipway.platforms import read_at, sync_directory
from pipway.store.base import Digest
from pipway.store.disk import disk
from pipway.store.incoming import Incoming, discard
from pipway.store.reading import OpenFile, Reader, Stamp, stamp_of, wrong_length

#: Bytes that may wait for the disk per writer before `write` makes its caller wait too.
PENDING_LIMIT = 1 << 20

_STEP = 1 << 20


class FsWriter:
    """A blob being written (see `base.Writer`)."""

    def __init__(
        self,
        incoming: Incoming,
        executor: Executor,
        place: Callable[[Digest], Path],
        published: Callable[[Digest, OpenFile], None],
    ) -> None:
        self._incoming = incoming
        self._executor = executor
        self._place = place
        self._published = published
        self._loop = asyncio.get_running_loop()
        self._file = OpenFile(incoming.reading)
        self._sha256 = hashlib.sha256()
        self._written = 0
        self._stored = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._batch: asyncio.Future[int] | None = None
        self._room = asyncio.Event()  # rung after each batch
        self._error: Exception | None = None
        self._ended = False

    @property
    def written(self) -> int:
        return self._written

    def source(self, size: int) -> Reader:
        return Reader(self._file, size)

    async def write(self, data: bytes) -> None:
        while self._pending_bytes >= PENDING_LIMIT and self._error is None and not self._ended:
            await self._room.wait()
        self._check()
        if not data:
            return
        self._pending.append(data)
        self._pending_bytes += len(data)
        self._written += len(data)
        if self._batch is None:
            self._start_batch()

    async def commit(self, *, hashes: Mapping[str, str], size: int | None) -> Digest:
        self._check()
        self._ended = True
        # A commit that began is finished even when whoever asked for it is cancelled.
        return await asyncio.shield(self._loop.create_task(self._commit(hashes, size)))

    async def abort(self, reason: Exception) -> None:
        if not self._ended:
            self._ended = True
            await asyncio.shield(self._loop.create_task(self._drop(reason)))

    # -- batches -------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._ended:
            raise RuntimeError("this blob's writing has ended")

    def _start_batch(self) -> None:
        pieces, self._pending, self._pending_bytes = self._pending, [], 0
        self._batch = self._loop.run_in_executor(self._executor, self._store, pieces)
        self._batch.add_done_callback(self._batch_done)

    def _store(self, pieces: list[bytes]) -> int:
        """Hash and write (in a thread); gives the number of bytes."""
        data = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        self._sha256.update(data)
        offset = 0
        with disk(self._incoming.path.parent):
            while offset < len(data):
                offset += os.write(self._incoming.descriptor, data[offset:])
        return offset

    def _batch_done(self, batch: asyncio.Future[int]) -> None:
        self._batch = None
        error = batch.exception()
        if isinstance(error, Exception):
            self._error = error
            self._pending.clear()
            self._pending_bytes = 0
            self._file.fail(error)
        else:
            self._stored += batch.result()
            self._file.advance(self._stored)
            if self._pending:
                self._start_batch()
        self._room.set()
        self._room.clear()

    async def _settle(self) -> None:
        """Wait until nothing is on its way to the disk."""
        while self._batch is not None:
            await self._room.wait()

    # -- the end -------------------------------------------------------------------------------------------------

    async def _commit(self, hashes: Mapping[str, str], size: int | None) -> Digest:
        await self._settle()
        try:
            if self._error is not None:
                raise self._error
            digest = await self._verify(hashes, size)
            # From here on the bytes are known to be right: readers need not wait for the disk.
            self._file.complete(self._stored)
            stamp = await self._loop.run_in_executor(self._executor, self._publish, digest)
        except Exception as error:
            await self._drop(error)
            raise
        self._file.stamp = stamp
        self._published(digest, self._file)
        self._file.release()
        return digest

    async def _verify(self, hashes: Mapping[str, str], size: int | None) -> Digest:
        if size is not None and size != self._stored:
            raise wrong_length(self._stored, size)
        digest = Digest(self._sha256.hexdigest())
        expected = {name.lower(): value.lower() for name, value in hashes.items()}
        _compare("sha256", digest, expected.pop("sha256", digest))
        known = [name for name in expected if name in hashlib.algorithms_available and not name.startswith("shake_")]
        if known:
            found = await self._loop.run_in_executor(self._executor, _digests, self._incoming.reading, known)
            for name, value in found.items():
                _compare(name, value, expected[name])
        return digest

    def _publish(self, digest: Digest) -> Stamp:
        """Make the file visible under its digest (in a thread). The lock is given up only after the rename."""
        target = self._place(digest)
        with disk(target.parent):
            os.fsync(self._incoming.descriptor)
            if not target.parent.is_dir():
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_directory(target.parent.parent)
            self._incoming.path.replace(target)
            sync_directory(target.parent)
            stamp = stamp_of(os.fstat(self._incoming.descriptor))
            os.close(self._incoming.descriptor)
        return stamp

    async def _drop(self, reason: Exception) -> None:
        self._pending.clear()
        self._pending_bytes = 0
        self._file.fail(reason)
        await self._settle()
        await self._loop.run_in_executor(self._executor, discard, self._incoming)
        self._file.release()


def _compare(name: str, found: str, expected: str) -> None:
    if found != expected:
        raise BadUpstream(
            "wrong-digest",
            f"the file's {name} is {found} where {expected} was promised",
            fix="try again; if it stays so, the upstream index or something in between is broken or hostile",
        )


def _digests(descriptor: int, names: list[str]) -> dict[str, str]:
    """Hash a whole file with each of `names` (in a thread). A name this build cannot do is left out."""
    hashers = {}
    for name in names:
        try:
            hashers[name] = hashlib.new(name, usedforsecurity=False)
        except ValueError:  # listed by OpenSSL but switched off
            continue
    offset = 0
    while hashers and (data := read_at(descriptor, _STEP, offset)):
        offset += len(data)
        for hasher in hashers.values():
            hasher.update(data)
    return {name: hasher.hexdigest() for name, hasher in hashers.items()}
