"""Everything the listening side bounds, in bytes, counts and seconds. Settings fill it in; connections obey it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipway.wire.requests import HeadLimits


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server; each has a default that suits a machine's own proxy and a small team's."""

    head: HeadLimits = field(default_factory=HeadLimits)  #: of a request's head, in bytes and lines
    body: int = 100 * 1024 * 1024  #: bytes of a request's body
    connections: int = 2048  #: open at once; more are told 503
    head_seconds: float = 20.0  #: from a head's first byte (or the connection's opening) to its last
    idle_seconds: float = 75.0  #: between two requests of a connection
    stall_seconds: float = 60.0  #: without any progress, reading a body or writing an answer
    dial_seconds: float = 120.0  #: for the way to a proxy's target, logins at its parents included
    linger_seconds: float = 2.0  #: for the client to take the last answer in before the socket is closed
    hot_entries: int = 8192  #: answers that may be repeated for the same request bytes
    hot_bytes: int = 64 * 1024 * 1024  #: bytes those answers may hold
    hot_files: int = 128  #: large answers held a second time in memory files (as many bytes as above at most)
    tunnel_idle_seconds: float = 600.0  #: of a tunnel in which nothing moves, neither way
    tunnel_half_seconds: float = 120.0  #: the same once one side has ended: the other may be gone without a word
