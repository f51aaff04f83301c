"""A disk that is full or forbidden gives one clear error with its fix, and poisons nothing."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from pipway.errors import Unavailable
from pipway.store.disk import catalog_error, disk
from pipway.store.fs import FsBlobs


async def meet(root: Path, kind: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.full_disk", str(root), kind), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode().splitlines()


@pytest.mark.slow
async def test_a_full_disk_fails_the_writing_and_its_readers_only(tmp_path: Path) -> None:
    assert await meet(tmp_path, "full") == ["reader disk-full", "writer disk-full fix", "blobs 2"]


@pytest.mark.slow
async def test_a_forbidden_disk_says_so(tmp_path: Path) -> None:
    root = tmp_path / "data"
    first, *rest = await meet(root, "forbidden")
    assert first == "writer disk-forbidden fix"
    assert rest in (["list disk-forbidden"], ["blobs 1"])  # as another user; as the same one without permission
    for folder in root.iterdir():
        folder.chmod(0o700)


async def test_a_data_directory_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    blobs = FsBlobs(tmp_path / "file" / "data")
    with pytest.raises(Unavailable) as caught:
        await blobs.begin()
    assert caught.value.code == "disk-failed"
    await blobs.aclose()


def test_no_space_left_is_disk_full() -> None:
    """/dev/full is Linux's; elsewhere the errno itself must do."""
    with pytest.raises(Unavailable) as caught, disk(Path("/dev")):
        if not Path("/dev/full").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        Path("/dev/full").write_bytes(b"x")
    assert caught.value.code == "disk-full"
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SQLITE_FULL", "disk-full"),
        ("SQLITE_READONLY_DIRECTORY", "disk-forbidden"),
        ("SQLITE_CANTOPEN", "disk-forbidden"),
        ("SQLITE_BUSY_SNAPSHOT", "catalog-busy"),
        ("SQLITE_IOERR_READ", "catalog-failed"),
    ],
)
def test_sqlite_errors_are_named_the_same_way(name: str, code: str) -> None:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = getattr(sqlite3, name)
    found = catalog_error(error, Path("catalog.sqlite"))
    assert found.code == code
    assert found.why == "as SQLite says it"
    assert found.fix
