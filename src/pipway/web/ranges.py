"""Which bytes of a file a request wants: Range, If-Range and If-None-Match as pure functions.

Called by `web.files` and `web.simple`. Never raises for bad input: RFC 9110 §14.2 lets a server ignore any Range,
so whatever is malformed, of another unit or has several parts means "the whole".
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: int-range or suffix-range (RFC 9110 §14.1.2); 40 digits are far beyond any file and still cheap to convert.
_BYTES = re.compile(
    r"bytes=(?:,[ \t]*)*(?:([0-9]{1,40})-([0-9]{0,40})|-([0-9]{1,40}))(?:[ \t]*,)*[ \t]*", re.IGNORECASE
)
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


class Span(NamedTuple):
    """`length` bytes beginning with byte `start`; both non-negative and inside the file."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """The Content-Range value of a 206 (RFC 9110 §14.4)."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


class Unsatisfiable(Exception):
    """The one range asked for lies wholly outside the file."""


def select(header: str | None, size: int) -> Span | None:
    """The part of a `size`-byte file that a Range header asks for; None is the whole.

    Several ranges are answered with the whole file, which RFC 9110 §14.2 permits and every client accepts.
    Raises Unsatisfiable.
    """
    match = _BYTES.fullmatch(header) if header else None
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        if int(suffix) == 0:
            raise Unsatisfiable
        length = min(int(suffix), size)
        return Span(size - length, length) if length else None
    start = int(first)
    if last and int(last) < start:
        return None  # an invalid int-range MUST be ignored (RFC 9110 §14.1.2)
    if start >= size:
        raise Unsatisfiable
    end = min(int(last), size - 1) if last else size - 1
    return Span(start, end - start + 1)


def if_range_holds(header: str | None, etag: str | None) -> bool:
    """Whether a Range may be obeyed (RFC 9110 §13.1.5): no If-Range, or exactly our strong entity tag.

    A date never matches, because we send no Last-Modified; a weak tag never matches either (strong comparison).
    """
    return header is None or (etag is not None and header.strip() == etag)


def none_match(header: str | None, etag: str | None) -> bool:
    """Whether If-None-Match names `etag` by weak comparison (RFC 9110 §13.1.2), so that 304 is the answer.

    `*` matches any existing representation, also one whose tag is not known yet.
    """
    if header is None:
        return False
    if header.strip() == "*":
        return True
    return etag is not None and any(tag == etag for tag in _TAG.findall(header))
