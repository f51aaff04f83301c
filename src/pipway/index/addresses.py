"""What a URL may point at, and how it may be shown. `remote` asks before it fetches what a page named.

Pure decisions on text: names are not resolved here; a name that resolves to a private address is the site's own affair
(an internal mirror), a literal private address on a public page is an attack (index-protocol §9).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit, urlunsplit


def is_internal(url: str) -> bool:
    """Whether the URL's host is a literal address that is not global, or a name for this machine."""
    host = (_split(url).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 §6.3
        return True
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        # "127.1", "0x7f000001", "2130706433": what inet_aton accepts and the resolver would take as an address
        last = host.rpartition(".")[2]
        return last.isdigit() or last.startswith("0x")


def may_fetch(url: str, base: str) -> bool:
    """Whether a URL on a page of the index at `base` may be asked for: http(s), and internal only if `base` is."""
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    return not is_internal(url) or is_internal(base)


def shown(url: str) -> str:
    """Give the URL without userinfo, query and fragment: they may hold secrets."""
    parts = _split(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def metadata_url(url: str) -> str:
    """Give the URL of a file's METADATA: `.metadata` goes on the path, before any query (PEP 658)."""
    parts = _split(url)
    return urlunsplit(parts._replace(path=parts.path + ".metadata", fragment=""))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port  # both raise on nonsense
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts
