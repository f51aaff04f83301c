"""`kill -9` at any moment leaves whole blobs and orphans that can be told from living files."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import pytest

from pipway.store.fs import FsBlobs

ROUNDS = 16  # of two processes each


async def killed_after(root: Path, seed: int, steps: int) -> list[str]:
    """Start a process that writes, kill it after so many steps; gives the digests it said it had stored."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.write_forever", str(root), str(seed)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said = [(await process.stdout.readline()).decode() for _ in range(steps)]
    process.kill()
    rest, _ = await process.communicate()
    said += rest.decode().splitlines(keepends=True)
    assert process.returncode == -9
    return [line.split()[1] for line in said if line.startswith("stored") and line.endswith("\n")]


@pytest.mark.slow
async def test_every_visible_blob_is_whole_after_many_kills(tmp_path: Path) -> None:
    dice = random.Random(20261121)
    stored: set[str] = set()
    for number in range(ROUNDS):
        pair = [killed_after(tmp_path, 2 * number + i, dice.randrange(1, 40)) for i in range(2)]
        for digests in await asyncio.gather(*pair):
            stored.update(digests)

    blobs = FsBlobs(tmp_path)
    orphans = len(list((tmp_path / "incoming").iterdir()))
    assert await blobs.sweep_incoming() == orphans
    assert not list((tmp_path / "incoming").iterdir())
    visible = {digest async for digest, _ in blobs.list()}
    assert visible >= stored
    assert stored
    assert orphans
    for digest in visible:
        assert await blobs.verify(digest) is True
    await blobs.aclose()


async def test_the_sweep_leaves_files_alone_that_someone_still_writes(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.write_forever", str(tmp_path), "1"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    blobs = FsBlobs(tmp_path)
    mine = await blobs.begin()
    await mine.write(b"still here")
    (tmp_path / "incoming" / "dead.part").write_bytes(b"left behind")
    stored = 0
    while stored < 20:  # the other process would fail to publish, and say nothing more, if its file were taken
        line = await process.stdout.readline()
        assert line
        stored += line.startswith(b"stored")
        await blobs.sweep_incoming()
    process.kill()
    await process.communicate()
    assert not (tmp_path / "incoming" / "dead.part").exists()
    digest = await mine.commit(hashes={}, size=10)
    assert await blobs.verify(digest) is True
    await blobs.aclose()
