"""What is allowed and still deserves a second thought; `pipway settings check` shows it.

It looks at the settings and at the permissions of files they name, never at the network.
"""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pipway import platforms
from pipway.findings import Finding, Fix, Place, Severity
from pipway.settings.table import Settings
from pipway.wire.proxy_url import parse_proxy_url


def advise(settings: Settings) -> Iterator[Finding]:
    """Findings; the server starts with all but `open-to-others`."""
    yield from _doors(settings)
    for upstream in settings.upstreams:
        parts = urlsplit(upstream.url)
        if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            secret = parts.username is not None
            yield Finding(
                "clear-text-upstream",
                Severity.MEDIUM,
                f"{upstream.shown} is fetched in clear text",
                why="anyone on the way can change what is installed" + (" and read the password" if secret else ""),
                place=Place(settings.origins.get("upstreams", "default")),
                fix=Fix("Use the https:// address of that index."),
            )
    if any(urlsplit(upstream.url).username is not None for upstream in settings.upstreams):
        yield from _readable_secret(settings.origins.get("upstreams", ""))
    hops = {
        "parent.url": settings.parent.url,
        "routes": [hop for route in settings.routes for way in route.via for hop in way],
    }
    for name, found in hops.items():
        if any(hop.url not in ("direct", "refuse") and parse_proxy_url(hop.url).password for hop in found):
            yield from _readable_secret(settings.origins.get(name, ""))


def _doors(settings: Settings) -> Iterator[Finding]:
    """Who gets in, and where to."""
    access, place = settings.access, Place(settings.origins.get("server.listen", "default"))
    others = not _is_loopback(settings.server.listen.host)
    if others and access.tokens_file is None and not access.allow_from:
        yield Finding(
            "open-to-others",
            Severity.HIGH,
            f"the server would listen on {settings.server.listen} for everybody, and does not start like that",
            why="whoever reaches that address could use it, and what it reaches",
            place=place,
            fix=Fix("Set access.tokens_file or access.allow_from, or listen on 127.0.0.1."),
        )
    elif others and access.tokens_file is not None:
        yield Finding(
            "tokens-in-clear",
            Severity.LOW,
            f"tokens reach {settings.server.listen} without TLS",
            why="who can listen on the way can read them, and use them until they are removed",
            place=place,
            fix=Fix("Name the networks of your clients in access.allow_from too, or put a TLS reverse proxy in front."),
        )
    if others and settings.forward.enabled and settings.forward.reach == "everything":
        yield Finding(
            "reaches-everything",
            Severity.MEDIUM,
            "others may reach every web server through this proxy",
            why="forward.reach is everything: also servers inside that trust this machine",
            place=Place(settings.origins.get("forward.reach", "default")),
            fix=Fix("Leave forward.reach alone and name hosts in forward.allow."),
        )


def _readable_secret(origin: str) -> Iterator[Finding]:
    path = Path(origin.rpartition(":")[0] or origin)
    if platforms.WINDOWS or not path.is_file():
        return
    if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield Finding(
            "secret-readable",
            Severity.MEDIUM,
            f"{path} holds a password and others may read it",
            place=Place(origin),
            fix=Fix(f"chmod 600 {path}"),
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")  # RFC 6761 §6.3
