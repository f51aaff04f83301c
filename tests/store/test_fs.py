"""The local disk: the contract, and what only a disk can do wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.contracts.blobs import BlobsContract, put, read, read_and_close, sha256

from pipway.errors import Unavailable
from pipway.store.base import Blobs, Digest
from pipway.store.fs import VERIFIED_AT_ONCE, FsBlobs
from pipway.trace import Trace

SMALL = 100_000
BIG = VERIFIED_AT_ONCE + 3_000_000


class TestFsBlobs(BlobsContract):
    @pytest_asyncio.fixture
    async def blobs(self, tmp_path: Path) -> AsyncIterator[Blobs]:
        store = FsBlobs(tmp_path)
        yield store
        await store.aclose()


class Events(list[tuple[str, dict[str, Any]]]):
    """What was emitted."""

    def __init__(self) -> None:
        self.trace = Trace()
        self.trace.listen(lambda name, facts: self.append((name, dict(facts))))


@pytest.fixture
def events() -> Events:
    return Events()


@pytest_asyncio.fixture
async def reopened(tmp_path: Path, events: Events) -> AsyncIterator[Callable[[], FsBlobs]]:
    """Makes stores on the same folder, as a restarted process would."""
    stores: list[FsBlobs] = []

    def reopen() -> FsBlobs:
        stores.append(FsBlobs(tmp_path, trace=events.trace))
        return stores[-1]

    yield reopen
    for store in stores:
        await store.aclose()


def place(root: Path, digest: Digest) -> Path:
    return root / "blobs" / digest[:2] / digest


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def empty(path: Path) -> None:
    os.truncate(path, 0)


DAMAGES = [flip, truncate, lengthen, empty]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_small_damaged_blob_is_quarantined_and_not_there(
    tmp_path: Path, reopened: Callable[[], FsBlobs], events: Events, damage: Callable[[Path], None]
) -> None:
    data = os.urandom(SMALL)
    digest = await put(reopened(), data)
    damage(place(tmp_path, digest))
    blobs = reopened()
    assert await blobs.open(digest) is None
    assert events == [("blob.quarantined", {"digest": digest})]
    assert await blobs.size(digest) is None
    assert len(list((tmp_path / "quarantine").iterdir())) == 1
    assert await put(blobs, data) == digest
    assert await read_and_close(await blobs.open(digest)) == data


@pytest.mark.parametrize("damage", [flip, truncate, lengthen])
async def test_a_big_damaged_blob_never_gives_its_last_byte(
    tmp_path: Path, reopened: Callable[[], FsBlobs], events: Events, damage: Callable[[Path], None]
) -> None:
    digest = await put(reopened(), os.urandom(BIG))
    damage(place(tmp_path, digest))
    blobs = reopened()
    sources = await asyncio.gather(*(blobs.open(digest) for _ in range(10)))
    for source in sources:
        assert source is not None
        with pytest.raises(Unavailable) as caught:
            await read(source)
        assert caught.value.code == "blob-corrupt"
        source.close()
    assert await blobs.open(digest) is None
    assert events == [("blob.quarantined", {"digest": digest})]
    assert len(list((tmp_path / "quarantine").iterdir())) == 1
    assert await blobs.empty_quarantine() > 0


async def test_a_big_blob_is_served_while_it_is_verified(reopened: Callable[[], FsBlobs]) -> None:
    data = os.urandom(BIG)
    digest = await put(reopened(), data)
    blobs = reopened()
    sources = await asyncio.gather(*(blobs.open(digest) for _ in range(64)))
    first = sources[0]
    assert first is not None
    assert blobs.try_open(digest) is None, "not verified yet"
    assert 0 < await first.wait(0) < BIG, "the first bytes come before the last are hashed"
    assert not await blobs.delete(digest)
    for source in sources:
        assert await read_and_close(source) == data
    ready = blobs.try_open(digest)
    assert ready is not None
    assert await read_and_close(ready) == data


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_after_the_first_opening_is_noticed(
    tmp_path: Path, reopened: Callable[[], FsBlobs], damage: Callable[[Path], None]
) -> None:
    blobs = reopened()
    digest = await put(blobs, os.urandom(SMALL))
    await read_and_close(await blobs.open(digest))
    damage(place(tmp_path, digest))
    assert blobs.try_open(digest) is None
    assert await blobs.open(digest) is None


async def test_only_the_first_opening_reads_the_whole_file(tmp_path: Path) -> None:
    writer = FsBlobs(tmp_path)
    digests = [await put(writer, os.urandom(SMALL)) for _ in range(5)]
    await writer.aclose()
    blobs = FsBlobs(tmp_path, descriptors=1)
    for digest in digests:
        await read_and_close(await blobs.open(digest))
    # Same length, time and inode: what was verified is believed, else every opening would cost a hash.
    path = place(tmp_path, digests[0])
    status = path.stat()
    flip(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    source = await blobs.open(digests[0])
    assert source is not None
    source.close()
    assert await blobs.verify(digests[0]) is False, "asked explicitly, it looks"
    await blobs.aclose()


async def test_try_open_knows_only_what_is_open_and_verified(reopened: Callable[[], FsBlobs]) -> None:
    digest = await put(reopened(), b"data")
    blobs = reopened()
    assert blobs.try_open(digest) is None
    await read_and_close(await blobs.open(digest))
    source = blobs.try_open(digest)
    assert source is not None
    assert not await blobs.delete(digest)
    source.close()
    source.close()  # closing twice must not give up someone else's reading
    again = blobs.try_open(digest)
    assert again is not None
    assert not await blobs.delete(digest)
    again.close()


async def test_few_descriptors_stay_open(tmp_path: Path) -> None:
    blobs = FsBlobs(tmp_path, descriptors=4)
    before = len(os.listdir("/dev/fd"))
    digests = [await put(blobs, os.urandom(1000)) for _ in range(60)]
    held = [await blobs.open(digest) for digest in digests[:10]]
    for digest in digests:
        await read_and_close(await blobs.open(digest))
    assert len(os.listdir("/dev/fd")) <= before + len(held) + 4
    for source, digest in zip(held, digests, strict=False):
        assert source is not None
        assert sha256(await read(source)) == digest
        assert not await blobs.delete(digest), "a reading counts even when many others were opened since"
        source.close()
    await blobs.aclose()
    assert len(os.listdir("/dev/fd")) <= before


async def test_another_process_may_delete_what_is_being_read(reopened: Callable[[], FsBlobs]) -> None:
    mine, theirs = reopened(), reopened()
    data = os.urandom(SMALL)
    digest = await put(mine, data)
    source = await mine.open(digest)
    assert await theirs.delete(digest)
    assert await read_and_close(source) == data
    assert mine.try_open(digest) is None
    assert await mine.open(digest) is None


async def test_the_space_of_blobs_that_another_process_deleted_is_given_back(reopened: Callable[[], FsBlobs]) -> None:
    mine, theirs = reopened(), reopened()
    before = len(os.listdir("/dev/fd"))
    digests = [await put(mine, os.urandom(1000)) for _ in range(10)]
    for digest in digests:
        assert await theirs.delete(digest)
    await mine.sweep_incoming()
    assert len(os.listdir("/dev/fd")) <= before


async def test_a_blob_replaced_while_it_was_found_damaged_is_not_quarantined(
    tmp_path: Path, reopened: Callable[[], FsBlobs]
) -> None:
    mine, theirs = reopened(), reopened()
    data = os.urandom(BIG)
    digest = await put(theirs, data)
    flip(place(tmp_path, digest))
    source = await mine.open(digest)
    assert source is not None
    await put(theirs, data)
    with pytest.raises(Unavailable):
        await read(source)
    source.close()
    assert await read_and_close(await mine.open(digest)) == data


async def test_a_commit_whose_caller_is_cancelled_is_finished(tmp_path: Path, reopened: Callable[[], FsBlobs]) -> None:
    blobs = reopened()
    writer = await blobs.begin()
    source = writer.source(4)
    await writer.write(b"data")
    committing = asyncio.create_task(writer.commit(hashes={}, size=4))
    await asyncio.sleep(0)
    committing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await committing
    assert await read_and_close(source) == b"data"


async def test_a_cancelled_beginning_leaves_nothing(tmp_path: Path) -> None:
    blobs = FsBlobs(tmp_path, threads=1)
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        beginning = asyncio.create_task(blobs.begin())
        await asyncio.sleep(0)
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning
    await put(blobs, b"data")  # the one thread has come to the end of its queue
    assert not list((tmp_path / "incoming").iterdir())
    await blobs.aclose()
    assert len(os.listdir("/dev/fd")) <= before


async def test_abort_removes_the_file(tmp_path: Path, reopened: Callable[[], FsBlobs]) -> None:
    blobs = reopened()
    writer = await blobs.begin()
    await writer.write(os.urandom(3_000_000))
    await writer.abort(Unavailable("gone", "gone"))
    assert not list((tmp_path / "incoming").iterdir())


async def test_writes_wait_for_a_slow_disk(reopened: Callable[[], FsBlobs]) -> None:
    """Whatever the speed, at most the limit and one batch are in memory; all is written in order."""
    blobs = reopened()
    writer = await blobs.begin()
    data = os.urandom(12_000_000)
    for at in range(0, len(data), 100_000):
        await writer.write(data[at : at + 100_000])
    assert await writer.commit(hashes={}, size=len(data)) == sha256(data)


async def test_stored_files_are_for_the_user_alone(tmp_path: Path, reopened: Callable[[], FsBlobs]) -> None:
    digest = await put(reopened(), b"data")
    path = place(tmp_path, digest)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
