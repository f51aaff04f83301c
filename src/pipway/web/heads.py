"""Heads of this package's answers: `wire.heads` plus optional fields.

Called by everything in `web` that builds an answer; it adds no field by itself and never sees a body.
"""

from __future__ import annotations

from pipway.wire import heads

Field = tuple[str, str | None]


def head(status: int, *fields: Field) -> bytes:
    """The status line and the given fields; a field whose value is None is left out.

    ValueError for a value that would inject another line.
    """
    return heads.build(status, [(name, value) for name, value in fields if value is not None])
