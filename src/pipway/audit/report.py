"""What is shown of an audit: each finding with its line, its caret and its fix, all of it without secrets.

`cli/audit.py` builds one and hands it to a module of `formats/`, which sees nothing else: no format can give away what
is not in here. `Report` is also what `--format json` writes and what its schema describes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal
from urllib.parse import unquote

from pipway.audit.base import Found, Repair
from pipway.audit.baseline import fingerprints
from pipway.audit.facts import Index, Locked, Option, Project, Required, Source, Span, Variable, Where
from pipway.audit.redact_arguments import hide_arguments
from pipway.audit.run import Result
from pipway.clients.diff import hide
from pipway.findings import Severity
from pipway.redact import HIDDEN

VERSION = 1  #: of what `--format json` writes; grows when a field changes its meaning or goes
WIDEST = 400  #: characters of a line that are shown
_WIDE = 1600  # characters of a line, or of a sentence, that are looked at: hiding takes long in a longer one

#: the password of a URL's login
_PASSWORD = re.compile(r"//[^/\s:@]*:([^/\s@]+)@")
#: names of options and variables whose values are secrets
_SECRET_NAME = re.compile(r"(?i)pass(word|wd|phrase)?$|token$|secret$|api[-_]?key$|(?:^|_)auth$")
_LONG = 8  #: characters from which a secret is hidden within other words, too
_LEAST = 4  # characters: what is shorter would hide every other word


@dataclass(frozen=True, slots=True)
class Region:
    """A piece of a file; lines and columns count characters from 1, the end is not in it."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    note: str = ""  #: what it has to do with a finding


@dataclass(frozen=True, slots=True)
class Snippet:
    """The line of a finding, and where the caret stands below it, in characters from 0."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Further(Region):
    """One more place of a finding: the cause may stand in one file and what makes it bad in another."""

    snippet: Snippet = field(default_factory=lambda: Snippet("", 0, 0))
    outside: bool = False  #: of no file of the audited tree: this machine's


@dataclass(frozen=True, slots=True)
class Replacement:
    """One edit of a fix."""

    region: Region
    text: str


@dataclass(frozen=True, slots=True)
class Fixing:
    """What `--fix`, or `--unsafe-fixes`, would do."""

    title: str
    safe: bool
    edits: tuple[Replacement, ...] = ()  #: none when they hold a secret


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding."""

    rule: str
    name: str
    title: str
    severity: Literal["info", "low", "medium", "high", "critical"]
    confidence: Literal["low", "medium", "high"]
    what: str
    consequence: str
    advice: str
    at: Region
    snippet: Snippet
    fingerprint: str
    outside: bool = False  #: of no file of the audited tree: this machine's
    related: tuple[Further, ...] = ()
    fix: Fixing | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """An audit."""

    findings: tuple[Entry, ...]
    files: int  #: that were read
    suppressed: int = 0  #: by comments
    baseline: int = 0  #: known from before
    skipped: tuple[str, ...] = ()  #: what was not looked at, and why
    tool: str = "pipway"
    tool_version: str = ""
    version: int = VERSION

    def worst(self) -> Severity | None:
        """The highest severity."""
        return max((Severity[entry.severity.upper()] for entry in self.findings), default=None)


Hide = Callable[[str], str]


@dataclass
class Veil:
    """Hides what configuration hides in its own ways, and every secret that a fact has, wherever it is repeated."""

    project: Project = field(repr=False)

    @cached_property
    def _secrets(self) -> re.Pattern[str] | None:
        found = sorted(set(_secrets(self.project)), key=lambda text: (-len(text), text))
        return re.compile("|".join(map(_whole, found))) if found else None

    def __call__(self, text: str) -> str:
        """`text` as it may be shown."""
        text, _ = _near(text, 0)
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        return hide(hide_arguments(text))


def _whole(secret: str) -> str:
    """A short one by itself only: a hole in every word that has it would tell what it is."""
    pattern = re.escape(secret)
    return pattern if len(secret) >= _LONG else rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"


def _secrets(project: Project) -> Iterator[str]:
    addressed: list[Index | Locked | Required] = [*project.of(Index), *project.of(Locked), *project.of(Required)]
    texts = [each.url for each in addressed if "@" in each.url]
    named: list[Option | Variable] = [*project.of(Option), *project.of(Variable)]
    for each in named:
        if "@" in each.value:
            texts.append(each.value)
        literal = not re.search(r"[$%{]", each.value) and each.value.lower() not in {"true", "false", "none", "keyring"}
        if _SECRET_NAME.search(each.name) and literal and len(each.value) >= _LEAST:
            yield each.value
    for text in texts:
        for password in _PASSWORD.findall(text):
            if len(password) >= _LEAST and not re.match(r"\$|%\(|\{", password):
                yield password
                yield unquote(password)


