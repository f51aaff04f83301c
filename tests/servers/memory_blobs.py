"""Blobs that vanish with the process, for tests that need a store and not its disk.

Each blob is an unnamed temporary file, because a `Source` must have a descriptor. Passes tests/contracts/blobs.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Mapping

from pipway.errors import BadUpstream, Unavailable
from pipway.store.base import Digest


class _Content:
    """An unnamed file, how far it is written, and whether it is known to be right."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (closed by MemoryBlobs.aclose)
        self.written = 0
        self.done = False
        self.failure: Exception | None = None
        self.bell = asyncio.Event()
        self.readers = 0

    def ring(self) -> None:
        self.bell.set()
        self.bell.clear()

    def fail(self, reason: Exception) -> None:
        self.failure = reason
        self.ring()


class MemorySource:
    """One reading."""

    def __init__(self, content: _Content, size: int) -> None:
        self._content = content
        self._size = size
        self._open = True
        content.readers += 1

    @property
    def size(self) -> int:
        return self._size

    def fileno(self) -> int:
        return self._content.file.fileno()

    async def wait(self, beyond: int) -> int:
        content = self._content
        while True:
            if content.failure is not None:
                raise content.failure
            if content.done:
                if content.written != self._size:
                    raise BadUpstream("wrong-length", "not as long as promised")
                return self._size
            ready = min(content.written, self._size - 1)
            if ready > beyond:
                return ready
            await content.bell.wait()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._content.readers -= 1


class MemoryWriter:
    """A blob being written."""

    def __init__(self, blobs: MemoryBlobs, content: _Content) -> None:
        self._blobs = blobs
        self._content = content
        self._ended = False

    @property
    def written(self) -> int:
        return self._content.written

    async def write(self, data: bytes) -> None:
        assert not self._ended
        self._content.file.write(data)
        self._content.written += len(data)
        self._content.ring()
        await asyncio.sleep(0)

    async def commit(self, *, hashes: Mapping[str, str], size: int | None) -> Digest:
        assert not self._ended
        self._ended = True
        data = os.pread(self._content.file.fileno(), self._content.written, 0)
        wrong = [
            name
            for name, value in hashes.items()
            if name.lower() in hashlib.algorithms_guaranteed and hashlib.new(name, data).hexdigest() != value.lower()
        ]
        if wrong or size not in (None, len(data)):
            error = BadUpstream("wrong-digest" if wrong else "wrong-length", "not what was promised")
            self._content.fail(error)
            raise error
        digest = Digest(hashlib.sha256(data).hexdigest())
        self._content.done = True
        self._content.ring()
        self._blobs.contents[digest] = self._content
        return digest

    async def abort(self, reason: Exception) -> None:
        if not self._ended:
            self._ended = True
            self._content.fail(
                reason if isinstance(reason, BadUpstream | Unavailable) else Unavailable("aborted", "aborted")
            )

    def source(self, size: int) -> MemorySource:
        return MemorySource(self._content, size)


class MemoryBlobs:
    """See `pipway.store.base.Blobs`."""

    def __init__(self) -> None:
        self.contents: dict[Digest, _Content] = {}
        self._all: list[_Content] = []

    def try_open(self, digest: Digest) -> MemorySource | None:
        content = self.contents.get(digest)
        return None if content is None else MemorySource(content, content.written)

    async def open(self, digest: Digest) -> MemorySource | None:
        return self.try_open(digest)

    async def begin(self) -> MemoryWriter:
        content = _Content()
        self._all.append(content)
        return MemoryWriter(self, content)

    async def size(self, digest: Digest) -> int | None:
        content = self.contents.get(digest)
        return None if content is None else content.written

    async def delete(self, digest: Digest) -> bool:
        content = self.contents.get(digest)
        if content is not None and content.readers:
            return False
        self.contents.pop(digest, None)
        return True

    async def list(self) -> AsyncIterator[tuple[Digest, int]]:
        for digest, content in list(self.contents.items()):
            yield digest, content.written

    async def aclose(self) -> None:
        for content in self._all:
            content.file.close()
