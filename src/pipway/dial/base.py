"""The two protocols of the network: `Stream` and `Dialer`. Everything outbound goes through them.

Deadlines belong to the caller (`asyncio.timeout`). Implementations pass tests/contracts/{stream,dialer}.py.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pipway.wire.responses import Head


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: a DNS name or a literal address, and a port."""

    host: str
    port: int
    clear: bool = False  #: HTTP without TLS will be spoken: an HTTP parent may forward requests instead of tunnelling

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Forward(Protocol):
    """What an HTTP parent wants of the requests on one connection to it: absolute-form (RFC 9112 §3.2.2) and a login.

    For each request: `fields`, send, `answered`; where that is true, once more from the start.
    """

    @property
    def lasting(self) -> bool:
        """Whether the last login was the connection's own (NTLM, Negotiate): the next request belongs on it."""

    async def fields(self, method: str, uri: str) -> Mapping[str, str]:
        """Header fields to add to the request for `uri`. NoWayOut when no login can be tried."""

    async def answered(self, head: Head) -> bool:
        """Look at the answer's head: true when the same request must be sent again on this connection.

        NoWayOut when the parent refuses us; Unavailable ("parent-reconnect") when it takes a new connection.
        """


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What is known of an open stream."""

    peer: str  #: address really dialled
    hops: tuple[str, ...] = ("direct",)
    tls: str | None = None  #: protocol version, e.g. "TLSv1.3"
    alpn: str | None = None
    certificate: bytes | None = field(default=None, repr=False)  #: the peer's, DER
    forward: Forward | None = field(default=None, repr=False)  #: set when the stream ends at a parent that forwards


class Detached(NamedTuple):
    """A stream's own transport, given away for good: whoever has it reads, writes and closes it."""

    transport: asyncio.Transport  #: reading is paused; its protocol is to be replaced
    early: bytes = b""  #: what has been read already; comes before everything the transport gives
    eof: bool = False  #: the peer has sent its last byte already
    ended: Callable[[], Awaitable[None]] | None = None  #: to be awaited once when the transport is closed
    #: At the peer's end, whether it is the peer's own word (TLS says goodbye); None where an end is an end.
    whole: Callable[[], bool] | None = None


class Stream(Protocol):
    """Bytes both ways."""

    info: StreamInfo

    @property
    def quiet(self) -> bool:
        """Open, and nothing waits to be read: what an idle connection must be to carry another request."""

    async def read(self, at_most: int = 262144) -> bytes:
        """Some bytes; b"" when the peer is done. OSError when the connection broke."""

    async def write(self, data: bytes) -> None:
        """Send, waiting while the peer is slow."""

    async def write_eof(self) -> None:
        """Half-close; a TLS stream closes wholly."""

    async def start_tls(self, context: ssl.SSLContext, name: str) -> Stream:
        """TLS on top, verified for `name`. Refuses while unread bytes remain."""

    async def aclose(self) -> None:
        """Close at once, both ways; never raises."""

    def detach(self) -> Detached | None:
        """Give the transport away, TLS layers included. The stream is unusable then; closing it does nothing.

        None, and the stream as it was, when it is over already: reading tells how it ended.
        """


class Dialer(Protocol):
    """A way to reach a target; dialers wrap dialers."""

    async def dial(self, target: Target) -> Stream:
        """Open a stream. Unavailable when it cannot be had, with the reason."""
