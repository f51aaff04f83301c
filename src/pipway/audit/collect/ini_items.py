"""INI files with offsets: what `clients.ini` reads, as places in a source.

The collectors of pip.conf, .pypirc, setup.cfg and distutils' files use it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from pipway.audit.facts import Note, Source, Span
from pipway.clients.ini import Ini, Item, Kind, Part, Problem, plain

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEADER = re.compile(r"^[ \t]*\[(.+)\]", re.MULTILINE)

#: what a note calls each problem
PROBLEMS = {
    Kind.DUPLICATE_KEY: "duplicate-key",
    Kind.DUPLICATE_SECTION: "duplicate-section",
    Kind.NO_SECTION: "no-section",
    Kind.NO_KEY: "unindented",
    Kind.ENCODING: "encoding",
    Kind.TOO_LARGE: "unreadable",
}


@dataclass(frozen=True)
class IniText:
    """One file."""

    source: Source = field(repr=False)
    ini: Ini
    starts: tuple[int, ...]  #: of its lines
    ends: tuple[int, ...]  #: of its lines, without their ends

    def line(self, number: int) -> Span:
        """A line, without its end and its indentation; the end of the file for what is behind it."""
        if number > len(self.starts):
            return Span(self.source, len(self.source.text), len(self.source.text))
        start, end = self.starts[number - 1], self.ends[number - 1]
        text = self.source.text[start:end]
        return Span(self.source, start + len(text) - len(text.lstrip()), end)

    def item(self, item: Item) -> Span:
        """The key and its value, of all its lines."""
        start = self.starts[item.line - 1] + item.column - 1
        last = item.parts[-1] if item.parts else None
        return Span(
            self.source, start, self.part(last).end if last else start + len(self.line(item.line).text.rstrip())
        )

    def key(self, item: Item) -> Span:
        """The key alone."""
        start = self.starts[item.line - 1] + item.column - 1
        return Span(self.source, start, start + len(item.key))

    def part(self, part: Part) -> Span:
        """One line of a value."""
        start = self.starts[part.line - 1] + part.column - 1
        return Span(self.source, start, start + len(part.text))

    def value(self, item: Item) -> Span | None:
        """The value, when it is one line."""
        return self.part(item.parts[0]) if len(item.parts) == 1 else None

    def words(self, item: Item) -> Iterator[tuple[str, Span]]:
        """The words of a value, as pip splits its lists."""
        for part in item.parts:
            start = self.part(part).start
            for match in re.finditer(r"\S+", part.text):
                yield match.group(), Span(self.source, start + match.start(), start + match.end())

    def header(self, section: str) -> Span:
        """Where a section begins."""
        return self._headers.get(section, Span(self.source, 0, 0))

    @cached_property
    def _headers(self) -> dict[str, Span]:
        found: dict[str, Span] = {}
        for match in _HEADER.finditer(self.source.text):
            found.setdefault(match[1], Span(self.source, match.start(1) - 1, match.end(1) + 1))
        return found

    def notes(self) -> Iterator[Note]:
        """What configparser would stop at."""
        for problem in self.ini.problems:
            yield self.note(problem)

    def note(self, problem: Problem) -> Note:
        """One of them. Its text names the section and key, never a value."""
        traits = {"section": problem.section, "key": problem.key, "line": str(problem.line)}
        if problem.first:
            traits["first"] = str(problem.first)
        return Note(PROBLEMS[problem.kind], self.line(problem.line), problem.kind.value, traits)


def read(source: Source, normalised: Callable[[str], str] = plain) -> IniText:
    """A file; whatever is wrong with it is among its notes."""
    text = source.text
    shift = 1 if text.startswith("\ufeff") else 0
    found = [(match.start(), match.end()) for match in _LINE.finditer(text, shift)]
    ends = tuple(start + len(text[start:end].rstrip("\r\n")) for start, end in found)
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        content = text.encode("utf-8", "replace")
    return IniText(source, Ini(content, normalised), tuple(start for start, _ in found), ends)
