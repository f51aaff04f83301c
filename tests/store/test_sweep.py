"""The budget holds, the least valuable goes first, and nothing that is read goes at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.blobs import put, read, read_and_close, sha256
from tests.servers.memory_blobs import MemoryBlobs

from pipway.store.base import Blobs, Digest
from pipway.store.catalog import Catalog, StoredFile, open_catalog
from pipway.store.fs import FsBlobs
from pipway.store.sweep import ROUND_TRIP_BYTES, sweep, worth_losing

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest_asyncio.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    found = await open_catalog(tmp_path / "catalog.sqlite")
    yield found
    await found.aclose()


@pytest_asyncio.fixture(params=[FsBlobs, MemoryBlobs])
async def blobs(request: object, tmp_path: Path) -> AsyncIterator[Blobs]:
    kind = getattr(request, "param", None)
    store = FsBlobs(tmp_path) if kind is FsBlobs else MemoryBlobs()
    yield store
    await store.aclose()


async def store(blobs: Blobs, catalog: Catalog, size: int, *, hours_ago: float) -> Digest:
    """A blob, its row, its last use."""
    digest = await put(blobs, os.urandom(size))
    name = f"{digest[:8]}.tar.gz"
    await catalog.keep_file(StoredFile(f"https://files.example/{name}", digest, size, "alpha", name))
    catalog.touch(digest, NOW - timedelta(hours=hours_ago))
    return digest


async def left(blobs: Blobs) -> set[Digest]:
    return {digest async for digest, _ in blobs.list()}


async def test_under_budget_nothing_goes(blobs: Blobs, catalog: Catalog) -> None:
    digest = await store(blobs, catalog, 1000, hours_ago=1000)
    result = await sweep(blobs, catalog, budget=1000, now=NOW)
    assert (result.blobs, result.bytes, result.removed, result.left) == (1, 1000, 0, 1000)
    assert await left(blobs) == {digest}


async def test_of_equal_size_the_longest_unused_goes_first(blobs: Blobs, catalog: Catalog) -> None:
    digests = [await store(blobs, catalog, 1000, hours_ago=hours) for hours in (3, 9, 1, 5)]
    result = await sweep(blobs, catalog, budget=2500, now=NOW)
    assert (result.removed, result.freed, result.left) == (2, 2000, 2000)
    assert await left(blobs) == {digests[0], digests[2]}
    assert {file.digest for file in await catalog.files()} == await left(blobs)
    assert (await catalog.uses()).keys() == await left(blobs)


async def test_small_files_outlive_big_ones(blobs: Blobs, catalog: Catalog) -> None:
    metadata = await store(blobs, catalog, 5_000, hours_ago=50)
    wheel = await store(blobs, catalog, 5_000_000, hours_ago=2)
    await sweep(blobs, catalog, budget=5_000_000, now=NOW)
    assert await left(blobs) == {metadata}
    assert await blobs.open(wheel) is None


async def test_what_is_read_stays_and_is_readable(blobs: Blobs, catalog: Catalog) -> None:
    old = await store(blobs, catalog, 2000, hours_ago=100)
    new = await store(blobs, catalog, 2000, hours_ago=1)
    reading = await blobs.open(old)
    assert reading is not None
    result = await sweep(blobs, catalog, budget=2000, now=NOW)
    assert (result.removed, result.busy) == (1, 1)
    assert await left(blobs) == {old}, "the next in line goes instead"
    assert sha256(await read(reading)) == old
    reading.close()
    assert await blobs.open(new) is None
    assert (await sweep(blobs, catalog, budget=0, now=NOW)).removed == 1
    assert await left(blobs) == set()


async def test_readers_and_sweeps_at_once(tmp_path: Path, catalog: Catalog) -> None:
    """Two stores on one folder stand for two processes: one reads all the time while the other evicts all."""
    mine, theirs = FsBlobs(tmp_path), FsBlobs(tmp_path)
    digests = [await store(mine, catalog, 50_000, hours_ago=hours) for hours in range(20)]

    async def reader(number: int) -> int:
        seen = 0
        for digest in digests[number:] + digests[:number]:
            source = await mine.open(digest)
            if source is not None:
                assert sha256(await read(source)) == digest
                source.close()
                seen += 1
        return seen

    readers = [asyncio.create_task(reader(number)) for number in range(20)]
    for budget in (800_000, 400_000, 0):
        await sweep(theirs, catalog, budget=budget, now=NOW)
    assert sum(await asyncio.gather(*readers)) > 0
    assert await left(mine) == set()
    assert [await mine.open(digest) for digest in digests] == [None] * 20
    await mine.aclose()
    await theirs.aclose()


async def test_rows_of_blobs_that_are_gone_are_dropped(blobs: Blobs, catalog: Catalog) -> None:
    gone = await store(blobs, catalog, 1000, hours_ago=1)
    stays = await store(blobs, catalog, 1000, hours_ago=1)
    await blobs.delete(gone)
    result = await sweep(blobs, catalog, budget=10_000, now=NOW)
    assert result.gone == 1
    assert [file.digest for file in await catalog.files()] == [stays]
    assert (await catalog.uses()).keys() == {stays}


class ListedBefore(MemoryBlobs):
    """A store that was listed before its newest blob was committed."""

    async def list(self) -> AsyncIterator[tuple[Digest, int]]:
        for entry in [entry async for entry in super().list()][:-1]:
            yield entry


async def test_rows_of_what_was_stored_during_the_sweep_stay(catalog: Catalog) -> None:
    blobs = ListedBefore()
    digests = [await store(blobs, catalog, 1000, hours_ago=hours) for hours in (2, 1)]
    assert (await sweep(blobs, catalog, budget=10_000, now=NOW)).gone == 0
    assert {file.digest for file in await catalog.files()} == set(digests)
    await blobs.aclose()


async def test_a_blob_nobody_knows_is_as_good_as_new_once(blobs: Blobs, catalog: Catalog) -> None:
    """Its process was killed between publishing and writing the row; pages still name it by its digest."""
    known = await store(blobs, catalog, 1000, hours_ago=1)
    orphan = await put(blobs, os.urandom(1000))
    await sweep(blobs, catalog, budget=1000, now=NOW)
    assert await left(blobs) == {orphan}
    later = NOW + timedelta(days=30)
    catalog.touch(known, later)
    newer = await store(blobs, catalog, 1000, hours_ago=-24 * 29)
    await sweep(blobs, catalog, budget=1000, now=later)
    assert await left(blobs) == {newer}


async def test_sweeping_twice_finds_nothing_more(blobs: Blobs, catalog: Catalog) -> None:
    for hours in range(5):
        await store(blobs, catalog, 1000, hours_ago=hours)
    await sweep(blobs, catalog, budget=2000, now=NOW)
    again = await sweep(blobs, catalog, budget=2000, now=NOW)
    assert (again.removed, again.gone, again.bytes) == (0, 0, 2000)
    digest = (await left(blobs)).pop()
    assert sha256(await read_and_close(await blobs.open(digest))) == digest


@given(st.integers(1, 1 << 40), st.floats(1, 1e9), st.integers(1, 1 << 30), st.floats(1.01, 1e6))
def test_worth_shrinks_with_size_and_idleness(size: int, idle: float, more: int, longer: float) -> None:
    assert worth_losing(size, idle) < worth_losing(size, idle * longer)
    assert worth_losing(size, idle) <= worth_losing(size + more, idle) * (1 + 1e-12)  # but for the last bit


def test_big_blobs_are_weighed_by_idleness_alone() -> None:
    size = 1000 * ROUND_TRIP_BYTES
    assert 0.99 < worth_losing(size, 100) / worth_losing(2 * size, 100) <= 1
