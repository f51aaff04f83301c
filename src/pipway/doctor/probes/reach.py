"""Does whoever is asked first, the proxy or the index, take a TCP connection, and at each of its addresses?"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from pipway.clients.base import Setting
from pipway.dial.base import Target
from pipway.dial.direct import Direct
from pipway.doctor.base import FAILING, Case, Facts, Result, fails, works
from pipway.doctor.catalogue import finding
from pipway.doctor.path import blamed, blamed_at, target_of
from pipway.doctor.probes.names import PROBE as NAMES
from pipway.doctor.probes.names import is_local
from pipway.errors import PipwayError, Unavailable
from pipway.findings import Finding, Severity

_MOST = 8  # addresses that are tried
_HOLE = 3.0  # seconds without an answer to a SYN: a lost one is sent again after one
_TIMEOUT = 15.0  # seconds that pip waits for each address


class Reach:
    """Opens one connection to each address, side by side, and closes them."""

    id = "reach"
    title = "a connection can be opened"
    needs = ("configuration", "names")

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        proxied = facts.proxy is not None and not facts.no_proxy
        if facts.proxy is not None and proxied:
            target = Target(facts.proxy.host, facts.proxy.port)
        else:
            parts = urlsplit(case.index)
            target = Target(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        addresses = facts.addresses.get(target.host) or (target.host,)
        tried = dict(zip(addresses, await _all(addresses[:_MOST], target.port, case.patience), strict=False))
        open_ = [address for address, error in tried.items() if error is None]
        if open_:
            holes = _holes(case, target, tried, open_)
            failing = any(each.severity >= FAILING for each in holes)
            return (fails if failing else works)(f"{target} answers at {open_[0]}", *holes)
        errors = [error for error in tried.values() if error is not None]
        error = next((each for each in errors if each.code != "connect-timeout"), errors[0])
        values = {
            "address": str(target),
            "host": target.host,
            "reason": error.why or error.what,
            "command": " ".join(case.command),
            "to": ", ".join(addresses[:3]),
            "whose": "the proxy" if proxied else "the index",
            **(blamed(case) if proxied else {}),
        }
        if not is_local(target.host) and all(map(_nowhere, tried)):
            cause = "name-leads-nowhere"
        elif proxied:  # which says nothing is another one: that takes the connection
            cause = "proxy-unreachable"
        else:
            cause = "index-silent" if error.code == "connect-timeout" else "index-unreachable"
        says = error.what
        if proxied and await _answers(case):
            says += "; the index takes connections without the proxy"
        return fails(says, finding(cause, tool=case.subject.name, place=blamed_at(values), **values))


async def _answers(case: Case) -> bool:
    """Whether the index itself can be reached: then nobody needs the proxy."""
    index = target_of(case)
    try:
        addresses = (await NAMES.asked(index.host, socket.AF_INET)).addresses
        if not addresses:
            return False
        near = Target(addresses[0], index.port)
        stream = await Direct(connect_limit=min(_HOLE, case.patience)).dial(near)
    except (PipwayError, OSError):
        return False
    await stream.aclose()
    return True


async def _all(addresses: Sequence[str], port: int, patience: float) -> list[Unavailable | None]:
    return await asyncio.gather(*(_one(address, port, patience) for address in addresses))


async def _one(address: str, port: int, patience: float) -> Unavailable | None:
    try:
        stream = await Direct(connect_limit=min(_HOLE, patience)).dial(Target(address, port))
    except Unavailable as error:
        return error
    await stream.aclose()
    return None


def _holes(case: Case, target: Target, tried: dict[str, Unavailable | None], works_at: list[str]) -> list[Finding]:
    """Addresses that lose every packet while another answers: requests tries one after the other, uv races them."""
    lost = [each for each, error in tried.items() if error is not None and error.code == "connect-timeout"]
    if not lost:
        return []
    try:
        timeout = float(case.subject.value(Setting.TIMEOUT) or _TIMEOUT)
    except ValueError:
        timeout = _TIMEOUT
    found = finding(
        "address-hole",
        host=target.host,
        lost=", ".join(lost),
        works=works_at[0],
        seconds=f"{timeout * len(lost):.0f}",
        tool=case.subject.name,
        command=" ".join(case.command),
    )
    racing = case.subject.name == "uv" or next(iter(tried)) not in lost
    return [Finding(found.id, Severity.LOW, found.what, found.why, fix=found.fix) if racing else found]


def _nowhere(text: str) -> bool:
    """Loopback or all zeros: what filtering name servers answer for names that they do not like."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


PROBE = Reach()
