"""What we know: pages as an index gave them, which blob holds a URL's file, when a blob was last used, learned facts.

`index` and the sweep use it; every method hands its work to threads. Losing the catalog costs questions to the
upstream, never a blob.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import zstandard

from pipway.errors import PipwayError
from pipway.store.base import Digest
from pipway.store.sqlite import Database
from pipway.trace import Trace

#: Seconds that last uses may stay in memory only.
TOUCH_DELAY = 5.0

_LEVEL = 3
_VACUUM_STEP = 1000  # pages of 4 KiB
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page's bytes and what the upstream said about their freshness."""

    index: str
    name: str
    url: str  #: final URL, against which links are resolved
    content_type: str
    body: bytes
    etag: str | None
    last_modified: str | None
    max_age: int | None  #: seconds
    fetched: datetime  #: aware UTC; when the upstream last confirmed it


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The blob that holds what a URL gave."""

    url: str
    digest: Digest
    size: int
    project: str
    filename: str


@dataclass(frozen=True, slots=True)
class Totals:
    """How much is known."""

    pages: int
    page_bytes: int  #: uncompressed
    files: int


class Catalog:
    """The catalog at `path`; make one with `open_catalog`. Usable by several processes at once."""

    def __init__(self, path: Path, *, trace: Trace | None = None) -> None:
        self.path = path
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._database = Database(path, moved=self._moved)
        self._touched: dict[Digest, datetime] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flushes: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Create or migrate the file. PipwayError `catalog-too-new` when a newer pipway made it."""
        await self._database.start()

    # -- pages ---------------------------------------------------------------------------------------------------

    async def page(self, index: str, name: str) -> StoredPage | None:
        """The stored page of a project."""

        def find(connection: sqlite3.Connection) -> StoredPage | None:
            row = connection.execute(
                "SELECT url, content_type, body, length, etag, last_modified, max_age, fetched"
                " FROM pages WHERE index_name = ? AND name = ?",
                (index, name),
            ).fetchone()
            if row is None:
                return None
            url, content_type, packed, length, etag, last_modified, max_age, fetched = row
            try:
                body = zstandard.ZstdDecompressor().decompress(packed, max_output_size=length)
            except zstandard.ZstdError:
                return None  # damaged in a way SQLite cannot see: as good as not there
            return StoredPage(index, name, url, content_type, body, etag, last_modified, max_age, _time(fetched))

        return await self._database.read(find)

    async def keep_page(self, page: StoredPage) -> None:
        """Store a page, in place of what was stored."""
        packed = await self._database.aside(_pack, page.body)

        def keep(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO pages (index_name, name, url, content_type, body, length, etag, last_modified,"
                " max_age, fetched) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    page.index,
                    page.name,
                    page.url,
                    page.content_type,
                    packed,
                    len(page.body),
                    page.etag,
                    page.last_modified,
                    page.max_age,
                    _microseconds(page.fetched),
                ),
            )

        await self._database.write(keep)

    async def confirm_page(self, index: str, name: str, fetched: datetime, max_age: int | None) -> None:
        """The upstream said that a page is unchanged."""
        await self._execute(
            "UPDATE pages SET fetched = ?, max_age = ? WHERE index_name = ? AND name = ?",
            (_microseconds(fetched), max_age, index, name),
        )

    async def forget_page(self, index: str, name: str) -> None:
        """Drop a page."""
        await self._execute("DELETE FROM pages WHERE index_name = ? AND name = ?", (index, name))

    async def projects(self, index: str) -> list[str]:
        """Names of the stored pages of an index, sorted."""
        return await self._database.read(
            lambda connection: [
                row[0]
                for row in connection.execute("SELECT name FROM pages WHERE index_name = ? ORDER BY name", (index,))
            ]
        )

    # -- files ---------------------------------------------------------------------------------------------------

    async def file(self, url: str) -> StoredFile | None:
        """The blob of a file URL."""
        found = await self._files("WHERE url = ?", (url,))
        return found[0] if found else None

    async def files(self, project: str | None = None) -> list[StoredFile]:
        """Every file known, or those of one project; sorted by project and file name."""
        where, values = ("", ()) if project is None else ("WHERE project = ?", (project,))
        return await self._files(where + " ORDER BY project, filename, url", values)

    async def keep_file(self, file: StoredFile) -> None:
        """Remember which blob a URL gave."""
        await self._execute(
            "INSERT OR REPLACE INTO files (url, digest, size, project, filename) VALUES (?, ?, ?, ?, ?)",
            (file.url, file.digest, file.size, file.project, file.filename),
        )

    async def forget_file(self, url: str) -> None:
        """Drop what is known of a file URL; the blob stays."""
        await self._execute("DELETE FROM files WHERE url = ?", (url,))

    async def forget_project(self, project: str) -> None:
        """Drop a project's pages (of every index) and files; blobs stay."""

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM pages WHERE name = ?", (project,))
            connection.execute("DELETE FROM files WHERE project = ?", (project,))

        await self._database.write(forget)

    async def forget_pages(self) -> None:
        """Drop every page."""
        await self._execute("DELETE FROM pages", ())

    async def forget_blobs(self, digests: Collection[Digest]) -> None:
        """Drop every row about these blobs."""
        rows = [(digest,) for digest in digests]

        def forget(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM files WHERE digest = ?", rows)
            connection.executemany("DELETE FROM uses WHERE digest = ?", rows)

        for digest in digests:
            self._touched.pop(digest, None)
        await self._database.write(forget)

    # -- uses ----------------------------------------------------------------------------------------------------

    def touch(self, digest: Digest, when: datetime) -> None:
        """A blob was used (aware UTC). Kept in memory and written a few seconds later, many at once."""
        self._touched[digest] = when
        if self._timer is None:
            self._timer = self._loop.call_later(TOUCH_DELAY, self._flush_soon)

    async def flush(self) -> None:
        """Write the last uses that are in memory only."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        touched, self._touched = self._touched, {}
        if not touched:
            return
        rows = [(digest, _microseconds(when)) for digest, when in touched.items()]
        await self._database.write(
            lambda connection: connection.executemany(
                "INSERT INTO uses (digest, last_used) VALUES (?, ?)"
                " ON CONFLICT (digest) DO UPDATE SET last_used = max(last_used, excluded.last_used)",
                rows,
            )
        )

    async def uses(self) -> dict[Digest, datetime]:
        """When each blob was last used, as far as it is known."""
        await self.flush()
        return await self._database.read(
            lambda connection: {
                Digest(digest): _time(last_used)
                for digest, last_used in connection.execute("SELECT digest, last_used FROM uses")
            }
        )

    async def digests(self) -> set[Digest]:
        """Every blob that some row speaks of."""
        return await self._database.read(
            lambda connection: {
                Digest(row[0]) for row in connection.execute("SELECT digest FROM files UNION SELECT digest FROM uses")
            }
        )

    # -- facts ---------------------------------------------------------------------------------------------------

    async def fact(self, key: str) -> str | None:
        """A learned fact."""
        row = await self._database.read(
            lambda connection: connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        )
        return None if row is None else str(row[0])

    async def keep_fact(self, key: str, value: str) -> None:
        """Remember a fact. Facts are small and never secret."""
        await self._execute("INSERT OR REPLACE INTO facts (key, value) VALUES (?, ?)", (key, value))

    # -- as a whole ----------------------------------------------------------------------------------------------

    async def totals(self) -> Totals:
        """How much is known."""
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT (SELECT count(*) FROM pages), (SELECT coalesce(sum(length), 0) FROM pages),"
                " (SELECT count(*) FROM files)"
            ).fetchone()
        )
        return Totals(*row)

    async def shrink(self) -> None:
        """Give the space of dropped rows back to the system."""

        def vacuum(connection: sqlite3.Connection) -> None:
            # In steps, so that other writers get their turn. As a script, because `execute` stops after one page.
            while free := connection.execute("PRAGMA freelist_count").fetchone()[0]:
                connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_STEP})")
                if connection.execute("PRAGMA freelist_count").fetchone()[0] >= free:
                    return

        await self._database.read(vacuum)

    async def aclose(self) -> None:
        """Write what is in memory only, and close."""
        with suppress(PipwayError):  # last uses are worth no failing shutdown
            await self.flush()
        await asyncio.gather(*self._flushes, return_exceptions=True)
        await self._database.aclose()

    async def _files(self, where: str, values: tuple[str, ...]) -> list[StoredFile]:
        statement = f"SELECT url, digest, size, project, filename FROM files {where}"  # noqa: S608 (constants of ours)
        return await self._database.read(
            lambda connection: [
                StoredFile(url, Digest(digest), *rest) for url, digest, *rest in connection.execute(statement, values)
            ]
        )

    async def _execute(self, statement: str, values: tuple[str | int | None, ...]) -> None:
        def run(connection: sqlite3.Connection) -> None:
            connection.execute(statement, values)

        await self._database.write(run)

    def _flush_soon(self) -> None:
        self._timer = None

        async def flush() -> None:
            with suppress(PipwayError):  # lost last uses make eviction a little less apt, no more
                await self.flush()

        task = self._loop.create_task(flush())
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    def _moved(self, path: Path) -> None:
        """A corrupt catalog was put aside (called in a thread)."""
        if self._trace is not None:
            self._loop.call_soon_threadsafe(partial(self._trace.emit, "catalog.rebuilt", aside=str(path)))


async def open_catalog(path: Path, *, trace: Trace | None = None) -> Catalog:
    """Open the catalog, created or migrated as needed. Close it with `aclose`."""
    catalog = Catalog(path, trace=trace)
    await catalog.start()
    return catalog


def _pack(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL).compress(body)


def _microseconds(when: datetime) -> int:
    return (when - _EPOCH) // _MICROSECOND


def _time(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND
