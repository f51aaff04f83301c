"""The database file: migrations, versions, what several processes do at once."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipway.errors import PipwayError, Unavailable
from pipway.store import sqlite
from pipway.store.catalog import open_catalog
from pipway.store.sqlite import Database, migrate, migrations


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert isinstance(found, int)
    return found


def insert(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO facts VALUES (hex(randomblob(8)), 'b')")


def moved(path: Path) -> None:
    raise AssertionError(f"{path} was put aside")


def test_migrations_are_numbered_without_gaps() -> None:
    folder = Path(sqlite.__file__).parent / "migrations"
    names = sorted(file.name for file in folder.glob("*.sql"))
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]
    assert len(migrations()) == len(names)


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    migrate(path)
    migrate(path)
    assert version(path) == len(migrations())


def test_each_step_is_applied_once_and_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog.sqlite"
    migrate(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO facts VALUES ('kept', 'yes; really')")
    connection.close()
    later = "ALTER TABLE facts ADD COLUMN note TEXT;\n-- a remark; with a semicolon\nUPDATE facts SET note = 'a;b';\n"
    monkeypatch.setattr(sqlite, "migrations", lambda: [*migrations(), later])
    migrate(path)
    migrate(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT * FROM facts").fetchall() == [("kept", "yes; really", "a;b")]
    connection.close()
    assert version(path) == len(migrations()) + 1


def test_a_step_that_fails_leaves_the_version_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog.sqlite"
    migrate(path)
    monkeypatch.setattr(sqlite, "migrations", lambda: [*migrations(), "CREATE TABLE new (x);\nNONSENSE;\n"])
    with pytest.raises(sqlite3.Error):
        migrate(path)
    assert version(path) == len(migrations())
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'new'").fetchall() == []
    connection.close()


async def test_a_newer_catalog_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    migrate(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(PipwayError) as caught:
        await open_catalog(path)
    assert caught.value.code == "catalog-too-new"
    assert caught.value.fix
    assert version(path) == 999


async def test_many_openings_at_once_migrate_once(tmp_path: Path) -> None:
    path = tmp_path / "data" / "catalog.sqlite"
    catalogs = await asyncio.gather(*(open_catalog(path) for _ in range(8)))
    await asyncio.gather(*(catalog.keep_fact(f"fact-{i}", "x") for i, catalog in enumerate(catalogs)))
    assert [await catalogs[-1].fact(f"fact-{i}") for i in range(8)] == ["x"] * 8
    await asyncio.gather(*(catalog.aclose() for catalog in catalogs))


async def test_a_writer_waits_for_another_process(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    database = Database(path, moved=moved)
    await database.start()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(database.write(insert))
    assert await database.read(lambda c: c.execute("SELECT * FROM facts").fetchall()) == [], "reading need not wait"
    assert not writing.done()
    other.execute("COMMIT")
    await writing
    assert len(other.execute("SELECT * FROM facts").fetchall()) == 1
    other.close()
    await database.aclose()


async def test_a_lock_held_too_long_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    path = tmp_path / "catalog.sqlite"
    database = Database(path, moved=moved)
    await database.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        await database.write(insert)
    assert caught.value.code == "catalog-busy"
    other.execute("ROLLBACK")
    await database.write(insert)
    other.close()
    await database.aclose()


async def test_a_question_may_fail_with_any_error(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalog.sqlite", moved=moved)
    await database.start()

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO facts VALUES ('a', 'b')")
        raise KeyError("not SQLite's")

    with pytest.raises(KeyError):
        await database.write(fail)
    assert await database.read(lambda c: c.execute("SELECT * FROM facts").fetchall()) == []
    await database.aclose()


async def test_a_cancelled_caller_does_not_stop_the_writer(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalog.sqlite", moved=moved)
    await database.start()
    writing = asyncio.create_task(database.write(insert))
    await asyncio.sleep(0)
    writing.cancel()
    await database.write(insert)
    assert len(await database.read(lambda c: c.execute("SELECT * FROM facts").fetchall())) == 2
    await database.aclose()


def test_the_lock_file_admits_one_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []

    def enter(number: int) -> int:
        with sqlite._alone(tmp_path / "lock"):
            inside.append(number)
            seen = len(inside)
            inside.remove(number)
            return seen

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(enter, range(100))) == {1}
