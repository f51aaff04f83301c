"""`pipway audit --online`: which pipway is asked, how it is reached, and that nobody else is.

`cli.audit` calls it after everything is collected and before any rule runs. The address is `--server`'s, or where the
settings of this machine say that pipway listens; a login comes from the netrc file, as for pip and uv.
"""

from __future__ import annotations

import asyncio
import base64
import netrc
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipway import __version__
from pipway.audit.online.ask import ask
from pipway.cli.arguments import no_logins
from pipway.cli.wish import address, loopback
from pipway.clients import netrc as logins
from pipway.clients.here import here
from pipway.dial import http
from pipway.dial.base import Dialer, Stream, Target
from pipway.dial.direct import Direct
from pipway.dial.trust import Trust
from pipway.dial.url import Origin
from pipway.errors import Refused, UsageError
from pipway.settings import Settings, load
from pipway.trace import Trace

if TYPE_CHECKING:
    from pipway.audit.facts import Project
    from pipway.audit.online.ask import Asked, Response

_LIMITS = http.Limits(connect=5.0, first_byte=60.0, stall=30.0, redirects=3)


def joined(project: Project, server: str | None, environ: Mapping[str, str] | None = None) -> tuple[Project, list[str]]:
    """The project with a server's answers, and sentences about what it did not answer. UsageError without a server."""
    environ = os.environ if environ is None else environ
    settings = load(environ=environ)
    url = address(settings) if server is None else _read(server)
    asked = asyncio.run(_asked(project, url, settings, environ))
    return replace(project, answers=asked.answers), list(asked.unanswered)


async def _asked(project: Project, url: str, settings: Settings, environ: Mapping[str, str]) -> Asked:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    trust = Trust(extra=settings.trust.extra_ca, environ=environ if settings.trust.environment else {})
    client = http.Client(
        OnlyTo(Direct(connect_limit=_LIMITS.connect), parts.hostname or "", port),
        trust=partial(_context, trust),
        limits=_LIMITS,
        user_agent=f"pipway-audit/{__version__}",
        trace=Trace(),
    )
    try:
        return await ask(project, _LoggedIn(client, _login(parts.hostname or "", environ)), url)
    finally:
        await client.aclose()


async def _context(trust: Trust, _: Origin) -> ssl.SSLContext:
    return await trust.context()


@dataclass(frozen=True, slots=True)
class OnlyTo:
    """A dialer that reaches one server: whatever a page or a redirect says."""

    dialer: Dialer
    host: str
    port: int

    async def dial(self, target: Target) -> Stream:
        """Refused for every other target."""
        if (target.host.lower(), target.port) != (self.host.lower(), self.port):
            raise Refused("audit-elsewhere", f"{target} is not the pipway that is asked", why="--online asks no other")
        return await self.dialer.dial(target)


@dataclass(frozen=True, slots=True)
class _LoggedIn:
    client: http.Client
    fields: Mapping[str, str]

    async def request(self, method: str, url: str, headers: Mapping[str, str] = {}) -> Response:
        """Without compression where it would only cost time."""
        near = loopback(urlsplit(url).hostname or "")
        return await self.client.request(method, url, {**headers, **self.fields}, decode=not near)


def _login(host: str, environ: Mapping[str, str]) -> dict[str, str]:
    """That of the netrc file for this host; its `default` is for nobody's server in particular."""
    file = logins.path(here(environ))
    found = None
    if file is not None:
        with suppress(OSError, netrc.NetrcParseError, UnicodeDecodeError):
            known = netrc.netrc(str(file))
            found = known.hosts.get(host)
    if found is None:
        return {}
    user, _, password = found
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")}


def _read(server: str) -> str:
    """The address of `--server` with a slash at the end; that of its index is understood as well. UsageError."""
    no_logins("--server", [server], instead="a netrc file", file="")
    text = server if "://" in server else f"http://{server}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or port == 0:
        raise UsageError("bad-url", "--server is no address of a pipway", fix="write --server http://127.0.0.1:3141/")
    if parts.scheme == "http" and not loopback(parts.hostname):
        raise UsageError(
            "index-without-tls",
            f"{parts.hostname} would be asked without TLS",
            why="whoever is on the way can change what is compared",
            fix="give an address that begins with https://, or ask a pipway on this machine",
        )
    path = parts.path.rstrip("/").removesuffix("/simple").removesuffix("simple")
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}/"
