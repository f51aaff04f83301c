"""What FindProxyForURL answers, read: "PROXY a:8080; SOCKS b:1080; DIRECT". Pure, bounded, lenient."""

from __future__ import annotations

from pipway.errors import UsageError
from pipway.wire.proxy_url import ProxyScheme, ProxyUrl, parse_proxy_url

_MOST = 16
_KINDS: dict[str, ProxyScheme] = {
    "PROXY": "http",
    "HTTP": "http",
    "HTTPS": "https",
    "SOCKS": "socks4a",  # the oldest word means version 4; with names, as browsers do it
    "SOCKS4": "socks4a",
    "SOCKS5": "socks5h",
}


def parse_answer(text: str) -> tuple[list[ProxyUrl | None], list[str]]:
    """The proxies in order (None is direct), and remarks about entries that mean nothing."""
    found: list[ProxyUrl | None] = []
    remarks: list[str] = []
    for entry in text.split(";")[:_MOST]:
        kind, _, where = entry.strip().partition(" ")
        if not kind:
            continue
        scheme = _KINDS.get(kind.upper())
        if kind.upper() == "DIRECT":
            found.append(None)
        elif scheme is None or not where.strip():
            remarks.append(f"{kind[:20]!r} is no kind of proxy")
        else:
            try:
                found.append(parse_proxy_url(f"{scheme}://{where.strip()}"))
            except UsageError as error:
                remarks.append(f"a {kind.upper()} entry cannot be used: {error.why}")
    return found, remarks
