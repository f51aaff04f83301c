"""The shape of a login: a scheme makes one generator per request or connection, the driver carries its values.

`dial.login` drives it: `next(login)` gives the first Proxy-Authorization value; each refusal's challenges go in by
`login.send(challenges)`, which gives the next value or raises `Rejected` or `Unusable`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: The schemes and how people write them, strongest first: Kerberos needs no secret of ours, NTLM and Digest prove one
#: without sending it, Basic sends it.
SCHEMES: Mapping[str, str] = {"negotiate": "Negotiate", "ntlm": "NTLM", "digest": "Digest", "basic": "Basic"}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One offer of a Proxy-Authenticate field (RFC 9110 §11.3)."""

    scheme: str  #: lower case
    token: str = field(default="", repr=False)  #: token68, where there is one
    params: Mapping[str, str] = field(default_factory=dict)  #: names in lower case, values unquoted


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that is to be authorised."""

    method: str
    uri: str  #: as in the request line: "host:443" for CONNECT, absolute for a forwarded request
    channel: bytes = field(default=b"", repr=False)  #: channel binding data (RFC 5929 §4), empty on a clear leg
    protected: bool = False  #: whether TLS protects the leg to the parent


#: Yields header values; is sent the challenges of the answer that refused the last one.
Login = Generator[str, Sequence[Challenge], None]


class Scheme(Protocol):
    """One way to prove one credential to one parent."""

    @property
    def name(self) -> str:
        """As the parent offers it, in lower case: basic, digest, ntlm, negotiate."""

    @property
    def per_connection(self) -> bool:
        """Whether a login holds for the connection (NTLM, Negotiate: RFC 4559 §6) or for one request (RFC 9110)."""

    @property
    def blocking(self) -> bool:
        """Whether a step may wait for the network or compute for long: run it in a thread."""

    @property
    def ready(self) -> bool:
        """Whether a login can begin before the parent has challenged us."""

    def login(self, asked: Asked, offered: Sequence[Challenge] = ()) -> Login:
        """Begin; `offered` is what the parent's last refusal offered, empty when it has not been asked."""

    def informed(self, info: str) -> None:
        """Take the Proxy-Authentication-Info field (RFC 9110 §11.7.3) of the answer to a login that was accepted."""


class Rejected(Exception):
    """Somebody looked at the credential and said no. It must not be sent again. The text says who and why."""


class Unusable(Exception):
    """This scheme cannot be used here, and nothing secret was judged: no ticket, an unknown algorithm, garbage."""

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.fix = fix
