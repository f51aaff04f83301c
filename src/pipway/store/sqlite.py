"""One SQLite file shared by threads and processes: migrations, one writer thread, readers beside it.

`catalog` puts its questions here as functions of a connection. Writes of many callers share a transaction. A file
that is corrupt is moved aside and begun anew; one that a newer pipway made is refused.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pipway.errors import PipwayError, Unavailable
from pipway.platforms import open_shared, try_lock
from pipway.store.disk import catalog_error, disk

T = TypeVar("T")
Question = Callable[[sqlite3.Connection], T]

_BUSY_SECONDS = 15.0
_BATCH = 512
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class _Job:
    """A write that waits for its turn."""

    __slots__ = ("answer", "error", "future", "question")

    def __init__(self, question: Question[Any], future: asyncio.Future[Any]) -> None:
        self.question = question
        self.future = future
        self.answer: Any = None
        self.error: Exception | None = None


class Database:
    """The file at `path`. `moved` is called (in a thread) with the new path of a corrupt file put aside."""

    def __init__(self, path: Path, *, moved: Callable[[Path], None], readers: int = 2) -> None:
        self.path = path
        self._moved = moved
        self._loop = asyncio.get_running_loop()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._generation = 0  # grows when the file is begun anew: connections of an older one are useless
        self._renewal = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_forever, name="catalog-writer", daemon=True)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="catalog-reader")
        self._closed = False

    async def start(self) -> None:
        """Create or migrate the file, and begin to serve."""
        try:
            await self.aside(self._prepare)
        except BaseException:
            self._readers.shutdown(wait=False)
            raise
        self._writer.start()

    async def aside(self, function: Callable[..., T], *arguments: object) -> T:
        """Run something lengthy in a thread of the readers."""
        return await self._loop.run_in_executor(self._readers, function, *arguments)

    async def read(self, question: Question[T]) -> T:
        """Ask; sees every write that was awaited before."""
        return await self.aside(self._with_renewal, self._answer, question)

    async def write(self, question: Question[T]) -> T:
        """Change; returns once the change is committed. A question that fails undoes only its own changes."""
        if self._closed:
            raise Unavailable("catalog-closed", "the catalog is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(question, future))
        return await future

    async def aclose(self) -> None:
        """Finish the writes that wait, then close."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await self.aside(self._writer.join)
        self._readers.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    # -- connections ---------------------------------------------------------------------------------------------

    def _connection(self) -> sqlite3.Connection:
        """The calling thread's own connection."""
        generation, connection = getattr(self._local, "held", (-1, None))
        if connection is None or generation != self._generation:
            if connection is not None:
                self._connections.remove(connection)
                connection.close()
            generation, connection = self._generation, connect(self.path)
            self._connections.append(connection)
            self._local.held = (generation, connection)
        assert isinstance(connection, sqlite3.Connection)
        return connection

    def _with_renewal(self, ask: Callable[[T], Any], what: T) -> Any:
        """Do `ask(what)`; if the file turns out to be corrupt, begin it anew and ask once more."""
        for attempt in (1, 2):
            generation = self._generation
            try:
                return ask(what)
            except sqlite3.Error as error:
                if attempt == 2 or not _is_broken(error):
                    raise catalog_error(error, self.path) from error
                self._renew(generation)
        return None

    def _answer(self, question: Question[T]) -> T:
        return question(self._connection())

    def _renew(self, generation: int) -> None:
        with self._renewal:
            if generation == self._generation:
                self._prepare()
                self._generation += 1

    def _prepare(self) -> None:
        """Make the file usable: create, migrate, or put a corrupt one aside. Alone among all processes."""
        with disk(self.path.parent):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(self.path.with_name(self.path.name + ".lock")):
                os.close(open_shared(self.path, os.O_CREAT | os.O_RDWR))  # for this user alone; SQLite would say 0644
                try:
                    if self._connections:  # something was wrong while in use: look closer
                        check(self.path)
                    migrate(self.path)
                except sqlite3.Error as error:
                    if not _is_broken(error):
                        raise catalog_error(error, self.path) from error
                    self._moved(_put_aside(self.path))
                    os.close(open_shared(self.path, os.O_CREAT | os.O_RDWR))
                    migrate(self.path)

    # -- the writer ----------------------------------------------------------------------------------------------

    def _write_forever(self) -> None:
        running = True
        while running:
            jobs = [job] if (job := self._jobs.get()) else []
            running = bool(jobs)
            while jobs and len(jobs) < _BATCH and not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    running = False
                    break
                jobs.append(job)
            try:
                self._with_renewal(self._commit, jobs)
            except Exception as error:  # whatever it is, those who wait must hear of it
                for job in jobs:
                    job.error = error
            with suppress(RuntimeError):  # the loop was closed under us: nobody waits any more
                self._loop.call_soon_threadsafe(_deliver, jobs)

    def _commit(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                connection.execute("SAVEPOINT job")
                job.error = None
                try:
                    job.answer = job.question(connection)
                except Exception as error:
                    if isinstance(error, sqlite3.Error) and _is_broken(error):
                        raise
                    connection.execute("ROLLBACK TO job")
                    job.error = catalog_error(error, self.path) if isinstance(error, sqlite3.Error) else error
                connection.execute("RELEASE job")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def connect(path: Path) -> sqlite3.Connection:
    """Open the file as every user of it must; explicit transactions, waits while others write."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a power cut may lose the last writes, no more
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def check(path: Path) -> None:
    """Raise sqlite3.DatabaseError (SQLITE_CORRUPT) when the file is damaged."""
    connection = connect(path)
    try:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    finally:
        connection.close()
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def migrations() -> list[str]:
    """The SQL of each step, in order; step number n brings a file to `user_version` n."""
    folder = resources.files("pipway.store").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in names]


def migrate(path: Path) -> None:
    """Bring the file to the newest version, each step in a transaction of its own."""
    steps = migrations()
    connection = connect(path)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(steps):
            raise PipwayError(
                "catalog-too-new",
                f"the catalog {path} was made by a newer pipway",
                why=f"it has version {version}, this pipway knows {len(steps)}",
                fix="upgrade pipway, or choose another directory with --data",
            )
        if version == 0:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # deleting gives space back to the system
        connection.execute("PRAGMA journal_mode = WAL")
        for number, step in enumerate(steps[version:], version + 1):
            connection.execute("BEGIN IMMEDIATE")
            for statement in _statements(step):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
    finally:
        connection.close()


def _statements(script: str) -> Iterator[str]:
    """Split SQL text; `executescript` would commit before it runs."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _is_broken(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BROKEN


def _put_aside(path: Path) -> Path:
    """Rename a corrupt file. Its log goes first: an old log beside a new file would corrupt that one too."""
    target = path.with_name(f"{path.name}.corrupt-{int(time.time())}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(target.with_name(target.name + suffix))
    return target


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, waiting while another process has it."""
    descriptor = open_shared(path, os.O_CREAT | os.O_RDWR)
    try:
        deadline = time.monotonic() + _BUSY_SECONDS
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise Unavailable("catalog-busy", f"another process keeps {path} locked", fix="try again shortly")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _deliver(jobs: list[_Job]) -> None:
    for job in jobs:
        if not job.future.done():  # done: whoever asked was cancelled
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.answer)
