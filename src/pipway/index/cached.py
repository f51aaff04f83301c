"""The index as its users see it: pages kept fresh, served stale rather than not at all, forgotten when really gone.

`app` puts it around `flight`, `metadata` and `projects`; `guarded` and the web talk to it. What was seen once stays
servable through outages and restarts; only the upstream's own 404 or 410 ends that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial

from pipway.errors import NotFound, PipwayError, Unavailable
from pipway.index.base import Download, Listing
from pipway.index.entry import Entry, load, replaced, stored_page
from pipway.index.flight import Flight, offline
from pipway.index.freshness import Freshness
from pipway.index.metadata import Metadata
from pipway.index.projects import ProjectLists
from pipway.index.recent import Recent
from pipway.index.shared import Shared, result
from pipway.index.upstream import PageReply
from pipway.offload import offload
from pipway.simple.names import project_candidates
from pipway.simple.page import File, NormalizedName
from pipway.wire.answer import Lease

_GONE_BOUND = 16_384


class Cached:
    """Pages with freshness; implements `Index`. Close it to end its background work."""

    def __init__(
        self,
        flight: Flight,
        metadata: Metadata,
        lists: ProjectLists,
        *,
        key: str = "default",
        freshness: Freshness | None = None,
        memory: int = 128 * 1024 * 1024,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`key` names the pages in the catalog; `memory` bounds parsed pages, in (estimated) bytes."""
        self._flight = flight
        self._upstream = flight.upstream
        self._catalog = flight.catalog
        self._offline = flight.offline
        self._trace = flight.trace
        self._metadata = metadata
        self._lists = lists
        self._key = key
        self._times = freshness or Freshness()
        self._now = now
        self._clock = clock
        self._pages: Recent[NormalizedName, Entry] = Recent(memory, lambda entry: entry.lease.revoke())
        self._gone: dict[NormalizedName, float] = {}
        self._loads: Shared[NormalizedName, Entry | None] = Shared()
        self._refreshes: Shared[NormalizedName, Entry] = Shared()
        self._stores: Shared[NormalizedName, None] = Shared()
        self._impatient_until = float("-inf")
        metadata.changed = self._promises_changed

    # -- Index ---------------------------------------------------------------------------------------------------

    async def project(self, name: NormalizedName, *, recheck: bool = False) -> Listing:
        """The project's page; see `base.Index.project`."""
        entry = await self._entry(name)
        if entry is None:
            return await self._first(name)
        now = self._now()
        left = self._times.left(entry.fetched, entry.max_age, now)
        if recheck and not self._offline and self._clock() >= entry.checked + self._times.recheck:
            return await self._revalidated(name, entry, -left)
        if left > 0:
            entry.lease.until = max(entry.lease.until, self._clock() + left)
            self._emit("page.hit", name)
            return _listing(entry, "hit")
        if self._offline:
            return self._stale(name, entry, -left, "offline")
        if self._clock() < entry.checked + self._times.recheck and entry.error is not None:
            return self._tolerated(name, entry, -left, entry.error)
        if -left <= self._times.swr:
            self._refreshes.start(name, lambda: self._refresh(name, entry))
            return self._stale(name, entry, -left, "")
        return await self._revalidated(name, entry, -left)

    async def open(self, file: File) -> Download:
        """The file; see `base.Index.open`."""
        return await self._flight.open(file)

    async def metadata(self, file: File) -> Download:
        """The wheel's METADATA; see `base.Index.metadata`."""
        return await self._metadata.metadata(file)

    async def size(self, file: File) -> int:
        """The file's length in bytes."""
        return await self._flight.size(file)

    async def projects(self) -> AsyncIterator[list[str]]:
        """Project names in batches; see `base.Index.projects`."""
        async for batch in self._lists.projects():
            yield batch

    async def known(self, name: NormalizedName) -> Listing | None:
        """The project's page only if it is in memory or in the catalog, however old. Asks nobody."""
        entry = await self._entry(name)
        return _listing(entry, "hit", Lease(float("-inf"))) if entry else None

    async def aclose(self) -> None:
        """End background work, then that of everything inside."""
        await self._refreshes.aclose()
        await self._loads.aclose()
        await self._stores.finish()
        await self._metadata.aclose()
        await self._lists.aclose()
        await self._flight.aclose()

    # -- answers -------------------------------------------------------------------------------------------------

    async def _first(self, name: NormalizedName) -> Listing:
        """Nothing is stored: the upstream decides, and whoever asks has to wait."""
        if self._gone.get(name, float("-inf")) > self._clock():
            raise NotFound("not-found", f"no index has the project {name}", why="the upstream said so a moment ago")
        if self._offline:
            raise offline(f"the page of {name} is not stored here")
        task, started = self._refreshes.start(name, lambda: self._refresh(name, None))
        entry = await result(task)
        if started:
            self._emit("page.miss", name)
        return _listing(entry, "miss" if started else "joined")

    async def _revalidated(self, name: NormalizedName, entry: Entry, stale_for: float) -> Listing:
        """Ask the upstream and wait a little; after that the old page is the better answer.

        A slow upstream is waited for once, not by every page: until it answers something, nobody waits again.
        """
        task, _ = self._refreshes.start(name, lambda: self._refresh(name, entry))
        patience = 0.0 if self._clock() < self._impatient_until else self._times.patience
        done, _ = await asyncio.wait({task}, timeout=patience)
        if not done:
            self._impatient_until = self._clock() + 10.0 * self._times.patience
            return self._tolerated(name, entry, stale_for, None)
        try:
            fresh = await result(task)
        except NotFound:
            raise
        except PipwayError as error:
            return self._tolerated(name, entry, stale_for, error)
        return _listing(fresh, "miss")

    def _tolerated(self, name: NormalizedName, entry: Entry, stale_for: float, error: PipwayError | None) -> Listing:
        """Serve stale on error unless it is too old for that (RFC 5861 §4)."""
        limit = self._times.stale_limit
        if limit is not None and stale_for > limit:
            raise (error.with_traceback(None) if error else None) or Unavailable(
                "page-too-old",
                f"the page of {name} is older than allowed and the upstream does not answer",
                retry_after=5,
            )
        return self._stale(name, entry, stale_for, error.code if error else "")

    def _stale(self, name: NormalizedName, entry: Entry, stale_for: float, error: str) -> Listing:
        if stale_for <= 0:  # a client's demand could not be met, but the page is fresh by itself
            return _listing(entry, "hit")
        self._trace.emit("page.stale", index=self._key, project=name, age=round(stale_for, 3), error=error)
        entry.lease.until = self._clock() + self._times.repeat
        return _listing(entry, "stale")

    # -- pages ---------------------------------------------------------------------------------------------------

    async def _entry(self, name: NormalizedName) -> Entry | None:
        found = self._pages.get(name)
        if found is None and name not in self._gone:
            found, _ = await self._loads.join(name, lambda: self._load(name))
        return found

    async def _load(self, name: NormalizedName) -> Entry | None:
        """Take a page out of the catalog, as after a restart. One that cannot be read any more is as good as none."""
        await self._stores.wait(name)
        stored, promises = await asyncio.gather(self._catalog.page(self._key, name), self._metadata.promises(name))
        if stored is None:
            return self._pages.get(name)  # a refresh may have brought it meanwhile
        try:
            entry = await load(stored, name, promises)
        except PipwayError as error:
            self._trace.emit("page.failed", index=self._key, project=name, error=error.code)
            return None
        current = self._pages.get(name)  # a refresh may have been quicker
        if current is None:
            self._pages.put(name, entry, entry.weight)
        return current or entry

    async def _refresh(self, name: NormalizedName, entry: Entry | None) -> Entry:
        """Ask the upstream once and keep what it says. Runs as a shared task that no client owns."""
        try:
            reply = await self._upstream.page(name, entry.known if entry else None)
        except NotFound:
            await self._forget(name)
            raise
        except PipwayError as error:
            if entry is not None:
                entry.checked, entry.error = self._clock(), error
            self._trace.emit("page.failed", index=self._key, project=name, error=error.code)
            raise
        self._impatient_until = float("-inf")
        self._gone.pop(name, None)
        fetched = self._now()
        fresh = await self._kept(name, entry, reply, fetched)
        if entry is not None:
            self._emit("page.revalidated", name, changed=fresh is not entry)
        return fresh

    async def _kept(self, name: NormalizedName, entry: Entry | None, reply: PageReply, fetched: datetime) -> Entry:
        age = None if reply.max_age is None else int(reply.max_age)
        if entry is not None and (reply.raw is None or reply.raw.known.same_page(entry.known)):
            entry.confirm(reply.raw, age, fetched, self._clock())
            fresh = entry
        else:
            assert reply.page is not None, "an upstream that sends new bytes sends their page too"
            assert reply.raw is not None
            page, raw, promises = reply.page, reply.raw, await self._metadata.promises(name)
            make = partial(Entry.make, page, raw, promises, age, fetched, self._clock())
            fresh = await offload(len(raw.body), make)
        # The catalog learns of it while the client has its answer already; `_load` waits for what is on its way.
        self._stores.follow(name, lambda: self._store(name, reply, age, fetched))
        if self._pages.get(name) is not fresh:
            self._pages.put(name, fresh, fresh.weight)  # revokes the old page's lease
        fresh.lease.until = self._clock() + self._times.lifetime(reply.max_age)
        return fresh

    async def _store(self, name: NormalizedName, reply: PageReply, age: int | None, fetched: datetime) -> None:
        """Remember it in the catalog. A full disk costs the memory of the page, not the answer."""
        try:
            if reply.raw is not None:
                await self._catalog.keep_page(stored_page(self._key, name, reply.raw, age, fetched))
            else:
                await self._catalog.confirm_page(self._key, name, fetched, age)
        except PipwayError as error:
            self._trace.emit("page.unstored", index=self._key, project=name, error=error.code)

    async def _forget(self, name: NormalizedName) -> None:
        """A real 404 or 410: the page is gone, and that is believed for a moment."""
        self._pages.pop(name)
        while len(self._gone) >= _GONE_BOUND:
            del self._gone[next(iter(self._gone))]
        self._gone[name] = self._clock() + self._times.negative
        await self._stores.wait(name)
        await self._catalog.forget_page(self._key, name)
        self._emit("page.gone", name)

    async def _promises_changed(self, file: File) -> None:
        """A wheel's METADATA turned out otherwise than its page says: say so on the page."""
        for name in map(NormalizedName, project_candidates(file.filename)):
            entry = self._pages.get(name)
            if entry is not None and file.url in entry.page.by_url:
                promises = await self._metadata.promises(name)
                fresh = await offload(entry.weight, partial(replaced, entry, promises))
                if self._pages.get(name) is entry:
                    self._pages.put(name, fresh, fresh.weight)

    def _emit(self, event: str, name: NormalizedName, **facts: object) -> None:
        self._trace.emit(event, index=self._key, project=name, **facts)


def _listing(entry: Entry, outcome: str, lease: Lease | None = None) -> Listing:
    known = entry.known
    return Listing(entry.page, lease or entry.lease, outcome, entry.fetched, known.url, known.content_type)
