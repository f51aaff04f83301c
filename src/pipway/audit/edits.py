"""Edits that rules make in many places: a statement or one of its values goes, and nothing is left over.

Rules call it for their repairs. It looks at the text around a span, and gives no edit where that would break the file.
"""

from __future__ import annotations

import re

from pipway.audit.base import Edit
from pipway.audit.facts import Span

_NEAR = 1000  # characters
_CONTINUED = re.compile(r"[ \t]*\\\r?\n\Z")
_KEY = re.compile(r" *[\w.\"'-]+:")
#: What sets nothing any more when its only variable is gone.
_BARE = re.compile(r"(?i)\s*(?:ENV|ARG|export|set|-|RUN|\$env:)?\s*")


def removal(span: Span) -> tuple[Edit, ...]:
    """`span` goes: with its line when nothing else is there, with its comma in a list, with a space in a command."""
    text = span.source.text
    begin = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end
    before, after = text[begin : span.start], text[span.end : end]
    line = (begin, min(end + 1, len(text)))
    if span.start == span.end:
        return ()
    if not before.strip() and after.strip() == "\\":
        return _edit(span, *line)
    if _BARE.fullmatch(before) and not after.strip():
        goes_on = _CONTINUED.search(text, max(0, begin - _NEAR), begin)
        if goes_on is None:
            return _edit(span, *_with_empty_parents(span, *line))
        return _edit(span, goes_on.start(), span.end) if not before.strip() else ()
    comma = re.match(r"[ \t]*,[ \t]*", after)
    if comma is not None:
        return _edit(span, span.start, span.end + comma.end())
    if before.rstrip().endswith(","):
        return _edit(span, begin + len(before.rstrip()) - 1, span.end)
    if after[:1] in {" ", "\t"}:
        return _edit(span, span.start, span.end + len(after) - len(after.lstrip(" \t")))
    return _edit(span, begin + len(before.rstrip(" \t")), span.end) if before.strip() else ()


def _edit(span: Span, start: int, end: int) -> tuple[Edit, ...]:
    return (Edit(Span(span.source, start, end), ""),)


def _with_empty_parents(span: Span, start: int, end: int) -> tuple[int, int]:
    """In YAML a key without its only child would be null, which few readers take for empty: it goes, too."""
    text = span.source.text
    if not span.source.path.endswith((".yml", ".yaml")):
        return start, end
    depth = _depth(text[start:end])
    while start > 0:
        above = text.rfind("\n", 0, start - 1) + 1
        head, following = text[above:start], text[end : end + _NEAR].split("\n", 1)[0]
        only = not following.strip() or _depth(following) < depth
        if not only or not _KEY.fullmatch(head.rstrip()) or _depth(head) >= depth:
            break
        start, depth = above, _depth(head)
    return start, end


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
