"""Files being written can be told from those that nobody writes any more."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pipway.errors import Unavailable
from pipway.store import incoming


def close(created: incoming.Incoming) -> None:
    os.close(created.descriptor)
    os.close(created.reading)


def test_a_living_file_is_left_a_dead_one_removed(tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    living, dead = incoming.create(folder), incoming.create(folder)
    assert incoming.sweep(folder) == 0
    close(dead)  # as the kernel does when a process dies
    assert incoming.sweep(folder) == 1
    assert list(folder.iterdir()) == [living.path]
    close(living)


def test_a_discarded_file_is_gone_and_its_readers_read_on(tmp_path: Path) -> None:
    created = incoming.create(tmp_path)
    os.write(created.descriptor, b"data")
    incoming.discard(created)
    assert not list(tmp_path.iterdir())
    assert os.pread(created.reading, 10, 0) == b"data"
    os.close(created.reading)


def test_discarding_what_a_person_removed_is_no_error(tmp_path: Path) -> None:
    created = incoming.create(tmp_path)
    created.path.unlink()
    incoming.discard(created)
    os.close(created.reading)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert incoming.sweep(tmp_path / "incoming") == 0


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder.part").mkdir()
    assert incoming.sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_what_sweeps_take_while_it_is_created_is_created_again(tmp_path: Path) -> None:
    """A sweep may see a file before its lock. Whoever asked must still get one that is really there."""
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            incoming.sweep(tmp_path)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(300):
            created = incoming.create(tmp_path)
            assert created.path.exists()
            incoming.discard(created)
            os.close(created.reading)
    finally:
        stop.set()
        sweeper.join()


def test_a_file_in_place_of_the_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "incoming").write_bytes(b"")
    with pytest.raises(Unavailable):
        incoming.create(tmp_path / "incoming")
