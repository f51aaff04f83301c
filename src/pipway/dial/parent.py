"""A parent proxy as data: where it is and how a person wants it used.

Settings, PAC files and the environment become these; `via_http`, `via_socks` and `login` read them. It holds no secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from pipway.dial.base import Target
from pipway.wire.auth.base import SCHEMES
from pipway.wire.proxy_url import ProxyScheme


@dataclass(frozen=True)
class Parent:
    """One parent proxy. Equal parents share logins and connections."""

    scheme: ProxyScheme
    host: str  #: lower case, ASCII, IPv6 without brackets
    port: int
    user: str | None = None  #: as the person wrote it: alice, CORP\\alice, alice@CORP.EXAMPLE; None for single sign-on
    named: bool = False  #: by a person: only then are credentials ever sent to it
    schemes: tuple[str, ...] = tuple(SCHEMES)  #: the first that it offers is used
    basic_in_clear: bool = False  #: allow Basic on a leg without TLS
    spn: str | None = None  #: service principal instead of HTTP/<host>
    canonicalize: bool = False  #: take the host's canonical DNS name for the service principal
    ca: Path | None = None  #: believed in addition on the TLS leg to it
    client_certificate: Path | None = None  #: PEM with certificate and key for that leg

    @cached_property
    def target(self) -> Target:
        """Where it listens."""
        return Target(self.host, self.port)

    @cached_property
    def address(self) -> str:
        """host:port, for messages."""
        return str(self.target)

    @property
    def account(self) -> str:
        """USER@host:port, percent-encoded, as `pipway credentials` takes it."""
        return f"{quote(self.user or 'USER', safe='')}@{self.address}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.address}"
