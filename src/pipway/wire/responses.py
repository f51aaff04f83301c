"""The client's half of HTTP/1.1: a request's head to bytes, a response's bytes to events (RFC 9112).

`dial.http` drives it: `feed` what arrives, `eof` when nothing more will. Strict where leniency lets two readers
disagree about where a message ends (§11.2); it never decodes content and never keeps more than one head.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

import httptools

from pipway.errors import BadUpstream, Unavailable, UsageError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5, without obs-fold
_TARGET = re.compile(r"[\x21-\x7e]+")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([^\r\n]*))?\r\n")  # RFC 9112 §4


@dataclass(frozen=True, slots=True)
class Head:
    """A final response's head. Interim (1xx) ones are skipped, or told to who wants them."""

    status: int
    reason: str
    version: str  #: "1.0" or "1.1"
    headers: tuple[tuple[bytes, bytes], ...]  #: names in lower case, values stripped
    length: int | None  #: Content-Length in bytes; for HEAD and 304 what a GET would have had

    def header(self, name: bytes) -> str | None:
        """Value of a header, several joined with ", " (RFC 9110 §5.3), as latin-1 text."""
        found = [value for key, value in self.headers if key == name]
        return b", ".join(found).decode("latin-1") if found else None


@dataclass(frozen=True, slots=True)
class End:
    """The response is complete; `reusable` says whether its connection may carry another request."""

    reusable: bool


Event = Head | bytes | End


