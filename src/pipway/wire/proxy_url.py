"""A proxy's address as people write it: read strictly, explained kindly, never repeated with its userinfo.

Settings, routes and the command line read every proxy URL here. `socks://` means socks5h, the variant that works where
names are not known locally; no scheme means http, as pip and uv take it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import quote, unquote

from pipway.errors import UsageError
from pipway.wire.host_name import host_name

ProxyScheme = Literal["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

_LONGEST = 2048
_PORTS = {"http": 80, "https": 443}
_SOCKS_PORT = 1080
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNFIT = {"\\": "%5C", "#": "%23", "?": "%3F", "/": "%2F", " ": "%20"}


@dataclass(frozen=True, slots=True)
class ProxyUrl:
    """Where a proxy is and who we are to it."""

    scheme: ProxyScheme
    host: str  #: lower case, ASCII (IDNA), IPv6 without brackets
    port: int
    user: str | None = None  #: decoded
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """The URL with the user and without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{quote(self.user, safe='')}@" if self.user is not None else ""
        return f"{self.scheme}://{user}{host}:{self.port}"

    def format(self) -> str:
        """The URL with the password: what `parse_proxy_url` reads back as this. Never to be shown."""
        if self.password is None:
            return str(self)
        scheme, _, rest = str(self).partition("://")
        user, _, authority = rest.rpartition("@")
        return f"{scheme}://{user}:{quote(self.password, safe='')}@{authority}"


def parse_proxy_url(text: str) -> ProxyUrl:
    """Read a proxy's URL. UsageError ("bad-proxy-url"), which says how to write it, without repeating it."""
    text = text.strip()
    if len(text) > _LONGEST or not text.isprintable():
        raise _bad(f"it is longer than {_LONGEST} characters or has unprintable ones")
    found = _SCHEME.match(text)
    scheme, rest = (found[1].lower(), text[found.end() :]) if found else ("http", text)
    scheme = "socks5h" if scheme == "socks" else scheme
    if scheme not in get_args(ProxyScheme):
        known = ", ".join(get_args(ProxyScheme))
        raise _bad("its scheme is not one that a proxy has", f"use one of {known}")
    # The last "@" ends the userinfo (RFC 3986 §3.2.1 wants others encoded; people forget, and mean the last).
    userinfo, at, authority = rest.rpartition("@")
    if at:
        _check_userinfo(userinfo)
    elif "\\" in rest:
        raise _bad("it has a backslash", "write the backslash of DOMAIN\\user as %5C: http://DOMAIN%5Cuser@proxy:8080")
    authority, _, path = authority.partition("/")
    if path or any(char in authority for char in "?#"):
        raise _bad("something follows its host and port", "end it there, as in http://proxy:8080")
    host, port = _host_and_port(authority)
    user, colon, password = userinfo.partition(":")
    return ProxyUrl(
        scheme,  # type: ignore[arg-type]  # checked above
        host,
        port or _PORTS.get(scheme, _SOCKS_PORT),
        _decoded(user) if userinfo else None,
        _decoded(password) if colon else None,
    )


def _check_userinfo(userinfo: str) -> None:
    for char, code in _UNFIT.items():
        if char in userinfo:
            raise _bad(f"its user or password has '{char}' as it is", f"write '{char}' as {code}")
    if _PERCENT.search(userinfo):
        raise _bad("its user or password has a % that begins no code", "write % as %25")


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _bad("its user or password is not UTF-8", "encode each byte of its UTF-8 form as %XX") from None
    if any(ord(char) < 32 or ord(char) == 127 for char in decoded):
        raise _bad("its user or password has control characters", "leave them out")
    return decoded


def _host_and_port(authority: str) -> tuple[str, int]:
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _bad("its IPv6 address is malformed", "write it as http://[2001:db8::1]:8080")
        host, port = _address(host), rest[1:]
    else:
        host, _, port = authority.partition(":")
        if ":" in port:
            raise _bad("it has more than one colon after the host", "an IPv6 address stands in brackets: [::1]:8080")
        host = _host(host)
    if not port:
        return host, 0
    if not port.isascii() or not port.isdigit() or len(port) > 5 or not 0 < int(port) < 65536:
        raise _bad("its port is not a number from 1 to 65535", "write host and port as proxy:8080")
    return host, int(port)


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise _bad("its IPv6 address is malformed", "write it as http://[2001:db8::1]:8080") from None


def _host(text: str) -> str:
    try:
        return host_name(text)
    except ValueError as error:
        raise _bad(str(error)) from None


def _bad(why: str, fix: str = "write it as http://user@proxy:8080") -> UsageError:
    return UsageError("bad-proxy-url", "this proxy URL cannot be used", why=why, fix=fix)
