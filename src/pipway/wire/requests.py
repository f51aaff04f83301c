"""A request's head, strictly: what httptools parses, and only what RFC 9112 leaves no two readings of.

The server's connections call `parse` with the bytes of one head, and `check_partial` while a head is still coming.
llhttp is lenient in places where another HTTP parser may read something else (request smuggling), so the raw bytes
must match the grammar first; whatever fails is named in the reason and ends the connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import httptools

from pipway.errors import ProtocolError

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) HTTP/(1\.[01])\r\n")
#: RFC 9112 §5: no space before the colon, no folding, no CR, LF, NUL or other controls in a value.
_FIELDS = re.compile(rb"(?:" + _TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*\r\n")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_BARE_SO_FAR = re.compile(rb"\r(?=[^\n])|(?<!\r)\n")  # a CR at the very end may still get its LF
_HOST = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9\-._~]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+\-.]*://[^/?#]+(?:[/?].*)?")
_LENGTH = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Bounds of one head."""

    line: int = 8192  #: bytes of the request line
    size: int = 32768  #: bytes of the whole head
    fields: int = 100  #: header lines


@dataclass(frozen=True, slots=True)
class Head:
    """One request's head. `form` is "origin", "absolute", "authority" or "asterisk" (RFC 9112 §3.2)."""

    method: str
    target: bytes
    form: str
    version: str
    headers: tuple[tuple[bytes, bytes], ...]  #: names in lower case, values stripped
    keep_alive: bool
    length: int  #: body bytes by Content-Length; 0 when there is none or when chunked
    chunked: bool
    expects: bool  #: the client waits for 100 Continue

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body follow."""
        return self.chunked or self.length > 0

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key == name), None)


class _Collector:
    """What httptools calls back."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))


def parse(raw: bytes, limits: HeadLimits) -> Head:
    """Parse exactly one head, its empty line included. ProtocolError says what is wrong with it."""
    line = check_line(raw, limits)
    if len(raw) > limits.size:
        raise _too_large(limits)
    if not _FIELDS.fullmatch(raw, line.end()):
        raise _diagnose(raw[line.end() :])
    if raw.count(b"\r\n", line.end()) - 1 > limits.fields:
        raise ProtocolError("too-many-headers", f"more than {limits.fields} header lines", status=431)
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # CONNECT, or an upgrade we do not take up (RFC 9110 §7.8 lets us ignore it)
    except httptools.HttpParserInvalidMethodError:
        raise ProtocolError("unknown-method", f"unknown method {line[1].decode()[:40]}", status=501) from None
    except httptools.HttpParserError as error:
        raise ProtocolError("bad-request", "broken request head", why=str(error)[:100]) from None
    headers = tuple(collector.headers)
    if collector.target != line[2]:
        raise ProtocolError("bad-target", "broken request target")
    return _judge(line, headers)


def check_line(raw: bytes, limits: HeadLimits) -> re.Match[bytes]:
    """Match the request line at the start of `raw`; ProtocolError names the fault (RFC 9112 §3)."""
    line = _LINE.match(raw)
    if line is not None and line.end() <= limits.line + 2:
        return line
    text = raw[: limits.line + 1].partition(b"\n")[0]
    if len(text) > limits.line:
        raise ProtocolError("target-too-long", f"request line longer than {limits.line} bytes", status=414)
    version = re.search(rb" HTTP/(\d)(?:\.\d)?\r?$", text)
    if version is not None and version[1] != b"1":
        raise ProtocolError("http-version", "only HTTP/1.1 and HTTP/1.0 are spoken here", status=505)
    raise ProtocolError("bad-request-line", "broken request line", why="want: METHOD target HTTP/1.1")


def check_partial(raw: bytes, limits: HeadLimits) -> None:
    """Refuse a head that is not complete yet but can never become a good one."""
    if b"\n" in raw:
        check_line(raw, limits)
        if bare := _BARE_SO_FAR.search(raw):
            raise _bare(bare)
    elif len(raw) > limits.line:
        raise ProtocolError("target-too-long", f"request line longer than {limits.line} bytes", status=414)
    if len(raw) > limits.size:
        raise _too_large(limits)


