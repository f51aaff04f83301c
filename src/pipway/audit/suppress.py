"""Comments that say a finding is known: `# pipway: ignore[PW201] until=2027-03-01 reason`, in any comment syntax.

They hold for their own line, or, on a line of their own, for the next one with all that continues it. A finding with
several places is known when any of them says so. `run` takes the findings they name away;
PW001, PW002 and PW003 are about comments that are over, that do nothing, or that nobody understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from pipway.audit.base import Edit, Found, Repair
from pipway.audit.facts import Project, Source, Span

_SIGN = "pipway:"
#: a sign of any language's comments, then ours; possessive, so that a line of signs takes no time
_COMMENT = re.compile(
    r"(?im)(?:<?(?<!\#)\#++|(?<!/)//++|(?<!;);++|(?<!-)--++|/\*++|<!--++|%|(?<![^\s@])rem\b)[ \t]*+pipway:[ \t]*+ignore"
    r"(?:\[(?P<rules>[^\]\n]{0,400})\])?(?P<rest>[^\n]{0,2000})"
)
_LONGEST = 3000  # characters of a comment
_CONTINUED = re.compile(r"(?:\\|(?<=\s)`)[ \t\r]*\Z")
_MOST_LINES = 200  # of a statement
_UNTIL = re.compile(r"(?<!\S)until=(\S*)")
#: what ends a comment, or the string of a notebook that it stands in
_ENDS = re.compile(r"(?:(?<!\#)\#++>|(?<!\*)\*++/|(?<!-)--++>|\\n\",?|\",?)\Z")
_RULE = re.compile(r"PW\d{3}")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment."""

    span: Span  #: from its sign to the end of its line
    rules: tuple[str, ...]
    line: int  #: that it holds for
    alone: bool  #: nothing else stands in its line
    until: date | None = None
    reason: str = ""
    mistake: str = ""  #: why it is not understood
    last: int = 0  #: the last line of a statement that begins at `line` and goes on

    def covers(self, found: Found, rule: str, today: date) -> bool:
        """Whether it takes this finding away. A comment within a statement of several lines counts, too."""
        if self.mistake or rule not in self.rules or (self.until is not None and self.until < today):
            return False
        path = self.span.source.path
        held = self.lines
        return any(
            span.source.path == path and lines.start < held.stop and held.start < lines.stop
            for span in _spans(found)
            if (lines := _lines(span))
        )

    @property
    def lines(self) -> range:
        """Those that it holds for."""
        return range(self.line, max(self.line, self.last) + 1)


def _spans(found: Found) -> list[Span]:
    """All its places: a comment at any of them says that this finding is known."""
    return [found.span, *(span for span, _ in found.related)]


def _lines(span: Span) -> range:
    first, last = span.place.line or 1, span.source.place(max(span.start, span.end - 1)).line or 1
    return range(first, last + 1)


def suppressions(project: Project) -> list[Suppression]:
    """All of them, each file once."""
    files = {source.path: source for source in project.sources}
    return [found for source in files.values() if _SIGN in source.text.lower() for found in _in(source)]


def _in(source: Source) -> Iterator[Suppression]:
    waiting: list[Suppression] = []
    for match in _COMMENT.finditer(source.text):
        line = source.place(match.start()).line or 1
        begin = source.text.rfind("\n", 0, match.start()) + 1
        alone = not source.text[begin : match.start()].strip(' \t"')
        rest = _ENDS.sub("", match["rest"].rstrip()).rstrip()
        until, mistake = _until(rest)
        names = tuple(name.strip().upper() for name in (match["rules"] or "").split(",") if name.strip())
        if not names:
            mistake = "it names no rule"
        elif wrong := [name for name in names if not _RULE.fullmatch(name)]:
            mistake = f"{wrong[0][:40]} is no rule's id"
        span = Span(source, match.start(), match.start() + len(match[0].rstrip()))
        reason = _UNTIL.sub("", rest).strip(" \t:-")
        found = Suppression(span, names, line, alone, until, reason, mistake)
        if not alone:
            yield found
            continue
        waiting.append(found)
        after = source.text.find("\n", match.end()) + 1 or len(source.text)
        following = source.text[after : after + _LONGEST].split("\n", 1)[0].lstrip(" \t")
        if _COMMENT.match(following) is None:
            last = line + 1 + _continued(source.text, after, begin)
            yield from (replace(each, line=line + 1, last=last) for each in waiting)
            waiting = []
    yield from waiting


def _continued(text: str, start: int, comment: int) -> int:
    """By how many lines the statement that begins at `start` goes on; none where the comment stands within one."""
    if _ends_open(text, comment - 1):
        return 0
    more = 0
    while more < _MOST_LINES and (end := text.find("\n", start)) >= 0 and _ends_open(text, end):
        more, start = more + 1, end + 1
    return more


def _ends_open(text: str, end: int) -> bool:
    """Whether the line that ends there goes on in the next."""
    begin = max(text.rfind("\n", 0, max(end, 0)) + 1, end - _LONGEST)
    return end > 0 and bool(_CONTINUED.search(text[begin:end]))


def _until(rest: str) -> tuple[date | None, str]:
    said = _UNTIL.search(rest)
    if said is None:
        return None, ""
    try:
        return date.fromisoformat(said[1].rstrip(".,;:")), ""
    except ValueError:
        return None, "until= wants a date like 2027-03-01"


def covering(every: Iterable[Suppression], found: Iterable[tuple[str, Found]], today: date) -> list[list[Suppression]]:
    """For each finding, with its rule's id, the comments that take it away."""
    lines: dict[tuple[str, int], list[Suppression]] = {}
    for each in every:
        for line in each.lines:
            lines.setdefault((each.span.source.path, line), []).append(each)
    files = {path for path, _ in lines}
    taken: list[list[Suppression]] = []
    for rule, one in found:
        near = {
            id(each): each
            for span in _spans(one)
            if span.source.path in files
            for line in _lines(span)
            for each in lines.get((span.source.path, line), ())
        }
        taken.append([each for each in near.values() if each.covers(one, rule, today)])
    return taken


def removal(suppression: Suppression) -> Repair:
    """The comment goes, and with it a line that holds nothing else. JSON's lines stay: a comma may belong to them."""
    text, span = suppression.span.source.text, suppression.span
    begin = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end
    if suppression.alone and not text[begin : span.start].strip():
        where = Span(span.source, begin, min(end + 1, len(text)))
    else:
        start = begin + len(text[begin : span.start].rstrip(" \t"))
        where = Span(span.source, start, span.start + len(text[span.start : end].rstrip("\r")))
    edits = (
        ()
        if '"' in text[begin : span.start] or "*/" in where.text or "-->" in where.text or "#>" in where.text
        else (Edit(where, ""),)
    )
    return Repair("remove the comment", edits, safe=True)


def unused(every: Iterable[Suppression], used: set[int], ran: Iterable[str], today: date) -> Iterator[Suppression]:
    """Comments that took nothing away although all rules they name were asked; what is over is PW001's."""
    asked = set(ran)
    for suppression in every:
        over = suppression.until is not None and suppression.until < today
        if id(suppression) in used or over or suppression.mistake or not set(suppression.rules) <= asked:
            continue
        yield suppression
