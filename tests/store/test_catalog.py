"""The catalog: what is kept comes back, also from another process, after damage and after a restart."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from pipway.errors import PipwayError, Unavailable
from pipway.store.base import Digest
from pipway.store.catalog import Catalog, StoredFile, StoredPage, Totals, open_catalog
from pipway.trace import Trace

NOW = datetime(2026, 11, 21, 1, 2, 3, 456789, tzinfo=UTC)
PAGE = StoredPage(
    index="main",
    name="alpha",
    url="https://index.example/simple/alpha/",
    content_type="application/vnd.pypi.simple.v1+json",
    body=b'{"files": []}' * 1000,
    etag='"abc"',
    last_modified=None,
    max_age=600,
    fetched=NOW,
)


def digest(number: int) -> Digest:
    return Digest(f"{number:064x}")


def stored(number: int, project: str = "alpha") -> StoredFile:
    name = f"{project}-{number}.tar.gz"
    return StoredFile(f"https://files.example/{name}", digest(number), number, project, name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest_asyncio.fixture
async def catalog(path: Path) -> AsyncIterator[Catalog]:
    found = await open_catalog(path)
    yield found
    await found.aclose()


class TestPages:
    async def test_come_back_as_they_were_kept(self, catalog: Catalog) -> None:
        assert await catalog.page("main", "alpha") is None
        for page in (PAGE, replace(PAGE, name="empty", body=b"", etag=None, max_age=None, last_modified="yesterday")):
            await catalog.keep_page(page)
            assert await catalog.page(page.index, page.name) == page

    async def test_are_replaced(self, catalog: Catalog) -> None:
        await catalog.keep_page(PAGE)
        newer = replace(PAGE, body=b"other", etag=None, fetched=NOW + timedelta(hours=1))
        await catalog.keep_page(newer)
        assert await catalog.page("main", "alpha") == newer

    async def test_belong_to_an_index(self, catalog: Catalog) -> None:
        await catalog.keep_page(PAGE)
        assert await catalog.page("other", "alpha") is None
        await catalog.forget_page("other", "alpha")
        assert await catalog.page("main", "alpha") == PAGE
        await catalog.forget_page("main", "alpha")
        assert await catalog.page("main", "alpha") is None

    async def test_confirmation_changes_freshness_only(self, catalog: Catalog) -> None:
        await catalog.keep_page(PAGE)
        later = NOW + timedelta(days=1)
        await catalog.confirm_page("main", "alpha", later, 60)
        assert await catalog.page("main", "alpha") == replace(PAGE, fetched=later, max_age=60)
        await catalog.confirm_page("main", "unknown", later, 60)
        assert await catalog.projects("main") == ["alpha"]

    async def test_names_are_listed_per_index(self, catalog: Catalog) -> None:
        for index, name in (("main", "beta"), ("main", "alpha"), ("other", "gamma")):
            await catalog.keep_page(replace(PAGE, index=index, name=name))
        assert await catalog.projects("main") == ["alpha", "beta"]
        assert await catalog.projects("none") == []

    async def test_are_stored_compressed(self, catalog: Catalog, path: Path) -> None:
        await catalog.keep_page(replace(PAGE, body=b"x" * 50_000_000))
        assert sum(file.stat().st_size for file in path.parent.iterdir()) < 1_000_000
        found = await catalog.page("main", "alpha")
        assert found is not None
        assert len(found.body) == 50_000_000


class TestFiles:
    async def test_come_back_as_they_were_kept(self, catalog: Catalog) -> None:
        file = stored(1)
        assert await catalog.file(file.url) is None
        await catalog.keep_file(file)
        assert await catalog.file(file.url) == file
        moved = replace(file, digest=digest(2))
        await catalog.keep_file(moved)
        assert await catalog.file(file.url) == moved
        await catalog.forget_file(file.url)
        assert await catalog.file(file.url) is None

    async def test_are_listed_all_or_by_project(self, catalog: Catalog) -> None:
        files = [stored(1), stored(2), stored(3, "beta")]
        for file in reversed(files):
            await catalog.keep_file(file)
        assert await catalog.files() == files
        assert await catalog.files("beta") == files[2:]
        assert await catalog.totals() == Totals(pages=0, page_bytes=0, files=3)

    async def test_are_forgotten_with_their_blob(self, catalog: Catalog) -> None:
        await catalog.keep_file(stored(1))
        await catalog.keep_file(replace(stored(1), url="https://files.example/mirror.tar.gz"))
        await catalog.keep_file(stored(2))
        catalog.touch(digest(1), NOW)
        await catalog.forget_blobs([digest(1), digest(9)])
        assert await catalog.files() == [stored(2)]
        assert await catalog.uses() == {}

    async def test_are_forgotten_with_their_project(self, catalog: Catalog) -> None:
        await catalog.keep_page(PAGE)
        await catalog.keep_file(stored(1))
        await catalog.keep_file(stored(2, "beta"))
        await catalog.forget_project("alpha")
        assert await catalog.page("main", "alpha") is None
        assert await catalog.files() == [stored(2, "beta")]


class TestUses:
    async def test_survive_a_restart(self, path: Path) -> None:
        catalog = await open_catalog(path)
        catalog.touch(digest(1), NOW)
        await catalog.aclose()
        catalog = await open_catalog(path)
        assert await catalog.uses() == {digest(1): NOW}
        await catalog.aclose()

    async def test_never_go_back_in_time(self, path: Path, catalog: Catalog) -> None:
        """Several processes flush when they like; the newest use counts."""
        other = await open_catalog(path)
        catalog.touch(digest(1), NOW)
        await catalog.flush()
        other.touch(digest(1), NOW - timedelta(days=1))
        await other.aclose()
        assert await catalog.uses() == {digest(1): NOW}

    async def test_are_written_after_a_while_unasked(
        self, path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pipway.store.catalog.TOUCH_DELAY", 0.0)
        other = await open_catalog(path)
        catalog.touch(digest(1), NOW)
        async with asyncio.timeout(10):
            while not await other.uses():
                pass
        await other.aclose()


async def test_facts_are_kept_and_replaced(catalog: Catalog) -> None:
    assert await catalog.fact("file-host") is None
    await catalog.keep_fact("file-host", "files.example")
    await catalog.keep_fact("file-host", "mirror.example")
    assert await catalog.fact("file-host") == "mirror.example"


@pytest.mark.slow
async def test_concurrent_writes_share_transactions_and_all_arrive(catalog: Catalog) -> None:
    await asyncio.gather(*(catalog.keep_file(stored(number)) for number in range(2000)))
    assert len(await catalog.files()) == 2000


async def test_a_write_that_fails_undoes_only_itself(catalog: Catalog) -> None:
    nothing: Any = None
    bad = replace(PAGE, name="bad", url=nothing)
    results = await asyncio.gather(
        catalog.keep_file(stored(1)), catalog.keep_page(bad), catalog.keep_file(stored(2)), return_exceptions=True
    )
    assert results[0] is None
    assert isinstance(results[1], PipwayError)
    assert results[2] is None
    assert await catalog.files() == [stored(1), stored(2)]


async def test_a_closed_catalog_says_so(path: Path) -> None:
    catalog = await open_catalog(path)
    await catalog.aclose()
    await catalog.aclose()
    with pytest.raises(Unavailable):
        await catalog.keep_file(stored(1))


async def test_deleting_gives_space_back(catalog: Catalog, path: Path) -> None:
    """devpi#760: a database that only grows."""
    for number in range(20):
        body = b"".join(number.to_bytes(4) + n.to_bytes(4) for n in range(20_000))
        await catalog.keep_page(replace(PAGE, name=f"p{number}", body=body))
    with sqlite3.connect(path) as connection:
        before = connection.execute("PRAGMA page_count").fetchone()[0]
        await catalog.forget_pages()
        await catalog.shrink()
        after = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    assert after < before / 5


