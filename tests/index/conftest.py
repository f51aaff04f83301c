"""A whole index chain on a loopback upstream, with a clock that tests turn and a record of every event."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from tests.servers.upstream import Published, Upstream

from pipway.dial.direct import Direct
from pipway.dial.http import Client, Limits
from pipway.dial.url import Origin
from pipway.index import upstream as index
from pipway.index.base import Download
from pipway.index.breaker import Breakers
from pipway.index.cached import Cached
from pipway.index.flight import Flight
from pipway.index.freshness import Freshness
from pipway.index.lookup import Lookup
from pipway.index.metadata import Metadata
from pipway.index.projects import ProjectLists
from pipway.index.remote import Remote
from pipway.index.retry import HOPELESS, Retry
from pipway.platforms import read_at
from pipway.simple.page import File, NormalizedName
from pipway.store.catalog import Catalog, open_catalog
from pipway.store.fs import FsBlobs
from pipway.trace import Trace
from pipway.wire.answer import Source

LIMITS = Limits(connect=5.0, first_byte=0.5, stall=0.5)


class Clock:
    """Wall clock and monotonic clock that go only when told to. Sleeping advances them at once."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


@dataclass
class Events:
    """Everything the trace said, in order."""

    seen: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._news = asyncio.Event()

    def hear(self, name: str, facts: Mapping[str, Any]) -> None:
        self.seen.append((name, facts))
        self._news.set()
        self._news.clear()

    def named(self, name: str) -> list[Mapping[str, Any]]:
        return [facts for seen, facts in self.seen if seen == name]

    def __contains__(self, name: str) -> bool:
        return bool(self.named(name))

    async def arrive(self, name: str, count: int = 1) -> None:
        """Wait for the `count`th event of this name."""
        async with asyncio.timeout(20):
            while len(self.named(name)) < count:
                await self._news.wait()


class World:
    """An upstream and an index in front of it. `restart` makes a new process out of the same disk."""

    def __init__(self, upstream: Upstream, folder: Path) -> None:
        self.upstream = upstream
        self.folder = folder
        self.clock = Clock()

    async def start(self, *, freshness: Freshness | None = None, offline: bool = False, **remote: Any) -> Self:
        self.events = Events()
        self.trace = Trace()
        self.trace.listen(self.events.hear)
        self.client = client(self.trace)
        self.catalog: Catalog = await open_catalog(self.folder / "catalog.sqlite", trace=self.trace)
        self.blobs = FsBlobs(self.folder / "blobs", trace=self.trace)
        self.breakers = Breakers(trace=self.trace, clock=self.clock.monotonic)
        quick = Retry(attempts=3, sleep=self.clock.sleep)
        remote = {"retry": quick, "breakers": self.breakers, "now": self.clock.now, **remote}
        self.remote = Remote(self.client, self.upstream.url, trace=self.trace, **remote)
        self._options = (freshness, offline)
        return self.over(self.remote)

    def over(self, source: index.Upstream) -> Self:
        """Build the index in front of this upstream."""
        freshness, offline = self._options
        self.flight = Flight(
            source,
            self.blobs,
            self.catalog,
            trace=self.trace,
            offline=offline,
            retry=Retry(attempts=4, hopeless=HOPELESS - {"circuit-open"}, sleep=self.clock.sleep),
            now=self.clock.now,
            clock=self.clock.monotonic,
        )
        self.metadata = Metadata(self.flight)
        self.index = Cached(
            self.flight,
            self.metadata,
            ProjectLists(self.flight, freshness=freshness, now=self.clock.now),
            freshness=freshness,
            now=self.clock.now,
            clock=self.clock.monotonic,
        )
        self.lookup = Lookup(self.index)
        return self

    async def stop(self) -> None:
        await self.index.aclose()
        await self.blobs.aclose()
        await self.catalog.aclose()
        await self.client.aclose()

    async def restart(self, **options: Any) -> None:
        await self.stop()
        await self.start(**options)

    async def file(self, published: Published) -> File:
        """The file as the index's own page lists it."""
        return await self.lookup.find(self.upstream.url_of(published))

    def asked(self, pattern: str = "*") -> int:
        return len(self.upstream.asked(pattern))


def client(trace: Trace, limits: Limits = LIMITS) -> Client:

    async def trust(_: Origin) -> ssl.SSLContext:
        return ssl.create_default_context()

    return Client(Direct(), trust=trust, limits=limits, user_agent="pipway/test", trace=trace)


def name(text: str) -> NormalizedName:
    return NormalizedName(text)


async def read(source: Source) -> bytes:
    """The whole source, as a patient client would get it; closes it."""
    pieces: list[bytes] = []
    at = 0
    try:
        while at < source.size:
            ready = await source.wait(at)
            while at < ready:
                pieces.append(read_at(source.fileno(), ready - at, at))
                at += len(pieces[-1])
    finally:
        source.close()
    return b"".join(pieces)


async def body(download: Download | Awaitable[Download]) -> bytes:
    """The whole of an opened file."""
    opened = download if isinstance(download, Download) else await download
    return await read(opened.source)


Build = Callable[..., Awaitable[World]]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def build(upstream: Upstream, tmp_path: Path) -> AsyncIterator[Build]:
    """Makes worlds with options and stops them all in the end."""
    worlds: list[World] = []

    async def make(**options: Any) -> World:
        world = await World(upstream, tmp_path / str(len(worlds))).start(**options)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        await world.stop()


@pytest.fixture
async def world(build: Build) -> World:
    return await build()
