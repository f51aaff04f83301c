"""Rotten blobs are kept aside, but not many."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipway.store import quarantine
from pipway.store.quarantine import KEPT_FILES, empty, put_away


def rotten(folder: Path, number: int, size: int = 10) -> Path:
    path = folder / f"{number:064x}"
    path.write_bytes(bytes(size))
    return path


def put_away_many(tmp_path: Path, count: int, size: int = 10) -> list[str]:
    for number in range(count):
        path = rotten(tmp_path, number, size)
        put_away(path, tmp_path / "quarantine", path.stat().st_ino)
    return sorted(path.name.split(".")[0] for path in (tmp_path / "quarantine").iterdir())


def test_a_blob_is_moved(tmp_path: Path) -> None:
    (name,) = put_away_many(tmp_path, 1)
    assert name == f"{0:064x}"
    assert not (tmp_path / name).exists()


def test_the_same_blob_may_rot_twice(tmp_path: Path) -> None:
    put_away_many(tmp_path, 1)
    assert len(put_away_many(tmp_path, 1)) == 2


def test_a_good_blob_in_its_place_stays(tmp_path: Path) -> None:
    path = rotten(tmp_path, 1)
    put_away(path, tmp_path / "quarantine", path.stat().st_ino + 1)
    assert path.exists()
    assert empty(tmp_path / "quarantine") == 0


def test_a_blob_that_is_gone_is_no_error(tmp_path: Path) -> None:
    put_away(tmp_path / "gone", tmp_path / "quarantine", 1)


def test_the_newest_few_are_kept(tmp_path: Path) -> None:
    kept = put_away_many(tmp_path, KEPT_FILES + 5)
    assert len(kept) == KEPT_FILES
    assert f"{KEPT_FILES + 4:064x}" in kept


def test_the_newest_is_kept_whatever_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "KEPT_BYTES", 1500)
    assert len(put_away_many(tmp_path, 4, size=1000)) == 1


def test_emptying_says_how_much_it_freed(tmp_path: Path) -> None:
    put_away_many(tmp_path, 3)
    assert empty(tmp_path / "quarantine") == 30
    assert not os.listdir(tmp_path / "quarantine")
    assert empty(tmp_path / "nowhere") == 0
