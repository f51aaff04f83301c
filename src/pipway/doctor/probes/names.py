"""Is there an address behind the name of whoever is asked first, the proxy or the index?

Both families are looked up, each in a thread that nobody waits for when the name server is silent.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipway.doctor.base import Case, Facts, Result, Suspicion, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.path import blamed, blamed_at
from pipway.wire.host_name import host_name

_LIMIT = 5.0  # seconds; the resolver's own patience may be half a minute
_SLOW = 2.0
_MOST = 3  # search domains that are tried
_LARGEST = 65536  # bytes of resolv.conf
#: steps that fail when somebody else answers to the name
_LED_ASTRAY = frozenset({"reach", "proxy", "connect", "tls", "portal", "index"})
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
#: "There is no such name", "it has no address", "none of that family"; not every system knows all three.
_UNKNOWN = tuple(getattr(socket, name, None) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY"))

Lookup = Callable[[str, int], "list[str]"]


@dataclass(frozen=True, slots=True)
class Found:
    """What one family's look-up gave."""

    addresses: tuple[str, ...] = ()
    code: int | None = None  #: of the resolver's refusal; None with no addresses: no answer in time
    seconds: float = 0.0


def system(host: str, family: int) -> list[str]:
    """Ask the operating system. OSError; blocks."""
    found = socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Names:
    """Looks one name up."""

    id = "names"
    title = "the name has an address"
    needs: tuple[str, ...] = ("configuration",)

    def __init__(self, lookup: Lookup = system, limit: float = _LIMIT) -> None:
        """`lookup` is called in threads."""
        self._lookup = lookup
        self._limit = limit

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        proxied = facts.proxy is not None and not facts.no_proxy
        host = facts.proxy.host if facts.proxy is not None and proxied else urlsplit(case.index).hostname or ""
        if _is_address(host):
            facts.addresses = {**facts.addresses, host: (host,)}
            return skipped(f"{host} is an address")
        four, six = await asyncio.gather(*(self.asked(host, family) for family in _FAMILIES))
        addresses = six.addresses + four.addresses
        facts.addresses = {**facts.addresses, host: addresses}
        seconds = max(four.seconds, six.seconds)
        values = {
            "host": host,
            "whose": "the proxy" if proxied else "the index",
            "seconds": f"{seconds:.0f}",
            "tool": case.subject.name,
            "command": " ".join(case.command),
            **(blamed(case) if proxied else {}),
        }
        if addresses:
            says = f"{host} is {', '.join(addresses[:4])} ({seconds:.1f} s)"
            domain = await self._completed(host, addresses, _search(case))
            if domain:
                says += f", by the search domain {domain}"
            if domain and "." in host:
                found = finding("name-by-search-domain", domain=domain, **values)
                facts.suspicions.insert(0, Suspicion(found, _LED_ASTRAY))
                return works(says, facts.suspicions[0].remark)
            return works(says, *([finding("names-slow", **values)] if seconds > _SLOW else []))
        silent = any(each.code is None or each.code == socket.EAI_AGAIN for each in (four, six))
        if silent:
            return fails("no name server answers", finding("name-server-silent", **values))
        tried = f", nor with {', '.join(_search(case))} behind it" if "." not in host and _search(case) else ""
        return fails(f"there is no {host}{tried}", finding("name-not-found", place=blamed_at(values), **values))

    async def _completed(self, host: str, addresses: Sequence[str], domains: Sequence[str]) -> str:
        """The search domain without which there is no such name, "" when the name is there by itself."""
        if not domains or host.endswith(".") or is_local(host):
            return ""
        alone = await asyncio.gather(*(self.asked(f"{host}.", family) for family in _FAMILIES))
        if any(each.code != socket.EAI_NONAME for each in alone):
            return ""
        for domain in domains:
            both = await asyncio.gather(*(self.asked(f"{host}.{domain}.", family) for family in _FAMILIES))
            if any(set(each.addresses) & set(addresses) for each in both):
                return domain
        return ""  # a line of /etc/hosts

    async def asked(self, host: str, family: int) -> Found:
        """One family's addresses; within the limit, and without a thread that anybody waits for at the end."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Found] = loop.create_future()
        began = time.monotonic()

        def told(found: Found) -> None:
            if not answer.done():
                answer.set_result(found)

        def look_up() -> None:
            try:
                found = Found(tuple(self._lookup(host, family)), seconds=time.monotonic() - began)
            except socket.gaierror as error:
                code = socket.EAI_NONAME if error.errno in _UNKNOWN else error.errno
                found = Found(code=code, seconds=time.monotonic() - began)
            except (OSError, UnicodeError):
                found = Found(code=socket.EAI_NONAME, seconds=time.monotonic() - began)
            if not loop.is_closed():
                loop.call_soon_threadsafe(told, found)

        # Not the loop's own threads: at the end these are waited for, and a silent name server takes half a minute.
        threading.Thread(target=look_up, name="doctor-names", daemon=True).start()
        try:
            async with asyncio.timeout(self._limit):
                return await answer
        except TimeoutError:
            return Found(seconds=self._limit)


def _search(case: Case) -> Sequence[str]:
    """The search domains of /etc/resolv.conf: the last line of them counts (resolv.conf(5))."""
    try:
        with case.surroundings.under_root("/etc/resolv.conf").open(encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file.read(_LARGEST).splitlines()]
    except OSError:
        return ()
    said = [words[1:] for words in lines if words[:1] in (["search"], ["domain"])]
    return [each.rstrip(".") for each in (said[-1] if said else ()) if each.rstrip(".")][:_MOST]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_local(host: str) -> bool:
    """Whether a name is meant to lead to this machine."""
    if _is_address(host):
        return True
    try:
        name = host_name(host)
    except ValueError:
        return False
    return name == "localhost" or name.endswith(".localhost")


PROBE = Names()
