"""The composition root: builds every concrete object, in the order in which a request meets them.

`cli.serve` runs `serve`; `building` is the same without the signals, for whoever wants a pipway inside a program.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Concatenate, ParamSpec

from pipway import entrance, interception, outbound, platforms
from pipway.access import Access
from pipway.dial import http
from pipway.errors import PipwayError, UsageError
from pipway.gateway import Gateway
from pipway.index.ahead import Ahead
from pipway.index.base import Index
from pipway.index.breaker import Breakers
from pipway.index.cached import Cached
from pipway.index.credit import Credit
from pipway.index.flight import Flight
from pipway.index.freshness import Freshness
from pipway.index.hosts import IndexHosts
from pipway.index.lookup import Lookup
from pipway.index.merged import Merged
from pipway.index.metadata import Metadata
from pipway.index.projects import ProjectLists
from pipway.index.remote import Remote
from pipway.index.upstream import Upstream
from pipway.log import Log
from pipway.server.intercept import Interception
from pipway.server.limits import Limits
from pipway.server.listener import Server
from pipway.settings import Settings
from pipway.store.catalog import Catalog, open_catalog
from pipway.store.fs import FsBlobs
from pipway.store.sweep import sweep
from pipway.trace import Trace
from pipway.upstreams import Address, upstreams
from pipway.web import indexes as web_indexes
from pipway.web.app import Site
from pipway.web.files import Find
from pipway.web.guard import Guard
from pipway.web.metrics import Metrics
from pipway.web.origin import ByOrigin
from pipway.web.traffic import Traffic
from pipway.wire.answer import Answer, Request

_More = ParamSpec("_More")

_OWN_FILES = 128  # open files and sockets that are nobody's connection
_SWEEP_EVERY = 300.0  # seconds between two looks at the disk budget

#: The User-Agent of the client being served: `ahead` reads it, one setting passes it on. Tasks inherit it.
_client: ContextVar[str] = ContextVar("client", default="")


#: How long a thread that computes may keep the interpreter from the event loop; Python's own 5 ms stall everybody.
SWITCH_SECONDS = 0.0005


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
    typed: Mapping[str, str] = {},
) -> int:
    """Serve until SIGTERM or SIGINT, finish what runs, and give the exit code.

    `ready` is called once with the server's URL; `typed` has the parents' passwords that a person typed in.
    PipwayError when it cannot start.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    stopping = asyncio.Event()
    _on_signals(stopping.set)
    async with building(settings, environ=environ, typed=typed) as (server, url):
        ready(url)
        await stopping.wait()
        await server.stop(settings.server.grace)
    return 0


@asynccontextmanager
async def building(
    settings: Settings,
    *,
    environ: Mapping[str, str] = os.environ,
    typed: Mapping[str, str] = {},
    trace: Trace | None = None,
) -> AsyncIterator[tuple[Server, str]]:
    """A pipway that listens, and its URL. Everything it holds is closed in reverse order at the end."""
    async with AsyncExitStack() as stack:
        # 1. Whoever wants to know what happens listens to the trace: the log, the metrics, the live view.
        trace = trace or Trace()
        metrics, traffic = Metrics(trace), Traffic(trace)
        _start_log(settings, trace, stack)
        # 2. What is kept: blobs on the disk and what we know about them.
        blobs, catalog = await _open_store(settings, trace, stack)
        # 3. The way out: streams, and HTTP on them.
        way_out = outbound.build(settings, environ, trace, typed=typed)
        stack.push_async_callback(way_out.aclose)
        # 4. The indexes: asked, remembered, run ahead of.
        indexes = await _indexes(settings, way_out, trace, blobs, catalog, stack)
        # 5. The way in: who may come, and what is reached for them.
        access = entrance.build(settings, indexes=indexes.hosts.has, offered=indexes.hosts.offers)
        outside = _gateway(settings, way_out, access, trace, stack) if settings.forward.enabled else None
        intercept = await _interception(settings, indexes, trace)
        # 6. The face: answers for installers, pages for people.
        guard = entrance.guard(settings, access)
        site = _site(settings, indexes, way_out, guard=guard, metrics=metrics, traffic=traffic)
        # 7. The port.
        server = Server(
            _identified(settings, site.answer),
            asgi=site.asgi,
            trace=trace,
            limits=_limits(settings),
            outside=outside,
            intercept=intercept,
            greets=None if access.greets_all else access.greets,
            via=way_out.via,
            names=entrance.names(settings),
        )
        server.farewell.append(traffic.close)
        bound = await server.start(*settings.server.listen)
        access.bound(bound)
        stack.push_async_callback(server.stop, 0)
        # 8. Housekeeping beside it, and what the first request would wait for.
        keeping = _keep_house(blobs, catalog, settings.cache.disk_budget, trace)
        for work in (keeping, way_out.warm(settings), indexes.warm()):
            stack.push_async_callback(_cancel, asyncio.create_task(work))
        yield server, _url(*bound[0])


