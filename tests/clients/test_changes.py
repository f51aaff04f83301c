"""Files of other tools: replaced whole or not at all, and put back exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipway.clients.base import Change
from pipway.clients.changes import Journal, apply, undo
from pipway.errors import UsageError

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OLD, NEW = b"[global]\r\n# mine\r\ntimeout = 60\r\n", b"[global]\nindex-url = https://index.example/simple/\n"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "data" / "configure")


def write(journal: Journal, *changes: Change) -> list[Path]:
    return apply(changes, journal, title="configure pip", now=NOW)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_file_is_replaced_and_put_back_with_its_bytes_and_mode(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "pip.conf"
    path.write_bytes(OLD)
    path.chmod(0o640)
    assert write(journal, Change(path, OLD, NEW)) == [path]
    assert (path.read_bytes(), mode(path)) == (NEW, 0o640)
    path.chmod(0o600)
    undone = undo(journal)
    assert (undone.title, undone.when, undone.restored) == ("configure pip", NOW.isoformat(), (path,))
    assert (path.read_bytes(), mode(path)) == (OLD, 0o640)
    assert sorted(os.listdir(tmp_path)) == ["data", "pip.conf"]


def test_what_holds_a_secret_is_for_its_owner_alone(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "netrc"
    path.write_bytes(OLD)
    path.chmod(0o644)
    write(journal, Change(path, OLD, NEW, private=True), Change(tmp_path / "new", None, NEW, private=True))
    assert mode(path) == mode(tmp_path / "new") == 0o600
    assert {mode(file) for file in journal.folder.iterdir()} == {0o600}
    assert mode(journal.folder) == 0o700
    undo(journal)
    assert mode(path) == 0o644


def test_a_mode_alone_is_a_change(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "netrc"
    path.write_bytes(OLD)
    path.chmod(0o644)
    assert write(journal, Change(path, OLD, OLD)) == []
    assert journal.steps() == []
    assert write(journal, Change(path, OLD, OLD, private=True)) == [path]
    assert mode(path) == 0o600


def test_absence_is_restored_with_the_folders_that_were_made(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "config" / "pip" / "pip.conf"
    write(journal, Change(path, None, NEW))
    assert path.read_bytes() == NEW
    undo(journal)
    assert not (tmp_path / "config").exists()


def test_a_folder_that_somebody_uses_meanwhile_stays(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "config" / "pip.conf"
    write(journal, Change(path, None, NEW))
    (tmp_path / "config" / "other").touch()
    undo(journal)
    assert os.listdir(tmp_path / "config") == ["other"]


def test_a_file_that_went_comes_back(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "pip.conf"
    path.write_bytes(OLD)
    write(journal, Change(path, OLD, None))
    assert not path.exists()
    undo(journal)
    assert path.read_bytes() == OLD


def test_a_link_stays_one(tmp_path: Path, journal: Journal) -> None:
    """Dotfiles are often links into a repository."""
    real, link = tmp_path / "dotfiles", tmp_path / "pip.conf"
    real.write_bytes(OLD)
    link.symlink_to("dotfiles")
    write(journal, Change(link, OLD, NEW))
    assert link.is_symlink()
    assert real.read_bytes() == NEW
    undo(journal)
    assert link.is_symlink()
    assert real.read_bytes() == OLD


def test_links_in_a_circle_are_said(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(UsageError) as raised:
        write(journal, Change(tmp_path / "a", None, NEW))
    assert raised.value.code == "file-unwritable"


def test_steps_are_undone_the_latest_first(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "pip.conf"
    write(journal, Change(path, None, OLD))
    write(journal, Change(path, OLD, NEW))
    undo(journal)
    assert path.read_bytes() == OLD
    undo(journal)
    assert not path.exists()
    with pytest.raises(UsageError) as raised:
        undo(journal)
    assert raised.value.code == "nothing-to-undo"


def test_two_tools_in_one_file_are_one_step(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(OLD)
    with journal.step("configure uv poetry", NOW) as step:
        step.apply([Change(path, OLD, NEW)])
        step.apply([Change(path, NEW, NEW + b"more\n")])
    undo(journal)
    assert path.read_bytes() == OLD
    assert journal.steps() == []


def test_an_error_takes_back_what_was_written_before_it(tmp_path: Path, journal: Journal) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    second.write_bytes(b"somebody else's")
    with pytest.raises(UsageError) as raised:
        write(journal, Change(first, None, NEW), Change(second, OLD, NEW))
    assert raised.value.code == "changed-meanwhile"
    assert not first.exists()
    assert second.read_bytes() == b"somebody else's"
    assert journal.steps() == []


def test_what_a_person_wrote_since_is_not_lost(tmp_path: Path, journal: Journal) -> None:
    """Nor is half of the step undone."""
    path, other = tmp_path / "pip.conf", tmp_path / "uv.toml"
    write(journal, Change(other, None, NEW), Change(path, None, NEW))
    path.write_bytes(NEW + b"timeout = 5\n")
    with pytest.raises(UsageError) as raised:
        undo(journal)
    assert raised.value.code == "edited-since"
    assert other.exists()
    (copy,) = undo(journal, force=True).kept
    assert copy.read_bytes() == NEW + b"timeout = 5\n"
    assert mode(copy) == 0o600
    assert not path.exists()
    assert not other.exists()


def test_a_damaged_journal_is_said(tmp_path: Path, journal: Journal) -> None:
    write(journal, Change(tmp_path / "pip.conf", None, NEW))
    journal.steps()[0].write_text('{"files": [{}]}')
    with pytest.raises(UsageError) as raised:
        undo(journal)
    assert raised.value.code == "journal-damaged"
    assert (tmp_path / "pip.conf").exists()


def test_only_one_at_a_time(tmp_path: Path, journal: Journal) -> None:
    with journal.step("configure pip", NOW), pytest.raises(UsageError) as raised:
        write(Journal(journal.folder), Change(tmp_path / "pip.conf", None, NEW))
    assert raised.value.code == "journal-busy"


def test_no_file_is_followed_that_is_none(tmp_path: Path, journal: Journal) -> None:
    with pytest.raises(UsageError):
        write(journal, Change(tmp_path, None, NEW))
    assert tmp_path.is_dir()


KILLED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from pipway.clients.base import Change
from pipway.clients.changes import Journal, apply

def run(folder, left):
    def counted(event, arguments):
        nonlocal left
        if event in ("open", "os.rename", "os.remove", "os.mkdir") and str(folder) in str(arguments[0]):
            left -= 1
            if not left:
                os.kill(os.getpid(), 9)

    sys.addaudithook(counted)
    changes = [Change(folder / name, b"old " + name.encode(), b"new " + name.encode()) for name in ("one", "two")]
    apply(changes, Journal(folder / "data"), title="t", now=datetime.now(UTC))

for count in range(1, 60):
    folder = Path(sys.argv[1], str(count))
    folder.mkdir()
    for name in ("one", "two"):
        (folder / name).write_bytes(b"old " + name.encode())
    if not (child := os.fork()):
        run(folder, count)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


@pytest.mark.slow
def test_killed_at_any_moment_every_file_is_old_or_new_and_an_undo_brings_the_old_ones(tmp_path: Path) -> None:
    """Runs that die at their first, second, … touch of a file, until one is through."""
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=60, check=True)
    runs = sorted(tmp_path.iterdir(), key=lambda folder: int(folder.name))
    seen = set()
    for folder in runs:
        found = tuple((folder / name).read_bytes() for name in ("one", "two"))
        assert found in {(b"old one", b"old two"), (b"new one", b"old two"), (b"new one", b"new two")}
        seen.add(found)
        journal = Journal(folder / "data")
        if journal.steps():
            undo(journal)
        assert [(folder / name).read_bytes() for name in ("one", "two")] == [b"old one", b"old two"], folder.name
    assert len(seen) == 3
    assert 8 < len(runs) < 59