@pytest.mark.parametrize("rubbish", [None, b"not a database" * 1000])
async def test_the_catalog_is_for_the_user_alone(path: Path, rubbish: bytes | None) -> None:
    """Pages of a private index are nobody else's business."""
    if rubbish is not None:
        path.write_bytes(rubbish)
    catalog = await open_catalog(path)
    await catalog.keep_page(PAGE)
    modes = {file.name: file.stat().st_mode & 0o077 for file in path.parent.iterdir() if "corrupt" not in file.name}
    assert modes == dict.fromkeys(
        ("catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm", "catalog.sqlite.lock"), 0
    )
    await catalog.aclose()


@pytest.mark.slow
async def test_processes_write_at_once(path: Path) -> None:
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.store.write_rows", str(path), name, "300")
        for name in ("one", "two", "three")
    ]
    assert [await process.wait() for process in processes] == [0, 0, 0]
    catalog = await open_catalog(path)
    for name in ("one", "two", "three"):
        assert len(await catalog.files(name)) == 300
    assert len(await catalog.uses()) == 300
    await catalog.aclose()


class TestDamage:
    @staticmethod
    def observed() -> tuple[Trace, list[str]]:
        events: list[str] = []
        trace = Trace()
        trace.listen(lambda name, _: events.append(name))
        return trace, events

    @pytest.mark.parametrize("rubbish", [b"this is not a database" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
    async def test_rubbish_is_put_aside(self, path: Path, rubbish: bytes) -> None:
        path.write_bytes(rubbish)
        trace, events = self.observed()
        catalog = await open_catalog(path, trace=trace)
        await catalog.keep_page(PAGE)
        assert await catalog.page("main", "alpha") == PAGE
        await catalog.aclose()
        assert events == ["catalog.rebuilt"]
        assert [file.read_bytes() for file in path.parent.glob("catalog.sqlite.corrupt-*")] == [rubbish]

    async def test_a_truncated_file_is_put_aside(self, path: Path) -> None:
        catalog = await open_catalog(path)
        for number in range(50):
            await catalog.keep_file(stored(number))
        await catalog.aclose()
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        trace, events = self.observed()
        catalog = await open_catalog(path, trace=trace)
        await catalog.keep_file(stored(1))
        assert await catalog.file(stored(1).url) == stored(1)
        await catalog.aclose()
        assert events == ["catalog.rebuilt"]

    async def test_damage_found_while_in_use_begins_anew(self, path: Path) -> None:
        catalog = await open_catalog(path)
        for number in range(500):
            await catalog.keep_file(stored(number))
        await catalog.aclose()
        data = bytearray(path.read_bytes())
        data[8192:] = bytes(len(data) - 8192)  # header and schema stay as they are, so opening succeeds
        path.write_bytes(data)
        trace, events = self.observed()
        catalog = await open_catalog(path, trace=trace)
        assert await catalog.files() == []
        await asyncio.gather(*(catalog.keep_file(stored(number)) for number in range(10)))
        assert len(await catalog.files()) == 10
        await catalog.aclose()
        assert events == ["catalog.rebuilt"]

    async def test_an_empty_file_is_a_new_catalog(self, path: Path) -> None:
        path.write_bytes(b"")
        trace, events = self.observed()
        catalog = await open_catalog(path, trace=trace)
        await catalog.keep_page(PAGE)
        await catalog.aclose()
        assert events == []