@dataclass
class _Indexes:
    """What is asked for pages and files, and where it lives."""

    face: Index
    find: Find
    source: Upstream
    breakers: Breakers
    hosts: IndexHosts
    by_origin: ByOrigin
    #: Whoever asks an upstream by its own address gets its own pages, not those of all upstreams together.
    apart: list[tuple[Address, Index, Find]]
    page_bytes: int  #: for all of them together

    async def warm(self) -> None:
        """Know the addresses of all of them, the default one's too."""
        share = self.page_bytes // max(1, len(self.apart))
        while self.apart:
            address, face, find = self.apart[0]
            base = await _address(address)
            del self.apart[:1]
            self.hosts.add(base)
            self.by_origin.add(base, face, find, page_bytes=share)


async def _indexes(
    settings: Settings,
    way_out: outbound.Outbound,
    trace: Trace,
    blobs: FsBlobs,
    catalog: Catalog,
    stack: AsyncExitStack,
) -> _Indexes:
    """One remote index per upstream, one flight per page and file, `cached`, and `ahead` that guesses what is next."""
    client = way_out.client(settings, trace)
    stack.push_async_callback(client.aclose)
    breakers, named = Breakers(trace=trace), upstreams(settings)
    hosts = await interception.hosts_of(settings, [(name, each) for name, each in named if isinstance(each, str)])
    remotes = [_remote(settings, client, trace, breakers, hosts, name, url) for name, url in named]
    source: Upstream = remotes[0] if len(remotes) == 1 else Merged(remotes)
    chain = partial(_chain, settings, trace, blobs, catalog, stack)
    face, find = chain(source)
    # One that stands alone is its own merger.
    chains = [(face, find)] if len(remotes) == 1 else [chain(remote) for remote in remotes]
    apart = [(address, *each) for (_, address), each in zip(named, chains, strict=True)]
    page_bytes = settings.cache.memory_pages // 4
    return _Indexes(face, find, source, breakers, hosts, ByOrigin(), apart, page_bytes)


def _chain(
    settings: Settings, trace: Trace, blobs: FsBlobs, catalog: Catalog, stack: AsyncExitStack, source: Upstream
) -> tuple[Index, Find]:
    flight = Flight(source, blobs, catalog, trace=trace, offline=settings.offline)
    stack.push_async_callback(flight.aclose)
    index = _cached(settings, flight)
    stack.push_async_callback(index.aclose)
    face: Index = index
    if settings.ahead.bytes and not settings.offline:
        face = ahead = Ahead(index, client=_client.get, credit=Credit(settings.ahead.bytes), trace=trace)
        stack.push_async_callback(ahead.aclose)
    return face, Lookup(index).find


def _site(
    settings: Settings,
    indexes: _Indexes,
    way_out: outbound.Outbound,
    *,
    guard: Guard,
    metrics: Metrics,
    traffic: Traffic,
) -> Site:
    return Site(
        indexes.face,
        indexes.find,
        metrics=metrics,
        health=lambda: _health(settings, indexes.breakers, way_out),
        page_bytes=settings.cache.memory_pages // 2,
        guard=guard,
        traffic=traffic,
        indexes=web_indexes.Indexes(
            indexes.face,
            [web_indexes.Named(name, partial(_address, address)) for name, address in upstreams(settings)],
            lambda: indexes.hosts.origins,
        ),
    )


async def _address(address: Address) -> str:
    return address if isinstance(address, str) else await address()


def _gateway(
    settings: Settings, way_out: outbound.Outbound, access: Access, trace: Trace, stack: AsyncExitStack
) -> Gateway:
    """The proxy's way out: the same routes, and a rule on every address that is dialled from here."""
    router = way_out.judging(access.rule)
    client = way_out.client(settings, trace, router)
    stack.push_async_callback(client.aclose)
    return Gateway(access, router, client)


async def _interception(settings: Settings, indexes: _Indexes, trace: Trace) -> Interception:
    authority = None
    if settings.intercept.enabled:
        await indexes.warm()
        authority = await interception.authority_for(settings, indexes.hosts, indexes.source, trace)
    by_origin = _identified(settings, indexes.by_origin.answer)
    return interception.build(settings, indexes.hosts, authority, by_origin, trace)


