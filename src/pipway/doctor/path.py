"""The way to the index as the subject would take it: straight, or through its proxy with the login in the proxy's URL.

The probes of the proxy build it and leave it in `Facts.open` for those after them.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from pipway.clients.base import Setting
from pipway.dial.base import Dialer, Stream, Target
from pipway.dial.credentials.base import Credential
from pipway.dial.direct import Direct
from pipway.dial.login import Logins
from pipway.dial.negotiate.choose import schemes
from pipway.dial.parent import Parent
from pipway.dial.trust import client_context
from pipway.dial.via_http import ViaHttp
from pipway.dial.via_socks import ViaSocks
from pipway.doctor.base import Case, Facts
from pipway.doctor.suspects import whence
from pipway.doctor.transcript import Recording
from pipway.errors import PipwayError
from pipway.findings import Finding, Place
from pipway.wire.proxy_url import ProxyUrl

#: Opens a stream to a host and a port; the last: HTTP without TLS will be spoken.
Open = Callable[[str, int, bool], Awaitable[Stream]]

_KNOCK = 2.0  # seconds for finding out what it is that gave no answer
_UNCHECKED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_UNCHECKED.check_hostname = False
_UNCHECKED.verify_mode = ssl.CERT_NONE


@dataclass(frozen=True, slots=True)
class Given:
    """Conforms to `dial.credentials.base.Credentials`: one credential, for whoever asks."""

    credential: Credential | None

    async def find(self, parent: Parent) -> Credential | None:
        """It."""
        return self.credential


def target_of(case: Case) -> Target:
    """Whom the subject asks first."""
    return target_in(case.index)


def target_in(url: str) -> Target:
    """Whom a URL leads to."""
    parts = urlsplit(url)
    clear = parts.scheme == "http"
    return Target(parts.hostname or "", parts.port or (80 if clear else 443), clear)


def direct(case: Case, facts: Facts) -> Dialer:
    """Straight out; what is said is noted for `--capture`."""
    return Recording(Direct(connect_limit=case.patience), facts.transcript, began=facts.began)


def parent_of(proxy: ProxyUrl, *, user: str | None = None, all_schemes: bool = False) -> Parent:
    """The subject's proxy as a parent, whose login may be sent in clear as the subject would do it."""
    more = {} if all_schemes else {"schemes": ("basic",), "basic_in_clear": True}
    return Parent(proxy.scheme, proxy.host, proxy.port, user, named=user is not None, **more)  # type: ignore[arg-type]


def through(case: Case, facts: Facts, parent: Parent, credential: Credential | None) -> Dialer:
    """Through the proxy. What a logon comes to is remembered where pipway remembers it."""
    assert case.logins is not None  # only without a proxy nobody needs them
    trace, inner = case.logins.trace, direct(case, facts)
    gate = case.logins.gate
    if parent.scheme not in ("http", "https"):
        return ViaSocks(parent, inner, gate=gate, credentials=Given(credential), trace=trace)
    logins = Logins(gate=gate, credentials=Given(credential), schemes=schemes, trace=trace)

    async def trust() -> ssl.SSLContext:
        return await asyncio.to_thread(trusted, case)

    return ViaHttp(parent, inner, login=logins.of(parent), trust=trust, trace=trace)


def opening(case: Case, dialer: Dialer) -> Open:
    """For `Facts.open`. PipwayError when it cannot be had; TimeoutError after the case's patience."""

    async def open_(host: str, port: int, clear: bool) -> Stream:
        async with asyncio.timeout(2 * case.patience):
            return await dialer.dial(Target(host, port, clear))

    return open_


def trusted(case: Case) -> ssl.SSLContext:
    """For the TLS leg to an https:// proxy: the machine's roots, and those that the subject or a person names."""
    context = client_context()
    for path in (*case.ca, Path(case.subject.value(Setting.CA) or "/nowhere")):
        if path.is_file():
            context.load_verify_locations(cafile=path)
    return context


async def knock(case: Case, facts: Facts, target: Target, data: bytes, *, tls: bool = False) -> bytes:
    """What answers first to `data`: b"" when it closes or cuts the connection. TimeoutError; PipwayError; OSError."""
    async with asyncio.timeout(min(case.patience, _KNOCK)):
        stream = await direct(case, facts).dial(target)
        try:
            if tls:
                stream = await stream.start_tls(_UNCHECKED, target.host)
            if data:
                await stream.write(data)
                return await stream.read(4096)
            return b"TLS"
        finally:
            await stream.aclose()


async def speaks_tls(case: Case, facts: Facts, target: Target) -> bool:
    """Whether it takes a TLS handshake, whoever it says it is."""
    try:
        await knock(case, facts, target, b"", tls=True)
    except (PipwayError, OSError):
        return False
    return True


def encoded(user: str) -> str:
    """A user's name as it stands in a URL."""
    return quote(user, safe="")


def words(case: Case, facts: Facts, **more: str) -> dict[str, str]:
    """What texts and commands of causes are filled with."""
    found = {"tool": case.subject.name, "version": case.subject.version, "command": " ".join(case.command)}
    if facts.proxy is not None:
        host = f"[{facts.proxy.host}]" if ":" in facts.proxy.host else facts.proxy.host
        found |= {"proxy": f"{host}:{facts.proxy.port}", "host": host, "target": str(target_of(case))}
        found |= {"scheme": facts.proxy.scheme, "port": str(facts.proxy.port)}
    entries = case.subject.effective[Setting.PROXY].entries if Setting.PROXY in case.subject.effective else ()
    if entries and re.fullmatch(r"[A-Za-z_]+_(?:proxy|PROXY)", entries[0].key):
        found["variable"] = entries[0].key
    elif entries:
        found["place"] = str(entries[0].place)
    return found | more


def blamed(case: Case) -> dict[str, str]:
    """For texts that blame the proxy: who names it, so that a fix takes it away there."""
    effective = case.subject.effective.get(Setting.PROXY)
    said = whence(effective.entries[0]) if effective is not None and effective.entries else {}
    if re.fullmatch(r"[A-Za-z]+_(?:proxy|PROXY)", said.get("variable", "")) and said["variable"] != "PIP_PROXY":
        said["standard"] = "yes"
    return {**said, "proxied": "yes"}


def blamed_at(values: Mapping[str, str]) -> Place | None:
    """The place in these values."""
    return Place(values["whence"]) if values.get("whence") else None


def adapted(found: Finding, case: Case, facts: Facts) -> Finding:
    """Commands that start a pipway for this proxy: its own scheme, and an index on an unusual port let through."""
    if found.fix is None or facts.proxy is None:
        return found
    target = target_of(case)
    allow = "" if target.port in (80, 443) else f"PIPWAY_FORWARD_ALLOW={shlex.quote(str(target))} "
    scheme = "socks5h" if facts.proxy.scheme == "socks5" else facts.proxy.scheme
    commands = tuple(
        re.sub(
            r"^PIPWAY_PARENT=(\w+)://",
            lambda found: f"{allow}PIPWAY_PARENT={scheme if found[1] == 'http' else found[1]}://",
            command,
        )
        for command in found.fix.commands
    )
    return replace(found, fix=replace(found.fix, commands=commands))
