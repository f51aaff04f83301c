"""What proxying needs of the rest of the program: who may, where to, and a stream that leads there.

`forward`, `socks`, `tunnel` and `intercept` know the world beyond this server only through an `Outside`; `gateway`
makes one of access rules, routes and dialers. Without one this server is an index and no proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

Fields = tuple[tuple[bytes, bytes], ...]  #: header fields: names in lower case, values stripped


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks to be let through."""

    peer: str  #: its address
    login: str | None = field(default=None, repr=False)  #: Proxy-Authorization, or its like made of a SOCKS login
    agent: str = ""  #: User-Agent, as far as the protocol has one


class Detached(Protocol):
    """A stream's own transport, given away for good: whoever has it reads, writes and closes it."""

    @property
    def transport(self) -> asyncio.Transport:
        """Reading is paused; its protocol is to be replaced."""

    @property
    def early(self) -> bytes:
        """What has been read already; comes before everything the transport gives."""

    @property
    def eof(self) -> bool:
        """The peer has sent its last byte already."""

    @property
    def ended(self) -> Callable[[], Awaitable[None]] | None:
        """To be awaited once when the transport is closed."""

    @property
    def whole(self) -> Callable[[], bool] | None:
        """At the peer's end, whether it is the peer's own word (TLS says goodbye); None where an end is an end."""


class Far(Protocol):
    """A stream that was dialled; `dial.base.Stream` conforms."""

    async def read(self, at_most: int = 262144) -> bytes:
        """Some bytes; b"" when the peer is done. OSError when the connection broke."""

    async def write(self, data: bytes) -> None:
        """Send, waiting while the peer is slow. OSError when the connection broke."""

    async def write_eof(self) -> None:
        """Half-close."""

    async def aclose(self) -> None:
        """Close at once, both ways; never raises."""

    def detach(self) -> Detached | None:
        """The transport itself; None when something in between must see the bytes. The stream is unusable then."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """One request to send on (RFC 9110 §7.6): end-to-end fields only, Host from the URL, our Via added."""

    method: str
    url: str  #: absolute, http or https, without userinfo and fragment
    fields: Fields
    body: AsyncIterator[bytes] | None = None
    length: int | None = None  #: of the body; None with a body: chunked
    #: Called with each interim answer (1xx), 101 excepted.
    informed: Callable[[int, Fields], None] | None = None


class Reply(Protocol):
    """The answer to a forwarded request; its head is here. Close it; read to the end, its connection is kept."""

    status: int
    reason: str
    fields: Fields  #: as they came, hop-by-hop ones included
    length: int | None  #: of the body, as declared; None: only its end tells

    @property
    def switched(self) -> Far | None:
        """After 101: the stream, no longer HTTP (RFC 9110 §7.8)."""

    @property
    def ready(self) -> bool:
        """Whether the next piece of the body, or its end, is here already."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body, unframed and still coded as it was. Unavailable on truncation, reset or stall."""

    async def aclose(self) -> None:
        """Release or drop the connection."""


class Outside(Protocol):
    """The world beyond this server. All errors are PipwayErrors whose reason may be shown to the client."""

    def admit(self, caller: Caller) -> None:
        """Whether this client may use the proxy. LoginNeeded, Refused."""

    def allow(self, host: str, port: int) -> None:
        """Whether this target may be reached at all. Refused. Addresses are judged again where they are dialled."""

    async def dial(self, host: str, port: int, *, caller: Caller) -> Far:
        """A stream to host:port by the routes. Refused, Unavailable, NoWayOut, BadUpstream."""

    async def exchange(self, request: Forwarded, *, caller: Caller) -> Reply:
        """Send one request and wait for its answer's head. As `dial`."""
