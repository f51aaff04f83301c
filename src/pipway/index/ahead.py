"""Running ahead of the installer: while it reads a page, what it asks for next is on its way.

Wraps the index that `app` builds; clients see the same answers, sooner. A guess is fetched through the same flights, so
a client that asks for it meanwhile joins. Guesses are few at a time, wait while clients wait, and are bounded by
`credit`; a failed one is nobody's error.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterator
from functools import partial
from typing import Any

from pipway.errors import PipwayError
from pipway.index.base import Download, Index, Listing
from pipway.index.credit import Credit
from pipway.index.recent import Recent
from pipway.index.shared import Shared
from pipway.offload import offload
from pipway.platforms import read_at
from pipway.simple.guess import Wanted, dependencies, likely_file
from pipway.simple.installer import Installer, read_user_agent
from pipway.simple.page import File, NormalizedName
from pipway.trace import Trace, journey
from pipway.wire.answer import Source

_AT_ONCE = 3  # guesses fetched at a time: of the four connections that a dear parent allows, one stays free
_DEEP = 30  # steps from what a client asked for
_REMEMBERED = 4096  # guesses not made again …
_AGAIN = 60.0  # … for so many seconds
_PAGE, _METADATA, _FILE = 64_000, 16_000, 1_000_000  # bytes, where nobody says how many
_PER_FILE = 300  # bytes of a page for each file it lists
_REQUEST = 4000  # bytes that any request counts for at least


class Ahead:
    """An index that guesses what comes next; implements `Index`. Close it before what it wraps."""

    def __init__(
        self,
        index: Index,
        *,
        client: Callable[[], str],
        credit: Credit,
        trace: Trace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`client` gives the User-Agent of the request being answered."""
        self._index = index
        self._client = client
        self._credit = credit
        self._trace = trace
        self._clock = clock
        self._tasks: Shared[Hashable, None] = Shared()
        self._made: Recent[Hashable, float] = Recent(_REMEMBERED)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._clients = 0  # that wait for an answer
        self._calm = asyncio.Event()
        self._calm.set()

    # -- Index -------------------------------------------------------------------------------------------------------

    async def project(self, name: NormalizedName, *, recheck: bool = False) -> Listing:
        """The project's page; see `base.Index.project`."""
        self._asked("page", name)
        with self._waiting():
            listing = await self._index.project(name, recheck=recheck)
        if installer := self._installer():
            self._guess(("page", name, installer), lambda: self._pick(Wanted(name), installer, 0))
        return listing

    async def metadata(self, file: File) -> Download:
        """The wheel's METADATA; see `base.Index.metadata`. Who reads it fetches the wheel next, as a rule."""
        self._asked("metadata", file.url)
        with self._waiting():
            found = await self._index.metadata(file)
        if installer := self._installer():
            self._guess(("file", file.url), lambda: self._fetch(file))
            self._guess(("metadata", file.url, installer), lambda: self._read(file, frozenset(), installer, 0))
        return found

    async def open(self, file: File) -> Download:
        """The file; see `base.Index.open`."""
        self._asked("file", file.url)
        with self._waiting():
            return await self._index.open(file)

    async def size(self, file: File) -> int:
        """The file's length in bytes."""
        return await self._index.size(file)

    def projects(self) -> AsyncIterator[list[str]]:
        """Project names in batches; see `base.Index.projects`."""
        return self._index.projects()

    async def aclose(self) -> None:
        """Give up every guess."""
        await self._tasks.aclose()

    # -- guesses -----------------------------------------------------------------------------------------------------

    async def _pick(self, wanted: Wanted, installer: Installer, depth: int) -> None:
        """The page, then the METADATA of the file that will be picked from it."""
        async with self._turn("page", wanted.name, _PAGE) as allowed:
            if not allowed:
                return
            listing = await self._index.project(wanted.name)
            self._settle("page", wanted.name, listing.outcome, _PER_FILE * len(listing.page.files))
        page = listing.page
        file = await offload(_PER_FILE * len(page.files), lambda: likely_file(page, installer, wanted.versions))
        if file is None:
            return
        if depth == 0 and not (installer.reads_metadata and file.filename.endswith(".whl")):
            self._guess(("file", file.url), lambda: self._fetch(file))
        if file.filename.endswith(".whl"):
            await self._read(file, wanted.extras, installer, depth)

    async def _read(self, file: File, extras: frozenset[str], installer: Installer, depth: int) -> None:
        """The METADATA, then the pages of what it needs."""
        async with self._turn("metadata", file.url, _METADATA) as allowed:
            if not allowed:
                return
            download = await self._index.metadata(file)
            content = await _content(download.source)
            self._settle("metadata", file.url, download.outcome, len(content))
        if depth >= _DEEP:
            return
        for wanted in await offload(len(content), lambda: dependencies(content, installer, extras)):
            self._guess((wanted, installer), partial(self._pick, wanted, installer, depth + 1))

    async def _fetch(self, file: File) -> None:
        """The file itself, if it is not too much to lose."""
        async with self._turn("file", file.url, file.size or _FILE) as allowed:
            if not allowed:
                return
            download = await self._index.open(file)
            try:
                self._settle("file", file.url, download.outcome, download.source.size)
                await download.source.wait(download.source.size - 1)
            finally:
                download.source.close()

    def _guess(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Once each, in the background."""
        now = self._clock()
        if self._credit.left <= 0 or now < (self._made.get(key) or now):
            return
        self._made.put(key, now + _AGAIN, 1)

        async def run() -> None:
            journey.set(None)
            try:
                await make()
            except PipwayError as error:
                self._made.pop(key)
                self._trace.emit("ahead.failed", error=error.code)

        with contextlib.suppress(PipwayError):  # pipway stops
            self._tasks.start(key, run)

    @contextlib.asynccontextmanager
    async def _turn(self, kind: str, key: str, size: int) -> AsyncIterator[bool]:
        """Wait until clients do not and there is a place; False when it is more than may be lost."""
        async with self._slots:
            await self._calm.wait()
            yield self._credit.spend((kind, key), size)

    def _settle(self, kind: str, key: str, outcome: str, size: int) -> None:
        """What it really cost: nothing, when it was here already or a client fetched it."""
        if self._credit.give_back((kind, key)) and outcome == "miss":
            self._credit.spend((kind, key), min(max(size, _REQUEST), self._credit.left))
            self._trace.emit("ahead.fetched", kind=kind, size=size, left=self._credit.left)

    def _asked(self, kind: str, key: str) -> None:
        if self._credit.give_back((kind, key)):
            self._trace.emit("ahead.right", kind=kind)

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        """Guesses stand back while several clients wait."""
        self._clients += 1
        if self._clients >= _AT_ONCE:
            self._calm.clear()
        try:
            yield
        finally:
            self._clients -= 1
            if self._clients < _AT_ONCE:
                self._calm.set()

    def _installer(self) -> Installer | None:
        return read_user_agent(self._client())


async def _content(source: Source) -> bytes:
    """The whole of a stored, small file; closes it."""
    try:
        await source.wait(source.size - 1)
        return await asyncio.to_thread(read_at, source.fileno(), source.size, 0)
    finally:
        source.close()
