"""What rules ask about the hosts of indexes: loopback, public, private, trusted.

Pure: it looks at names only and never resolves one. Rules of transport and of index selection call it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from urllib.parse import urlsplit

from pipway.audit.facts import Option, Organisation, Project
from pipway.clients.layers import default_index

#: Tools that leave out an index on http unless its host is trusted, as pip does (pip's session.py, SECURE_ORIGINS).
REFUSE_HTTP = frozenset({"pip", "pdm", "pipenv", "hatch", "tox", "nox"})
TRUST_OPTIONS = frozenset({"trusted-host", "allow-insecure-host"})

#: RFC 2606 and RFC 6762 §G, and what companies call their networks.
_INSIDE = re.compile(r"(?i)(?:^|\.)(?:corp|internal|intranet|local|lan|home|private|localdomain|home\.arpa)$")
_PORT = re.compile(r"(?<!:):(\d{1,5})$")
_BEGINNING = re.compile(r"[A-Za-z0-9+.-]*:?//[^/?#]*")
_UNKNOWN = re.compile(r"[$%{}<>]")


def host(url: str) -> str:
    """In lower case without port, "" where there is none or it is a variable's."""
    beginning = _BEGINNING.match(url)  # ten thousands of a lock's files are at one host, which is taken apart once
    return _host(url if beginning is None else beginning[0])


@lru_cache(maxsize=1 << 12)
def _host(url: str) -> str:
    try:
        name = (urlsplit(url.strip()).hostname or "").rstrip(".")
    except ValueError:
        return ""
    return "" if _UNKNOWN.search(name) else name


def port(url: str) -> int | None:
    """The one in use, None where there is none."""
    try:
        parts = urlsplit(url.strip())
        return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None


def is_loopback(name: str) -> bool:
    """This machine only: nobody is on the way."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def is_private(name: str, organisation: Organisation) -> bool:
    """Reached only from inside, as its name or address says, or the organisation."""
    if name in organisation.private or (name and "." not in name and _address(name) is None):
        return True
    address = _address(name)
    return address.is_private if address is not None else bool(_INSIDE.search(name))


def is_public(name: str) -> bool:
    """PyPI's own index."""
    return bool(name) and name == _public()


def trusts(project: Project) -> Iterator[Option]:
    """Every option that says that a host needs no certificate, one per host."""
    return (option for option in project.of(Option) if option.name in TRUST_OPTIONS)


def covers(trusted: str, url: str) -> bool:
    """Whether pip takes `trusted`, HOST or HOST:PORT, for the host of `url` (its session.py, add_trusted_host)."""
    name, number = named(trusted), _PORT.search(trusted.strip())
    return bool(host(url)) and name in {host(url), "*"} and (number is None or int(number[1]) == port(url))


def named(trusted: str) -> str:
    """The host that an option trusts, "" where a variable says it."""
    bare = trusted.strip().lower()
    if "://" in bare:
        return host(bare)
    if bare.count(":") > 1 and not bare.startswith("["):
        return bare  # an IPv6 address
    return "" if _UNKNOWN.search(bare) else host(f"//{bare}") or _PORT.sub("", bare)


@cache
def _public() -> str:
    return host(default_index())


@lru_cache(maxsize=1 << 10)
def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.split("%", maxsplit=1)[0])
    except ValueError:
        return None
