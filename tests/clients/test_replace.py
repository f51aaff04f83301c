"""One file replaced: whose it stays, what happens when somebody else is at it, and that nothing is left over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipway.clients.replace import State, put, state_of
from pipway.errors import UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pip.conf"
    path.write_bytes(b"old")
    return path


def refused(file: Path, state: State, expected: bytes | None = b"old") -> str:
    before = file.read_bytes()
    with pytest.raises(UsageError) as raised:
        put(file, state, expected=expected)
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]
    return raised.value.code


def test_the_owner_stays(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root writes other people's files, too."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _, user, group: asked.append((user, group)))
    now = state_of(file)
    assert now.owner == (os.geteuid(), os.getegid())
    put(file, State(b"new", now.mode, now.owner), expected=b"old")
    put(file, State(b"newer", now.mode, (now.owner[0] + 1, now.owner[1])), expected=b"new")
    assert asked == [(now.owner[0] + 1, now.owner[1])]
    assert file.read_bytes() == b"newer"


def test_a_file_that_could_not_stay_its_owners_is_left_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", no)
    assert refused(file, State(b"new", 0o644, (os.geteuid() + 1, 0))) == "file-unwritable"


def test_a_file_that_is_read_only_is_meant_to_be(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename would not ask."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert refused(file, State(b"new")) == "file-unwritable"


def test_what_somebody_writes_at_the_last_moment_stays(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def meanwhile(descriptor: int) -> None:
        file.write_bytes(b"theirs")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", meanwhile)
    with pytest.raises(UsageError) as raised:
        put(file, State(b"new"), expected=b"old")
    assert raised.value.code == "changed-meanwhile"
    assert file.read_bytes() == b"theirs"
    assert os.listdir(file.parent) == [file.name]


def test_a_full_disk_leaves_the_old_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert refused(file, State(b"new")) == "file-unwritable"


def test_what_is_written_is_never_readable_by_others_before_it_should_be(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    change = os.fchmod

    def fchmod(descriptor: int, mode: int) -> None:
        seen.append(os.fstat(descriptor).st_mode & 0o777)
        change(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", fchmod)
    put(file, State(b"new", 0o600), expected=b"old")
    assert seen == [0o600]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_new_file_is_like_any_other(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        put(tmp_path / "new", State(b"new"), expected=None)
    finally:
        os.umask(mask)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_what_an_earlier_run_left_is_no_obstacle(file: Path) -> None:
    (file.parent / ".pip.conf.pipway-new").write_bytes(b"half")
    put(file, State(b"new"), expected=b"old")
    assert file.read_bytes() == b"new"
    assert os.listdir(file.parent) == [file.name]


def test_folders_made_for_nothing_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError):
        put(tmp_path / "a" / "b" / "pip.conf", State(b"new"), expected=None)
    assert os.listdir(tmp_path) == []


def test_what_is_too_large_or_no_file_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as out:
        out.truncate((16 << 20) + 1)
    os.mkfifo(tmp_path / "fifo")
    for path, code in ((large, "file-too-large"), (tmp_path, "not-a-file"), (tmp_path / "fifo", "not-a-file")):
        with pytest.raises(UsageError) as raised:
            state_of(path)
        assert raised.value.code == code
