"""Writing: batches, back-pressure, and who sees which error when."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.contracts.blobs import read_and_close, sha256

from pipway.errors import BadUpstream, Unavailable
from pipway.store import incoming
from pipway.store.base import Digest
from pipway.store.reading import OpenFile
from pipway.store.writing import PENDING_LIMIT, FsWriter

PIECE = 64 * 1024


class SlowDisk:
    """The one thread that all disk work goes through; it can be held up."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.executor = ThreadPoolExecutor(1)
        self.published: list[Digest] = []
        self._free = threading.Event()

    def hold(self) -> None:
        self._free.clear()
        self.executor.submit(self._free.wait)

    def release(self) -> None:
        self._free.set()

    def writer(self) -> FsWriter:
        return FsWriter(incoming.create(self.root / "incoming"), self.executor, self._place, self._publish)

    def _place(self, digest: Digest) -> Path:
        return self.root / digest[:2] / digest

    def _publish(self, digest: Digest, file: OpenFile) -> None:
        self.published.append(digest)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SlowDisk]:
    found = SlowDisk(tmp_path)
    yield found
    found.release()
    found.executor.shutdown()


async def turns(count: int = 50) -> None:
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_held_up_disk_stops_the_writer_at_the_limit(disk: SlowDisk) -> None:
    data = os.urandom(3 * PENDING_LIMIT)
    writer = disk.writer()
    disk.hold()

    async def write_all() -> None:
        for at in range(0, len(data), PIECE):
            await writer.write(data[at : at + PIECE])

    writing = asyncio.create_task(write_all())
    await turns(200)
    assert not writing.done()
    assert writer.written <= PENDING_LIMIT + 2 * PIECE
    disk.release()
    await writing
    assert await writer.commit(hashes={}, size=len(data)) == sha256(data)
    assert disk.published == [sha256(data)]


async def test_small_writes_do_not_wait_for_the_disk(disk: SlowDisk) -> None:
    writer = disk.writer()
    disk.hold()
    async with asyncio.timeout(5):
        for _ in range(10):
            await writer.write(b"x" * 100)
    assert writer.written == 1000
    disk.release()
    await writer.commit(hashes={}, size=1000)


async def test_readers_get_the_last_byte_before_the_disk_is_synced(disk: SlowDisk) -> None:
    """What is verified is right, whatever the disk does next: clients need not wait for fsync."""
    writer = disk.writer()
    source = writer.source(4)
    await writer.write(b"data")
    await source.wait(2)
    disk.hold()
    committing = asyncio.create_task(writer.commit(hashes={"sha256": sha256(b"data")}, size=4))
    assert await read_and_close(source) == b"data"
    assert not committing.done()
    assert disk.published == []
    disk.release()
    await committing


async def test_abort_while_writes_wait_ends_them(disk: SlowDisk) -> None:
    writer = disk.writer()
    disk.hold()

    async def write_forever() -> None:
        while True:
            await writer.write(bytes(PIECE))

    writing = asyncio.create_task(write_forever())
    await turns()
    source = writer.source(1 << 30)
    aborting = asyncio.create_task(writer.abort(Unavailable("enough", "enough")))
    with pytest.raises(Unavailable, match="enough"):
        await source.wait(0)  # at once, whatever the disk does
    source.close()
    disk.release()
    await aborting
    with pytest.raises(RuntimeError):
        await writing
    assert not list((disk.root / "incoming").iterdir())


async def test_a_publication_that_fails_is_an_error_of_the_commit_only(disk: SlowDisk) -> None:
    """The bytes were right: who reads them is not punished for the disk."""
    writer = disk.writer()
    source = writer.source(4)
    await writer.write(b"data")
    (disk.root / sha256(b"data")[:2]).write_bytes(b"a file where a folder should be")
    with pytest.raises(Unavailable):
        await writer.commit(hashes={}, size=4)
    assert await read_and_close(source) == b"data"
    assert disk.published == []
    assert not list((disk.root / "incoming").iterdir())


async def test_a_failed_commit_cannot_be_repeated(disk: SlowDisk) -> None:
    writer = disk.writer()
    await writer.write(b"data")
    with pytest.raises(BadUpstream):
        await writer.commit(hashes={}, size=3)
    with pytest.raises(RuntimeError):
        await writer.commit(hashes={}, size=4)
    await writer.abort(Unavailable("late", "aborting after the end is harmless"))
    assert disk.published == []
