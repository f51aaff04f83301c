"""Open files with many readers: pins, waking, errors."""

from __future__ import annotations

import asyncio
import os
import traceback
from pathlib import Path

import pytest

from pipway.errors import BadUpstream, Unavailable
from pipway.store.reading import OpenFile, Reader


@pytest.fixture
def descriptor(tmp_path: Path) -> int:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return os.open(path, os.O_RDONLY)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


async def test_the_last_reader_closes_the_descriptor(descriptor: int) -> None:
    file = OpenFile(descriptor)
    readers = [Reader(file, 10) for _ in range(3)]
    file.release()
    for reader in readers:
        assert is_open(descriptor)
        assert reader.fileno() == descriptor
        reader.close()
        reader.close()
    assert not is_open(descriptor)


async def test_a_complete_file_stays_complete(descriptor: int) -> None:
    file = OpenFile(descriptor)
    file.complete(10)
    file.fail(Unavailable("late", "an error after the end"))
    assert await file.wait(0, 10) == 10
    file.release()


async def test_the_first_failure_counts(descriptor: int) -> None:
    file = OpenFile(descriptor)
    file.fail(BadUpstream("first", "first"))
    file.fail(BadUpstream("second", "second"))
    with pytest.raises(BadUpstream, match="first"):
        await file.wait(0, 10)
    file.release()


async def test_one_error_for_many_readers_does_not_grow(descriptor: int) -> None:
    """A traceback kept on the shared error would hold every reader's frames for as long as the error lives."""
    file = OpenFile(descriptor)
    file.fail(BadUpstream("gone", "gone"))
    for _ in range(50):
        with pytest.raises(BadUpstream) as caught:
            await file.wait(0, 10)
        assert len(traceback.extract_tb(caught.value.__traceback__)) < 5
    file.release()


async def test_readers_wait_for_what_they_need_only(descriptor: int) -> None:
    file = OpenFile(descriptor)
    near, far = asyncio.create_task(file.wait(2, 10)), asyncio.create_task(file.wait(6, 10))
    await asyncio.sleep(0)
    file.advance(5)
    assert await near == 5
    assert not far.done()
    file.advance(7)
    assert await far == 7
    file.release()