def _judge(line: re.Match[bytes], headers: tuple[tuple[bytes, bytes], ...]) -> Head:
    version = line[3].decode()
    chunked, length = _framing(version, headers)
    form = _form(line[1], line[2])
    hosts = [value for name, value in headers if name == b"host"]
    # RFC 9112 §3.2: exactly one valid Host in 1.1. pip on old Pythons sends CONNECT as 1.0 without any.
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise ProtocolError("bad-host", "the Host header must be there exactly once")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise ProtocolError("bad-host", "broken Host header")
    options = {
        part.strip(b" \t").lower() for name, value in headers if name == b"connection" for part in value.split(b",")
    }
    return Head(
        method=line[1].decode(),
        target=line[2],
        form=form,
        version=version,
        headers=headers,
        # RFC 9112 §9.3
        keep_alive=b"close" not in options and (version == "1.1" or b"keep-alive" in options),
        length=length,
        chunked=chunked,
        expects=_expects(version, headers),
    )


def _framing(version: str, headers: tuple[tuple[bytes, bytes], ...]) -> tuple[bool, int]:
    """How the body is delimited (RFC 9112 §6): whether chunked, and its declared length."""
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    lengths = [value for name, value in headers if name == b"content-length"]
    if codings and lengths:
        raise ProtocolError("ambiguous-length", "both Content-Length and Transfer-Encoding")
    if codings:
        if version == "1.0":
            raise ProtocolError("bad-transfer-encoding", "Transfer-Encoding in an HTTP/1.0 request")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise ProtocolError("bad-transfer-encoding", "only Transfer-Encoding: chunked is understood", status=501)
        return True, 0
    if len(lengths) > 1:
        raise ProtocolError("ambiguous-length", "Content-Length more than once")
    if lengths and not _LENGTH.fullmatch(lengths[0]):
        raise ProtocolError("bad-length", "broken Content-Length")
    return False, int(lengths[0]) if lengths else 0


def _form(method: bytes, target: bytes) -> str:
    if b"#" not in target:
        if method == b"CONNECT":
            if not _AUTHORITY.fullmatch(target):
                raise ProtocolError("bad-target", "broken target of CONNECT", why="want host:port and nothing else")
            return "authority"
        if target[:1] == b"/":
            return "origin"
        if target == b"*" and method == b"OPTIONS":
            return "asterisk"
        if _ABSOLUTE.fullmatch(target):
            return "absolute"
    raise ProtocolError("bad-target", "broken request target", why="want a path that begins with /")


def _expects(version: str, headers: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Whether 100 Continue is awaited (RFC 9110 §10.1.1; ignored from HTTP/1.0)."""
    wanted = [value for name, value in headers if name == b"expect"]
    if not wanted or version == "1.0":
        return False
    if len(wanted) > 1 or wanted[0].lower() != b"100-continue":
        raise ProtocolError("expectation-failed", "only Expect: 100-continue is understood", status=417)
    return True


def _diagnose(fields: bytes) -> ProtocolError:
    """Name the first fault of header lines that do not match the grammar."""
    if bare := _BARE.search(fields):
        return _bare(bare)
    for line in fields.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t"):
            return ProtocolError("folded-header", "a header line is folded", why="RFC 9112 section 5.2 forbids it")
        if line and (not colon or not re.fullmatch(_TOKEN, name)):
            return ProtocolError("bad-header", "broken header name", why="no spaces are allowed before the colon")
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
            return ProtocolError("bad-header", "a control character in a header value")
    return ProtocolError("bad-header", "broken header lines")


def _bare(found: re.Match[bytes]) -> ProtocolError:
    kind = "CR" if found[0] == b"\r" else "LF"
    return ProtocolError("bare-line-break", f"a bare {kind} in the request head")


def _too_large(limits: HeadLimits) -> ProtocolError:
    return ProtocolError("head-too-large", f"request head larger than {limits.size} bytes", status=431)