def render_request(method: str, target: str, host: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """Give the head of a request without a body, Host first (RFC 9112 §3.2).

    `host` is the Host header's value. UsageError when a part could break out of its line; values are not repeated
    in the error because they may be secret.
    """
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target) or not _TARGET.fullmatch(host):
        raise UsageError("bad-request-line", "the request's method, target or host has characters HTTP forbids there")
    lines = [f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n"]
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise UsageError("bad-header", f"the request header {name!r} has characters HTTP forbids there")
        lines.append(f"{name}: {value}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1")


class _State(Enum):
    HEAD = auto()
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()
    DONE = auto()


class _Parts:
    """What httptools calls while it parses; emptied by the reader after each feed."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.in_head = True
        self.chunks = 0
        self.complete = False
        self.surplus = False

    def on_message_begin(self) -> None:
        self.surplus = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # trailers are dropped (RFC 9110 §6.5.1 permits it)
            self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.in_head = False

    def on_body(self, data: bytes) -> None:
        self.body.append(data)

    def on_chunk_header(self) -> None:
        self.chunks += 1

    def on_message_complete(self) -> None:
        self.complete = True


class ResponseReader:
    """Bytes of one response to events: one Head, body pieces, one End.

    `head_bytes` bounds all heads together (interim ones included), and what a chunked body spends on anything but
    data between two chunks. Raises BadUpstream ("bad-framing", "head-too-large"), Unavailable ("truncated",
    "empty-answer"); after an error the connection must be dropped.

    `informed` is told of interim heads. With `upgrade` a 101 is a final head: what follows is in `rest`, and no HTTP.
    """

    def __init__(
        self,
        method: str,
        *,
        head_bytes: int = 65536,
        informed: Callable[[Head], None] | None = None,
        upgrade: bool = False,
    ) -> None:
        self._method = method
        self._limit = head_bytes
        self._informed = informed
        self._upgrade = upgrade
        self._state = _State.HEAD
        self._buffer = bytearray()
        self._searched = 0
        self._spent = 0  # bytes of interim heads, then bytes between chunks
        self._remaining = 0
        self._keep_alive = False
        self._parts = _Parts()
        self._parser = httptools.HttpResponseParser(self._parts)
        self.started = False  #: whether any byte arrived
        self.switched = False  #: the other side has granted an upgrade (RFC 9110 §7.8)
        self.rest = b""  #: of an answer to CONNECT, or of an upgrade that was granted: what came after its head

    def feed(self, data: bytes) -> list[Event]:
        """Give the events that `data` completes; `data` is not empty."""
        self.started = True
        match self._state:
            case _State.HEAD:
                return self._feed_head(data)
            case _State.LENGTH:
                return self._feed_length(data)
            case _State.CHUNKED:
                return self._feed_chunked(data)
            case _State.UNTIL_CLOSE:
                return [data]
            case _State.DONE:
                raise _broken("the server sent bytes after the response's end")

    def eof(self) -> list[Event]:
        """The peer sends no more: give the end of a body that lasts until close, else raise Unavailable."""
        match self._state:
            case _State.DONE:
                return []
            case _State.UNTIL_CLOSE:
                return self._end(reusable=False)
            case _ if not self.started:
                raise Unavailable("empty-answer", "the server closed the connection without answering")
            case _:
                raise Unavailable("truncated", "the server closed the connection in the middle of its answer")

    def _end(self, *, reusable: bool) -> list[Event]:
        self._state = _State.DONE
        return [End(reusable and self._keep_alive)]

    def _feed_head(self, data: bytes) -> list[Event]:
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n", self._searched)
            size = len(self._buffer) if end < 0 else end + 4
            if _BARE_LF.search(self._buffer, self._searched, size):
                raise _broken("a line of its head ends without a carriage return")
            if self._spent + size > self._limit:
                raise BadUpstream("head-too-large", f"the response's head is longer than {self._limit} bytes")
            if end < 0:
                self._searched = max(0, size - 3)
                return []
            block, rest = bytes(self._buffer[:size]), bytes(self._buffer[size:])
            head = self._parse(block)
            if head.status >= 200 or head.status == 101:
                self._buffer.clear()
                return [head, *self._start_body(head, rest)]
            self._skip_interim(head, block, rest)

    def _parse(self, block: bytes) -> Head:
        line = _STATUS_LINE.match(block)
        if line is None:
            raise _broken("its first line is not an HTTP/1 status line")
        try:
            self._parser.feed_data(block)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if line[2] != b"101":
                raise _broken(str(error)) from None
            if not self._upgrade or not isinstance(error, httptools.HttpParserUpgrade):
                raise _broken("it switches protocols unasked") from None
        headers = tuple(self._parts.headers)
        lengths = [value for name, value in headers if name == b"content-length"]
        length = int(lengths[0]) if lengths and lengths[0].isdigit() else None  # llhttp refuses repeats and non-digits
        reason = (line[3] or b"").decode("latin-1")
        return Head(int(line[2]), reason, f"1.{line[1].decode()}", headers, length)

    def _skip_interim(self, head: Head, block: bytes, rest: bytes) -> None:
        if head.status == 101:
            raise _broken("it switches protocols unasked")
        if self._informed is not None:
            self._informed(head)
        self._spent += len(block)
        self._buffer[:] = rest
        self._searched = 0
        self._parts = _Parts()
        self._parser = httptools.HttpResponseParser(self._parts)

    def _start_body(self, head: Head, rest: bytes) -> list[Event]:
        """Decide how the body is framed (RFC 9112 §6.3)."""
        if head.status == 101:
            self.switched, self.rest = True, rest
            return self._end(reusable=False)
        if self._method == "CONNECT" and 200 <= head.status < 300:
            # RFC 9110 §9.3.6: the tunnel begins here, whatever Content-Length or Transfer-Encoding say
            self.rest = rest
            return self._end(reusable=False)
        codings = head.header(b"transfer-encoding")
        options = {option.strip().lower() for option in (head.header(b"connection") or "").split(",")}
        if self._method == "CONNECT":  # obsolete (RFC 9110 §7.6.1), and all that old proxies say
            options |= {option.strip().lower() for option in (head.header(b"proxy-connection") or "").split(",")}
        # RFC 9112 §9.3: persistent unless the version or an option says otherwise
        self._keep_alive = "close" not in options and (head.version == "1.1" or "keep-alive" in options)
        # §6.1: another coding, HTTP/1.0 with any, or both kinds of framing together: how responses are smuggled
        if codings is not None and (codings.lower() != "chunked" or head.version == "1.0" or head.length is not None):
            raise _broken("its Transfer-Encoding cannot be trusted")
        if self._method == "HEAD" or head.status in (204, 304):
            return self._end(reusable=not rest)
        self._spent = 0
        if codings is not None:
            self._state = _State.CHUNKED
            return self._feed_chunked(rest) if rest else []
        if head.length is not None:
            self._state, self._remaining = _State.LENGTH, head.length
            return self._feed_length(rest)
        self._state = _State.UNTIL_CLOSE
        return [rest] if rest else []

    def _feed_length(self, data: bytes) -> list[Event]:
        surplus = len(data) - self._remaining
        if surplus < 0:
            self._remaining = -surplus
            return [data] if data else []
        body = data[: self._remaining] if surplus else data
        end = self._end(reusable=not surplus)
        return [body, *end] if body else end

    def _feed_chunked(self, data: bytes) -> list[Event]:
        parts = self._parts
        before = parts.chunks
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not parts.complete:
                raise _broken(f"chunked body: {error}") from None
            parts.surplus = True
        # §7.1.1: extensions and trailers are bounded, they could go on for ever
        self._spent = 0 if parts.body or parts.chunks > before else self._spent + len(data)
        if self._spent > self._limit:
            raise _broken(f"chunked body: more than {self._limit} bytes between two chunks")
        body: list[Event] = [b"".join(parts.body) if len(parts.body) > 1 else parts.body[0]] if parts.body else []
        parts.body.clear()
        return body + self._end(reusable=not parts.surplus) if parts.complete else body


def _broken(why: str) -> BadUpstream:
    return BadUpstream(
        "bad-framing",
        "the server's answer breaks HTTP/1.1",
        why=why,
        fix="check the server, or a proxy in between that rewrites answers",
    )
