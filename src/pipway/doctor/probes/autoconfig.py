"""Does this network, or a person, name a PAC file? Installers pass over it: what it says is told, and what follows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pipway.dial.base import Target
from pipway.dial.direct import Direct
from pipway.dial.pac.decider import Pac
from pipway.dial.pac.source import LONGEST, Source
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import Plan
from pipway.dial.route.system import SystemSettings, system_settings
from pipway.dial.trust import client_context
from pipway.dial.url import Url
from pipway.doctor.asking import exchange
from pipway.doctor.base import Case, Facts, Result, Suspicion, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.path import target_of
from pipway.errors import PipwayError, Unavailable
from pipway.redact import redact
from pipway.trace import Trace

_EXPLAINS = frozenset({"names", "reach", "portal"})


class Autoconfig:
    """Evaluates it for the index, and asks nobody but the PAC file's server."""

    id = "autoconfig"
    title = "the network's PAC file is followed"
    needs: tuple[str, ...] = ("configuration",)

    def __init__(self, system: Callable[[], SystemSettings | None] = system_settings) -> None:
        """`system` tells the operating system's settings; it may block."""
        self._system = system

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        where = case.pac or await self._of_system()
        if not where:
            return skipped("nobody names a PAC file")
        target = target_of(case)
        try:
            async with asyncio.timeout(2 * case.patience):
                plan = await _plan(case, where, target)
        except (PipwayError, TimeoutError) as error:
            reason = f"{error.what}: {error.why}" if isinstance(error, PipwayError) else "it takes too long"
            return works(
                f"the PAC file {redact(where)} cannot be used ({reason}), and {case.subject.name} does not ask"
            )
        hops = plan.ways[0].hops
        if not hops:
            return works(f"the PAC file sends {target.host} out directly")
        proxy = f"{hops[0].scheme}://{hops[0].host}:{hops[0].port}"
        if facts.proxy is not None:
            return works(f"the PAC file names {proxy} for {target.host}; {case.subject.name} uses its own proxy")
        values = {"tool": case.subject.name, "pac": where, "proxy": proxy, "command": " ".join(case.command)}
        if target.port not in (80, 443):
            values["allow"] = str(target)
        suspicion = Suspicion(finding("pac-ignored", **values), _EXPLAINS)
        facts.suspicions.insert(0, suspicion)
        return works(f"the PAC file names {proxy} for {target.host}; installers do not read it", suspicion.remark)

    async def _of_system(self) -> str:
        try:
            found = await asyncio.to_thread(self._system)
        except OSError:
            return ""
        return found.pac if found is not None else ""


async def _plan(case: Case, where: str, target: Target) -> Plan:
    async def fetch(url: str) -> tuple[bytes, str]:
        return await _fetched(case, url)

    source = Source(where, fetch=fetch, refresh=3600, clock=time.monotonic)
    pac = Pac(source, no_proxy=NoProxy("none"), allowed=(), trace=Trace(), clock=time.monotonic)
    try:
        plan = await pac.decide(target)
    finally:
        pac.close()
    assert plan is not None  # it answers or fails
    return plan


async def _fetched(case: Case, text: str) -> tuple[bytes, str]:
    """Its body and type, without any proxy: it is what tells which to use."""
    url = Url.parse(text)
    origin = url.origin
    stream = await Direct(connect_limit=case.patience).dial(Target(origin.host, origin.port, origin.scheme == "http"))
    try:
        if origin.scheme == "https":
            stream = await stream.start_tls(await asyncio.to_thread(client_context), origin.host)
        reply = await exchange(stream, url, at_most=LONGEST + 1, patience=case.patience)
    finally:
        await stream.aclose()
    if reply.head.status != 200:
        raise Unavailable("pac-unavailable", f"the PAC file's server answered {reply.head.status}")
    return reply.body, reply.head.header(b"content-type") or ""


PROBE = Autoconfig()
