"""Edits that rules make in many places: a statement or one of its values goes, and nothing is left over.

Rules call it for their repairs. It looks at the text around a span, and gives no edit where that would break the file.
"""

from __future__ import annotations

import re

from pipway.audit.base import Edit
from pipway.audit.facts import Span
from pipway.audit.fix.leftovers import NEAR, swept

_CONTINUED = re.compile(r"[ \t]*\\\r?\n\Z")
#: What sets nothing any more when its only variable is gone.
_BARE = re.compile(r"(?i)\s*(?:ENV|ARG|export|set|-|RUN|\$env:)?\s*")
_QUOTED = re.compile(r"(?i)[ \t]*[\"'](?:%env|%set_env|!\s*export|!\s*set)[ \t]*")  # of a notebook: it would show all


def removal(span: Span) -> tuple[Edit, ...]:
    """`span` goes: with its line when nothing else is there, with its comma in a list, with a space in a command."""
    found = _piece(span)
    if found is None:
        return ()
    start, end = found
    text = span.source.text
    low, high = text.rfind("\n", 0, max(0, start - NEAR)) + 1, end + NEAR
    low = low if start - low <= 2 * NEAR else start - NEAR
    around, at, new = text[low:start] + text[end:high], start - low, ""
    for _ in range(5):
        left = swept(span.source.path, around, at, text[start:end])
        if left is None:
            break
        start, end, new = min(start, low + left[0]), end + max(0, left[1] - at), left[2] + around[left[1] : at]
        if new:
            break
        around, at = around[: left[0]] + around[left[1] :], left[0]
    return (Edit(Span(span.source, start, end), new),)


def _piece(span: Span) -> tuple[int, int] | None:
    """From where to where, as far as one deletion tells."""
    text = span.source.text
    begin = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end
    before, after = text[begin : span.start], text[span.end : end]
    line = (begin, min(end + 1, len(text)))
    if span.start == span.end or _QUOTED.fullmatch(before):
        return None
    if not before.strip() and after.strip() in ("\\", ","):
        return line
    if _BARE.fullmatch(before) and not after.strip():
        goes_on = _CONTINUED.search(text, max(0, begin - NEAR), begin)
        if goes_on is None:
            return line
        return (goes_on.start(), span.end) if not before.strip() else (span.start, span.end)
    return _within(span, begin, before, after)


def _within(span: Span, begin: int, before: str, after: str) -> tuple[int, int] | None:
    """The line goes on without it."""
    if span.text.endswith((",", ", ")) or span.text.startswith(","):  # an element of a list, with its comma
        return span.start, span.end
    comma = re.match(r"[ \t]*,[ \t]*", after)
    if comma is not None:
        return span.start, span.end + comma.end()
    if before.rstrip().endswith(","):
        return begin + len(before.rstrip()) - 1, span.end
    if after[:1] in {" ", "\t"}:
        return span.start, span.end + len(after) - len(after.lstrip(" \t"))
    if before.strip():
        return begin + len(before.rstrip(" \t")), span.end
    return (span.start, span.end) if after[:1] in (";", "&", "|") else None
