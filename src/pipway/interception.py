"""Interception built from settings: whose authority, for which hosts, and what answers inside.

`app` uses it for the server, `cli` for `pipway ca`. Like `app` it builds, nothing else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from fnmatch import fnmatchcase

from pipway import outbound
from pipway.errors import Unavailable, UsageError
from pipway.index.hosts import IndexHosts
from pipway.index.merged import Merged
from pipway.index.remote import Remote
from pipway.index.scout import scout
from pipway.index.upstream import Upstream
from pipway.server.ca import Authority
from pipway.server.certificates import Identity, normal
from pipway.server.inside import ByOrigin
from pipway.server.intercept import Interception
from pipway.settings import Settings
from pipway.trace import Trace
from pipway.upstreams import Address, upstreams
from pipway.wire.answer import Answer, Request
from pipway.wire.problem import problem

Opened = tuple[Authority, IndexHosts]

_SCOUT_SECONDS = 10.0  # once in the life of an authority

#: HOST or HOST:PORT of a setting, an IPv6 address in brackets where a port follows.
_TARGET = re.compile(r"(?P<host>\[[^\]]+\]|[^:]+)(?::(?P<port>[0-9]{1,5}))?")


async def hosts_of(settings: Settings, addresses: Iterable[tuple[str, Address]]) -> IndexHosts:
    """Those of the upstreams and of the settings, and what was learned in earlier runs."""
    hosts = IndexHosts(settings.data / "hosts")
    for _, address in addresses:
        hosts.add(address if isinstance(address, str) else await address())
    for text in settings.intercept.hosts:
        host, port = _target(text)
        if "*" in host or "/" in host:
            raise UsageError(
                "bad-intercept-host",
                f"intercept.hosts has {text!r}",
                why="an authority speaks for hosts by name, and for everything below them",
                fix="name each host, such as files.example",
            )
        hosts.add(f"https://{f'[{host}]' if ':' in host else host}:{port or 443}/")
    return hosts


async def authority_for(settings: Settings, hosts: IndexHosts, upstream: Upstream, trace: Trace) -> Authority:
    """The authority of the data folder, made now if there is none yet.

    UsageError when it cannot be used. What the file hosts are is asked of the upstream then, so that the authority may
    speak for them: one that is made while the upstream does not answer covers the index hosts alone.
    """
    authority = Authority(settings.data)
    if authority.current is None and not await _look_around(settings, upstream):
        trace.emit(
            "intercept.incomplete",
            why="the authority is made now, and not every upstream showed where its files are",
            fix="once they answer, and before clients trust it: pipway ca rotate --now",
        )
    made = authority.ensure(wanted(settings, hosts))
    for name in set(made.names) - set(hosts.names):  # learned by a run whose memory of it was lost
        hosts.learn(f"https://{f'[{name}]' if ':' in name else name}/")
    return authority


def wanted(settings: Settings, hosts: IndexHosts) -> list[str]:
    """The hosts that an authority is made for."""
    return [name for name in hosts.names if not _passes(settings, name, None)]


def build(
    settings: Settings, hosts: IndexHosts, authority: Authority | None, by_origin: ByOrigin, trace: Trace
) -> Interception:
    """`authority` is None while interception is off: only requests in absolute-form are answered then."""

    def ours(host: str, port: int) -> bool:
        return hosts.secure(host, port) and not _passes(settings, host, port)

    async def answer(request: Request, origin: str) -> Answer | None:
        if not hosts.knows(origin):  # whatever its files are called: no index is asked for some other site's
            return None
        found = await by_origin(request, origin)
        if found is None and settings.offline:
            error = Unavailable(
                "offline", f"{origin} is not asked: this server is offline", fix="start it without --offline"
            )
            return problem(error)
        return found

    return Interception(
        authority, ours=ours, answer=answer, pass_distrust=settings.intercept.on_distrust == "pass", trace=trace
    )


def _passes(settings: Settings, host: str, port: int | None) -> bool:
    """Whether `intercept.pass_through` names it; without a port: on every port."""
    for text in settings.intercept.pass_through:
        pattern, its_port = _target(text)
        if fnmatchcase(host, pattern) and (its_port is None or its_port == port):
            return True
    return False


def _target(text: str) -> tuple[str, int | None]:
    found = _TARGET.fullmatch(text)
    if found is None:
        return normal(text), None
    return normal(found["host"]), int(found["port"]) if found["port"] else None


async def opened(settings: Settings, environ: Mapping[str, str], trace: Trace) -> Opened:
    """The authority, as the server would make it, and the hosts that are known; without a server."""
    async with _reached(settings, environ) as (upstream, hosts):
        return await authority_for(settings, hosts, upstream, trace), hosts


async def kept(settings: Settings) -> Opened:
    """The authority as it is, perhaps none, and the hosts that are known; nobody is asked."""
    return Authority(settings.data), await hosts_of(settings, upstreams(settings))


async def replaced(settings: Settings, environ: Mapping[str, str]) -> Identity:
    """End the authority at once, also one that is broken; the successor follows, or a new one for the known hosts."""
    async with _reached(settings, environ) as (upstream, hosts):
        await _look_around(settings, upstream)
        return Authority(settings.data).replace(wanted(settings, hosts))


@asynccontextmanager
async def _reached(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[tuple[Upstream, IndexHosts]]:
    trace, addresses = Trace(), upstreams(settings)
    hosts = await hosts_of(settings, addresses)
    async with AsyncExitStack() as stack:
        way_out = outbound.build(settings, environ, trace)
        stack.push_async_callback(way_out.aclose)
        client = way_out.client(settings, trace)
        stack.push_async_callback(client.aclose)
        yield (
            Merged([Remote(client, url, name=name, trace=trace, learned=hosts.learn) for name, url in addresses]),
            hosts,
        )


async def _look_around(settings: Settings, upstream: Upstream) -> bool:
    if not settings.offline:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SCOUT_SECONDS):
                return await scout(upstream)
    return False
