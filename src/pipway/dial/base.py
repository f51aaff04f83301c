"""The two protocols of the network: `Stream` and `Dialer`. Everything outbound goes through them.

Deadlines belong to the caller (`asyncio.timeout`). Implementations pass tests/contracts/{stream,dialer}.py.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: a DNS name or a literal address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What is known of an open stream."""

    peer: str  #: address really dialled
    hops: tuple[str, ...] = ("direct",)
    tls: str | None = None  #: protocol version, e.g. "TLSv1.3"
    alpn: str | None = None


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


class Dialer(Protocol):
    """A way to reach a target; dialers wrap dialers."""

    async def dial(self, target: Target) -> Stream:
        """Open a stream. Unavailable when it cannot be had, with the reason."""
