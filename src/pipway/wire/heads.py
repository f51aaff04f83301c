"""Status lines, header lines, reason phrases and dates as bytes.

Whoever builds an answer uses these, so that nothing unclean ever reaches a status line or a header. The reason
phrase is the one text that pip, uv and Poetry print verbatim, hence the care. Knows no clock and no socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus

#: Longest reason phrase sent: installers print it on one line.
PHRASE_LIMIT = 160

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
_SPACES = re.compile(r" {2,}")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def phrase(text: str) -> str:
    """Make `text` fit for a status line: printable ASCII only (RFC 9112 §4), at most `PHRASE_LIMIT` characters.

    Clients decode the phrase as latin-1 and print it: CR or LF would inject headers, ESC would drive the terminal.
    """
    clean = _SPACES.sub(" ", _UNPRINTABLE.sub(" ", text)).strip()
    return clean if len(clean) <= PHRASE_LIMIT else clean[: PHRASE_LIMIT - 3].rstrip() + "..."


def standard_phrase(status: int) -> str:
    """The registered phrase of a status, or an empty one."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def status_line(status: int, reason: str | None = None) -> bytes:
    """`HTTP/1.1 <status> <reason>` with CRLF; the registered phrase when no reason is given."""
    text = standard_phrase(status) if reason is None else phrase(reason)
    return b"HTTP/1.1 %d %b\r\n" % (status, text.encode("ascii"))


def field_line(name: bytes, value: bytes) -> bytes:
    """One header line with CRLF (RFC 9112 §5). ValueError when the name or the value could inject another line."""
    if not _TOKEN.fullmatch(name) or _FORBIDDEN_IN_VALUE.search(value):
        raise ValueError(f"unfit header line {name!r}")
    return b"%b: %b\r\n" % (name, value)


def build(status: int, fields: Iterable[tuple[str, str]], reason: str | None = None) -> bytes:
    """A whole head as `wire.answer` wants it: status line and header lines, no Date, no empty line."""
    lines = [status_line(status, reason)]
    lines += [field_line(name.encode("ascii"), value.encode("latin-1")) for name, value in fields]
    return b"".join(lines)


def date(seconds: float) -> bytes:
    """IMF-fixdate of seconds since the epoch (RFC 9110 §5.6.7), independent of the locale."""
    when = datetime.fromtimestamp(int(seconds), UTC)
    return (
        f"{_DAYS[when.weekday()]}, {when.day:02} {_MONTHS[when.month - 1]} {when.year:04} "
        f"{when.hour:02}:{when.minute:02}:{when.second:02} GMT"
    ).encode("ascii")
