"""Web addresses as the HTTP client needs them: whom to dial, what to ask for, and what must not be printed.

Pure. `http` parses every address and redirect here; userinfo leaves the address at once and is never part of it again.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from pipway.dial.base import Target
from pipway.errors import UsageError
from pipway.wire.host_name import host_name

_MAX_LENGTH = 8192
_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_PARTS = re.compile(r"(https?://[^/?#@]+)((?:/[!\"$-~]*)?)", re.IGNORECASE)
#: RFC 3986 reserved and unreserved characters, and "%" of what is encoded already
_SAFE = "%/:?#[]@!$&'()*+,;=-._~"


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what credentials and connections belong to (RFC 6454 §4)."""

    scheme: str
    host: str  #: lower case, ASCII (IDNA), IPv6 without brackets
    port: int

    @property
    def target(self) -> Target:
        """What a dialer is given."""
        return Target(self.host, self.port)

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Url:
    """An address without userinfo and fragment."""

    origin: Origin
    target: str  #: path and query as they are sent
    authorization: str | None = field(default=None, repr=False)  #: from the userinfo: the header's value

    @property
    def path(self) -> str:
        """The target without its query, which may hold a signature or a token."""
        return self.target.partition("?")[0]

    @property
    def printable(self) -> str:
        """For errors and logs: no userinfo, no query."""
        return f"{self.origin}{self.path}"

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"

    def join(self, reference: str) -> Url:
        """The address that `reference` (a Location) means here; its userinfo, if any, is ignored. UsageError."""
        joined = Url.parse(urljoin(str(self), reference))
        return Url(joined.origin, joined.target)

    @classmethod
    def exact(cls, text: str) -> Url:
        """Read an address whose path and query are to be sent byte for byte (RFC 9110 §7.7), even if there is none.

        UsageError as `parse`; userinfo is refused.
        """
        found = _PARTS.fullmatch(text)
        if found is None:
            raise _bad("it is no absolute address, or has a user name, a fragment or a space")
        return cls(_origin(found[1]), found[2])

    @classmethod
    def parse(cls, text: str) -> Url:
        """Read an absolute http or https address. UsageError (which does not repeat it) for anything else."""
        if len(text) > _MAX_LENGTH:
            raise _bad(f"it is longer than {_MAX_LENGTH} characters")
        if _CONTROL.search(text):
            raise _bad("it contains a space, a backslash or a control character")
        try:
            parts = urlsplit(text)
            port = parts.port
            host = parts.hostname or ""
        except ValueError:
            raise _bad("its host or port is malformed") from None
        if parts.scheme not in _PORTS:
            raise _bad("it does not begin with http:// or https://")
        if port == 0:
            raise _bad("its port is 0")
        origin = Origin(parts.scheme, _host(host), port or _PORTS[parts.scheme])
        path = quote(parts.path, safe=_SAFE) or "/"
        query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
        userinfo, at, _ = parts.netloc.rpartition("@")
        return cls(origin, path + query, _basic(userinfo) if at else None)


@lru_cache(maxsize=512)
def _origin(text: str) -> Origin:
    return Url.parse(text).origin


def _host(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return host_name(host)
    except ValueError as error:
        raise _bad(str(error)) from None


def _basic(userinfo: str) -> str:
    """RFC 7617 §2.1, UTF-8."""
    user, _, password = userinfo.partition(":")
    pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return "Basic " + base64.b64encode(pair).decode("ascii")


def _bad(why: str) -> UsageError:
    return UsageError("bad-url", "this web address cannot be used", why=why, fix="give it as https://host/path")