def entries(results: Sequence[Result], project: Project) -> list[Entry]:
    """What is shown of each finding, in their order."""
    veil = Veil(project)
    marks = fingerprints((result.rule.id, result.found) for result in results)
    return [_entry(result, mark, veil) for result, mark in zip(results, marks, strict=True)]


def _entry(result: Result, mark: str, veil: Hide) -> Entry:
    found = result.found
    return Entry(
        rule=result.rule.id,
        name=result.rule.name,
        title=result.rule.title,
        severity=result.severity.name.lower(),  # type: ignore[arg-type]
        confidence=found.confidence.value,
        what=veil(found.what),
        consequence=veil(found.consequence),
        advice=veil(found.advice),
        at=region(found.span),
        snippet=snippet(found.span, veil),
        fingerprint=mark,
        outside=_is_outside(found.span),
        related=tuple(_related(found, veil)),
        fix=None
        if found.repair is None or not (found.repair.edits or found.repair.closes)
        else _fixing(found.repair, veil),
    )


def _related(found: Found, veil: Hide) -> Iterable[Further]:
    for span, text in found.related:
        at = region(span, veil(text))
        yield Further(
            at.path, at.line, at.column, at.end_line, at.end_column, at.note, snippet(span, veil), _is_outside(span)
        )


def _is_outside(span: Span) -> bool:
    """Whether it is in no file of the tree: this machine's, or in a version that was once committed."""
    return span.source.where is Where.MACHINE or bool(span.source.commit)


def _fixing(repair: Repair, veil: Hide) -> Fixing:
    edits = tuple(Replacement(region(edit.span), edit.text) for edit in repair.edits)
    shown = all(veil(edit.text) == edit.text for edit in edits)
    return Fixing(veil(repair.title), repair.safe, edits if shown else ())


def named(path: str) -> str:
    """A file's name in one line of text, whatever it is made of."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in path)


def readable(path: str) -> str:
    """A file's name as text: a byte that is no UTF-8 is written \\xff."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def region(span: Span, note: str = "") -> Region:
    """Where a span is."""
    start, end = span.place, span.source.place(max(span.start, span.end))
    return Region(span.source.path, start.line or 1, start.column or 1, end.line or 1, end.column or 1, note)


def snippet(span: Span, veil: Hide) -> Snippet:
    """The first line of a span as it may be shown; the caret moves with what is hidden before it."""
    source: Source = span.source
    begin = source.text.rfind("\n", 0, span.start) + 1
    end = source.text.find("\n", span.start)
    line = source.text[begin : len(source.text) if end < 0 else end].rstrip("\r")
    start, stop = span.start - begin, min(max(span.end, span.start + 1) - begin, len(line))
    line, cut = _near(line, start)
    start, stop = start - cut, min(stop - cut, len(line))
    stop = start + len(line[start:stop].rstrip()) or start
    shown = veil(line)
    first, last = _moved(start, line, shown), _moved(max(stop, start), line, shown, ending=True)
    return _window(Snippet(shown, first, max(last, first + 1)))


def _near(line: str, place: int) -> tuple[str, int]:
    """What stands around a place of a line without end, and how much before it is gone. No half of a login stays."""
    if len(line) <= _WIDE:
        return line, 0
    first, last = max(0, place - _WIDE // 2), min(len(line), place + _WIDE // 2)
    sign = line.find("@", first, place) if first else -1
    if sign >= 0 and "//" not in line[first:sign]:
        first = sign + 1
    begun = line.rfind("//", place, last)
    if last < len(line) and begun >= 0 and "@" not in line[begun:last]:
        last = begun
    return line[first:last], first


def _moved(place: int, line: str, shown: str, *, ending: bool = False) -> int:
    """Where a place of `line` is in what is shown of it: counted from the end that is the same in both. Within what is
    hidden that is its beginning, or its end."""
    if line == shown:
        return place
    most = min(len(line), len(shown))
    same = next((at for at in range(most) if line[at] != shown[at]), most)
    if place <= same:
        return place
    tail = next((at for at in range(most - same) if line[-1 - at] != shown[-1 - at]), most - same)
    if len(line) - place <= tail:
        return len(shown) - (len(line) - place)
    return len(shown) - tail if ending else same


def _window(whole: Snippet) -> Snippet:
    """A line without end is cut around what is marked."""
    if len(whole.text) <= WIDEST:
        return whole
    first = max(0, min(whole.start - WIDEST // 4, len(whole.text) - WIDEST))
    text = whole.text[first : first + WIDEST]
    return Snippet(text, whole.start - first, min(whole.end - first, len(text)))
