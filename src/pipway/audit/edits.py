"""Edits that rules make in many places: a statement or one of its values goes, and nothing is left over.

Rules call it for their repairs. It looks at the text around a span, and gives no edit where that would break the file.
"""

from __future__ import annotations

import re

from pipway.audit.base import Edit
from pipway.audit.facts import Span

#: What sets nothing any more when its only variable is gone.
_BARE = re.compile(r"(?i)\s*(?:ENV|ARG|export|set|-|RUN|\$env:)?\s*")


def removal(span: Span) -> tuple[Edit, ...]:
    """`span` goes: with its line when nothing else is there, with its comma in a list, with a space in a command."""
    text = span.source.text
    begin = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end
    before, after = text[begin : span.start], text[span.end : end]
    if span.start == span.end or (before.rstrip().endswith("\\") and not before.strip("\\ \t")):
        return ()
    if _BARE.fullmatch(before) and not after.strip():
        if _continued(text, begin):
            return ()  # the line before would go on into the next statement
        return (Edit(Span(span.source, begin, min(end + 1, len(text))), ""),)
    comma = re.match(r"[ \t]*,[ \t]*", after)
    if comma is not None:
        return (Edit(Span(span.source, span.start, span.end + comma.end()), ""),)
    if before.rstrip().endswith(","):
        start = begin + len(before.rstrip()) - 1
        return (Edit(Span(span.source, start, span.end), ""),)
    if after[:1] in {" ", "\t"}:
        return (Edit(Span(span.source, span.start, span.end + len(after) - len(after.lstrip(" \t"))), ""),)
    return (Edit(Span(span.source, begin + len(before.rstrip(" \t")), span.end), ""),) if before.strip() else ()


def _continued(text: str, begin: int) -> bool:
    return text[:begin].rstrip("\r\n").endswith("\\")
