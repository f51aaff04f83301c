"""Header lines for the answers of this package, in the form `wire.answer` wants them.

Called by everything in `web` that builds an answer; it adds no field by itself and never sees a body.
"""

from __future__ import annotations

from http import HTTPStatus


def head(status: int, *fields: tuple[str, str | None]) -> bytes:
    """The status line and the given fields, each ended by CRLF; a field whose value is None is left out.

    A line break in a value would be an injected header, so it is refused with ValueError.
    """
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields if value is not None]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("line break in a header value")
    return text.encode("latin-1") + b"\r\n"