def _on_signals(stop: Callable[[], None]) -> None:
    """Stop on SIGTERM and SIGINT. Windows has no loop handlers: Ctrl-C ends the run there by KeyboardInterrupt."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)


def _start_log(settings: Settings, trace: Trace, stack: AsyncExitStack) -> None:
    try:
        log = Log(style=settings.log.format, level=settings.log.level, file=settings.log.file)
    except OSError as error:
        raise UsageError(
            "log-unwritable",
            f"cannot write the log to {settings.log.file}",
            why=error.strerror or str(error),
            fix="name another file with log.file or PIPWAY_LOG_FILE",
        ) from error
    stack.callback(log.close)
    stack.callback(trace.flush)
    trace.listen(log.event)
    trace.listen_requests(log.requests)


async def _open_store(settings: Settings, trace: Trace, stack: AsyncExitStack) -> tuple[FsBlobs, Catalog]:
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "data-unwritable",
            f"cannot keep data in {settings.data}",
            why=error.strerror or str(error),
            fix="name another folder with --data or PIPWAY_DATA",
        ) from error
    blobs = FsBlobs(settings.data, trace=trace)
    stack.push_async_callback(blobs.aclose)
    catalog = await open_catalog(settings.data / "catalog.sqlite", trace=trace)
    stack.push_async_callback(catalog.aclose)
    return blobs, catalog


def _remote(
    settings: Settings,
    client: http.Client,
    trace: Trace,
    breakers: Breakers,
    hosts: IndexHosts,
    name: str,
    url: Address,
) -> Remote:
    passed_on = settings.privacy.user_agent_passthrough
    return Remote(
        client,
        url,
        name=name,
        trace=trace,
        breakers=breakers,
        learned=hosts.learn,
        headers=_client_identity if passed_on else dict,
        page_limit=settings.limits.page_bytes,
    )


def _client_identity() -> Mapping[str, str]:
    agent = _client.get()[:400]
    return {"user-agent": agent} if agent else {}


def _identified(
    settings: Settings, answer: Callable[Concatenate[Request, _More], Awaitable[Answer | None]]
) -> Callable[Concatenate[Request, _More], Awaitable[Answer | None]]:
    """Remember who asks, only where somebody wants to know."""
    if not (settings.privacy.user_agent_passthrough or settings.ahead.bytes):
        return answer

    async def remembering(request: Request, /, *more: _More.args, **names: _More.kwargs) -> Answer | None:
        _client.set((request.header(b"user-agent") or "")[:2000])
        return await answer(request, *more, **names)

    return remembering


def _cached(settings: Settings, flight: Flight) -> Cached:
    cache = settings.cache
    freshness = Freshness(
        ttl=cache.page_ttl,
        swr=cache.stale_while_revalidate,
        patience=cache.patience,
        stale_limit=cache.stale_if_error or None,  # what was seen once stays installable
        negative=cache.negative_ttl,
    )
    return Cached(
        flight,
        Metadata(flight),
        ProjectLists(flight, freshness=freshness),
        key=flight.upstream.name,
        freshness=freshness,
        memory=cache.memory_pages // 2,
    )


def _index(
    settings: Settings, source: Upstream, blobs: FsBlobs, catalog: Catalog, trace: Trace, stack: AsyncExitStack
) -> tuple[Cached, Index]:
    """What is known, and what is asked for it: the same, or with guesses about what comes next."""
    flight = Flight(source, blobs, catalog, trace=trace, offline=settings.offline)
    stack.push_async_callback(flight.aclose)
    index = _cached(settings, flight)
    stack.push_async_callback(index.aclose)
    if not settings.ahead.bytes or settings.offline:
        return index, index
    ahead = Ahead(index, client=_client.get, credit=Credit(settings.ahead.bytes), trace=trace)
    stack.push_async_callback(ahead.aclose)
    return index, ahead


def _server(settings: Settings, site: Site, access: Access, trace: Trace) -> Server:
    return Server(
        _identified(settings, site.answer),
        asgi=site.asgi,
        trace=trace,
        limits=_limits(settings),
        greets=None if access.greets_all else access.greets,
    )


def _limits(settings: Settings) -> Limits:
    limits = settings.limits
    return Limits(
        # Each may want a second one, to wherever its tunnel leads; some are ours.
        connections=max(1, min(limits.connections, (platforms.open_files() - _OWN_FILES) // 2)),
        head_seconds=limits.header_seconds,
        idle_seconds=limits.idle_seconds,
        stall_seconds=limits.write_seconds,
    )


def _health(settings: Settings, breakers: Breakers, way_out: outbound.Outbound) -> Mapping[str, Any]:
    failing = breakers.open()
    logins = [asdict(standing) for standing in way_out.logins.gate.state()]
    refused = any(login["state"] != "proven" for login in logins)
    state = "degraded" if failing or refused or settings.offline else "ok"
    faces = {"forward": settings.forward.enabled, "intercept": settings.intercept.enabled}
    return {"status": state, "offline": settings.offline, **faces, "failing_upstreams": failing, "logins": logins}


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


async def _keep_house(blobs: FsBlobs, catalog: Catalog, budget: int, trace: Trace) -> None:
    """Remove what killed processes left behind, then keep the disk within its budget. Its failures end nothing."""
    while True:
        try:
            await blobs.sweep_incoming()
            await sweep(blobs, catalog, budget=budget, now=datetime.now(UTC))
        except (OSError, PipwayError) as error:
            trace.emit("sweep.failed", why=str(error))
        await asyncio.sleep(_SWEEP_EVERY)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
