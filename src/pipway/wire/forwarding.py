"""What a proxy changes in a message that it passes on (RFC 9110 §7.6), and where a request wants to go.

`server.forward` uses it for requests and answers. Pure. Framing (Content-Length, Transfer-Encoding) and Host are
dropped from every message: whoever sends it on says them anew, so nobody's reading of the old ones can matter.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from pipway.errors import ProtocolError
from pipway.wire.host_name import host_name

Fields = tuple[tuple[bytes, bytes], ...]  #: names in lower case, values stripped

_PORTS = {"http": 80, "https": 443}
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([/?][^#]*)?")
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:@\\]+))(?::(?P<port>[0-9]{0,5}))?")
#: RFC 9110 §7.6.1, and what was hop-by-hop before it.
_HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"host", b"content-length"),  # not hop-by-hop, but said anew by whoever sends the message on
        b"http2-settings",  # RFC 7540 §3.2.1; should be named by Connection, and is not always
    }
)
#: RFC 9209 §2: meant for the client, unlike everything else that begins with "Proxy-".
_FOR_CLIENTS = frozenset({b"proxy-status"})
#: What Connection cannot take away: the loop would go unseen.
_KEPT = frozenset({b"via"})
_PROTOCOLS = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z/]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z/]+)*")
_COUNT = re.compile(rb"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an absolute-form request goes."""

    scheme: str  #: "http" or "https"
    host: str  #: lower case, ASCII (IDNA); IPv6 without brackets
    port: int
    target: str  #: path and query byte for byte as sent (RFC 9110 §7.7); "" when there was neither

    def __post_init__(self) -> None:
        if self.target and not self.target.startswith("/"):  # it would run into the host
            raise _bad("its path does not begin with a slash")

    @property
    def authority(self) -> str:
        """The Host header (RFC 9112 §3.2.2): the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address, normalised but for the target."""
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_absolute(text: bytes) -> Destination:
    """Read an absolute-form target (RFC 9112 §3.2.2). ProtocolError, which does not repeat it."""
    found = _ABSOLUTE.fullmatch(text.decode("latin-1"))
    if found is None:
        raise _bad("it is no web address")
    scheme = found[1].lower()
    if scheme not in _PORTS:
        raise _bad(f"{scheme[:20]}:// is not spoken here", "ask for http:// or https://")
    host, port = _authority(found[2])
    target = found[3] or ""
    if target.startswith("?"):
        target = "/" + target  # RFC 9112 §3.2.1: an empty path is sent as "/"
    return Destination(scheme, host, _PORTS[scheme] if port is None else port, target)


def parse_authority(text: bytes) -> tuple[str, int]:
    """Read CONNECT's host:port (RFC 9110 §9.3.6). ProtocolError, which does not repeat it."""
    host, port = _authority(text.decode("latin-1"))
    if port is None:
        raise _bad("the port is missing", "ask for host:port")
    return host, port


def _authority(text: str) -> tuple[str, int | None]:
    if "@" in text:  # RFC 9110 §4.2.4: so that one host looks like another
        raise _bad("it has a user name", "send credentials in Authorization or Proxy-Authorization")
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise _bad("its host or port is malformed")
    try:
        host = str(ipaddress.IPv6Address(found["six"])) if found["six"] else host_name(_decoded(found["name"]))
    except ipaddress.AddressValueError:
        raise _bad("its IPv6 address is malformed") from None
    except ValueError as error:
        raise _bad(str(error)) from None
    if not found["port"]:
        return host, None
    port = int(found["port"])
    if not 0 < port < 65536:
        raise _bad("its port is not between 1 and 65535")
    return host, port


def _decoded(name: str) -> str:
    """RFC 3986 §3.2.2: a name may be percent-encoded UTF-8."""
    return unquote(name, errors="strict") if "%" in name else name


def _bad(why: str, fix: str = "") -> ProtocolError:
    return ProtocolError("bad-target", "this target cannot be asked for", why=why, fix=fix)


def via(version: str, name: bytes) -> bytes:
    """Our entry in Via (RFC 9110 §7.6.3); `version` is that of the message we received."""
    return version.encode("ascii") + b" " + name


def looped(fields: Fields, name: bytes) -> bool:
    """Whether a message has been through here already: Via has `name`, which nobody else has."""
    return any(name in value.replace(b",", b" ").split() for key, value in fields if key == b"via")


def options(fields: Fields, name: bytes = b"connection") -> frozenset[bytes]:
    """The members of a list of tokens, in lower case."""
    values = (value for key, value in fields if key == name)
    return frozenset(part.strip(b" \t").lower() for value in values for part in value.split(b","))


def upgrade(method: str, version: str, fields: Fields) -> bytes | None:
    """The protocols to which a request wants to change its connection (RFC 9110 §7.8); None when it is not passed on.

    h2c is not: HTTP/2 with prior knowledge was never asked for by anybody who goes through a proxy in earnest.
    """
    wanted = b", ".join(value for key, value in fields if key == b"upgrade")
    if method != "GET" or version == "1.0" or b"upgrade" not in options(fields) or not _PROTOCOLS.fullmatch(wanted):
        return None
    return None if b"h2c" in wanted.lower() else wanted


def onward(fields: Fields, entry: bytes, *, protocols: bytes | None = None) -> Fields:
    """A message's fields for the next recipient: end-to-end ones (RFC 9110 §7.6.1) and Via with our `entry`.

    `protocols`: also ask for that change, or grant it (Connection, Upgrade).
    """
    named = options(fields) - _KEPT
    kept = [field for field in fields if not _stays_here(field[0], named)]
    if protocols is not None:
        kept += [(b"connection", b"Upgrade"), (b"upgrade", protocols)]
    return (*kept, (b"via", entry))


def _stays_here(name: bytes, named: Iterable[bytes]) -> bool:
    return name in _HOP_BY_HOP or name in named or (name.startswith(b"proxy-") and name not in _FOR_CLIENTS)


def max_forwards(method: str, fields: Fields) -> int | None:
    """How often OPTIONS may still be passed on (RFC 9110 §7.6.2); None: nobody counts."""
    values = [value for key, value in fields if key == b"max-forwards"] if method == "OPTIONS" else []
    if not values:
        return None
    if len(values) > 1 or not _COUNT.fullmatch(values[0]):
        raise ProtocolError("bad-max-forwards", "broken Max-Forwards header")
    return int(values[0])


def one_less(fields: Fields, left: int) -> Fields:
    """The fields with a Max-Forwards of `left` - 1."""
    return tuple((name, b"%d" % (left - 1) if name == b"max-forwards" else value) for name, value in fields)


@lru_cache(maxsize=1024)
def titled(name: bytes) -> bytes:
    """A field's name as it is usually written: there are programs that care (RFC 9110 §5.1 says they must not)."""
    return b"-".join(part.capitalize() for part in name.split(b"-"))
