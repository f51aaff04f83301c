"""CONNECT from the client's side (RFC 9110 §9.3.6): the request as bytes, the answer's bytes to an outcome.

`dial.via_http` drives it. What follows the head of a 2xx answer belongs to the tunnel and is never lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipway.wire.responses import End, Event, Head, ResponseReader, render_request

_BODY = 65536  # bytes of a refusal's body worth reading to keep its connection


@dataclass(frozen=True, slots=True)
class Answer:
    """What the proxy said to one CONNECT."""

    head: Head
    reusable: bool  #: whether this connection can carry another request
    early: bytes = field(default=b"", repr=False)  #: the tunnel's first bytes

    @property
    def tunnel(self) -> bool:
        """Whether the connection is now the tunnel: any 2xx says so."""
        return 200 <= self.head.status < 300


def render_connect(authority: str, fields: Iterable[tuple[str, str]] = ()) -> bytes:
    """The request for `host:port`; `fields` may hold Proxy-Authorization. UsageError on forbidden characters."""
    # Proxy-Connection is obsolete (RFC 9110 §7.6.1), and old proxies close after the first leg without it.
    return render_request("CONNECT", authority, authority, [("Proxy-Connection", "keep-alive"), *fields])


def keeps_open(head: Head) -> bool:
    """Whether the proxy will read another request here (RFC 9112 §9.3, and the old Proxy-Connection).

    False too where only the close says where a refusal's body ends (§6.3).
    """
    words = ",".join(head.header(name) or "" for name in (b"connection", b"proxy-connection")).lower()
    options = {word.strip() for word in words.split(",")}
    framed = head.length is not None or head.header(b"transfer-encoding") is not None or head.status in (204, 304)
    return framed and "close" not in options and (head.version == "1.1" or "keep-alive" in options)


class ConnectReader:
    """Feed what arrives until it gives an `Answer`. BadUpstream, Unavailable as `ResponseReader`."""

    def __init__(self, *, head_bytes: int = 131072) -> None:
        """`head_bytes` is generous: Negotiate tokens are long."""
        self._reader = ResponseReader("CONNECT", head_bytes=head_bytes)
        self._head: Head | None = None
        self._dropped = 0

    def feed(self, data: bytes) -> Answer | None:
        """Take some bytes of the answer; None while it is not complete."""
        return self._take(self._reader.feed(data))

    def eof(self) -> Answer:
        """The proxy closed: a refusal whose body was cut off is still a refusal, anything else raises Unavailable."""
        if self._head is not None:
            return Answer(self._head, reusable=False)
        answer = self._take(self._reader.eof())
        assert answer is not None  # without a head, eof raises
        return answer

    def _take(self, events: list[Event]) -> Answer | None:
        for event in events:
            if isinstance(event, Head):
                self._head = event
                if 200 <= event.status < 300:
                    return Answer(event, reusable=False, early=self._reader.rest)
                if not keeps_open(event):
                    return Answer(event, reusable=False)  # nothing is gained by waiting for its body
            elif isinstance(event, End):
                assert self._head is not None
                return Answer(self._head, reusable=event.reusable)
            else:
                self._dropped += len(event)
                if self._dropped > _BODY:
                    assert self._head is not None
                    return Answer(self._head, reusable=False)
        return None
