"""A proxy's address as people write it (provisional: WIRE replaces this file)."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from pipway.errors import UsageError


@dataclass(frozen=True, slots=True)
class ProxyUrl:
    """Where a proxy is and who we are to it."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def parse_proxy_url(text: str) -> ProxyUrl:
    """Read a proxy's URL."""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if not parts.hostname:
        raise UsageError("bad-proxy-url", "this proxy URL cannot be used", why="it has no host")
    user = unquote(parts.username) if parts.username else None
    return ProxyUrl(parts.scheme, parts.hostname, parts.port or 3128, user, parts.password)
