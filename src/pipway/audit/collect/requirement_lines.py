"""Requirements as text: one requirement with its name, URL, hashes; and a requirements file cut as pip cuts it.

The collectors of requirements files, projects and environments use it. Lines are joined, comments and options taken
off as pip's own `req_file` does; nothing is looked up, and no variable is expanded.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from pipway.audit.facts import Required, Source, Span

LONGEST = 1 << 16  #: characters of one line; more is no requirement
_LINE = re.compile(r"[^\n]*\n?")
_COMMENT = re.compile(r"(?:^|(?<=\s))#")
_COMMENT_LINE = re.compile(r"\s*#")
_OPTIONS = re.compile(r"(?:^|(?<=\s))--?[A-Za-z]")
_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\]|["'\\])+""", re.DOTALL)
_NAMED = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://|[^\s=<>!~]*/)|[A-Za-z+]+://")
_PATH = re.compile(r"[./~\\]|[A-Za-z]:[\\/]|file:|[\w.-]+[/\\]")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")
_DIGEST = re.compile(r"[#&](sha1|sha224|sha256|sha384|sha512|md5)=([^&\s]*)")
_SEPARATORS = re.compile(r"[-_.]+")


def name_of(text: str) -> str:
    """PEP 503's form."""
    return _SEPARATORS.sub("-", text).lower()


@dataclass(frozen=True, slots=True)
class Parts:
    """What one requirement says; offsets in its own text."""

    name: str
    specifier: str
    url: str = field(repr=False)
    marker: str
    hashes: tuple[tuple[str, str, int, int], ...]


def parts(text: str) -> Parts:
    """PEP 508, a URL, a path, or what pip would take for one of them."""
    start = len(text) - len(text.lstrip())
    named = _NAMED.match(text, start)
    if named is not None and text.startswith("@", named.end()):
        url, marker = _without_marker(text[named.end() + 1 :])
        return Parts(name_of(named[1]), "", url.strip(), marker, _digests(text))
    if _URL.match(text, start) or _PATH.match(text, start) or text.rstrip().endswith((".whl", ".zip", ".tar.gz")):
        url, marker = _without_marker(text)
        egg = _EGG.search(url)
        return Parts(name_of(egg[1]) if egg else "", "", url.strip(), marker, _digests(text))
    if named is None:
        return Parts("", "", "", "", ())
    specifier, _, marker = text[named.end() :].partition(";")
    return Parts(name_of(named[1]), specifier.strip().strip("()").strip(), "", marker.strip(), ())


def _without_marker(text: str) -> tuple[str, str]:
    url, found, marker = text.partition(" ;")
    if not found:
        url, _, marker = text.partition("; ")
    return url, marker.strip()


def _digests(text: str) -> tuple[tuple[str, str, int, int], ...]:
    return tuple((match[1], match[2], match.start(2), match.end(2)) for match in _DIGEST.finditer(text))


def required(
    span: Span, text: str, *, group: str = "", via: str = "project", index: str = "", editable: bool = False
) -> Required:
    """A requirement that is `text` and stands in `span`; hashes have exact places where it stands as it is."""
    said = parts(text)
    exact = span.end - span.start == len(text)
    hashes = tuple(
        (kind, digest, Span(span.source, span.start + start, span.start + end) if exact else span)
        for kind, digest, start, end in said.hashes
    )
    return Required(
        said.name,
        text.strip(),
        span,
        said.specifier,
        said.url,
        hashes,
        editable=editable,
        marker=said.marker,
        group=group,
        via=via,
        index=index,
    )


@dataclass(frozen=True)
class Word:
    """A word of a line's options, unquoted."""

    text: str = field(repr=False)
    start: int
    end: int


@dataclass(frozen=True)
class Line:
    """One line as pip sees it: continuations joined, comments gone."""

    source: Source = field(repr=False)
    text: str = field(repr=False)
    pieces: tuple[tuple[int, int], ...]  #: offset in `text`, offset in the source

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self.pieces]

    def offset(self, place: int) -> int:
        """Where in the source a place of the text is."""
        start, offset = self.pieces[max(0, bisect_right(self._starts, place) - 1)]
        return offset + place - start

    def span(self, start: int, end: int) -> Span:
        """A piece of the text, in the source."""
        first = self.offset(start)
        if len(self.pieces) == 1:
            return Span(self.source, first, first + max(0, end - start))
        return Span(self.source, first, max(first, self.offset(max(start, end - 1)) + (end > start)))

    @cached_property
    def split(self) -> int:
        """Where the options begin."""
        match = _OPTIONS.search(self.text)
        return match.start() if match else len(self.text)

    @property
    def requirement(self) -> str:
        """What stands before the options."""
        return self.text[: self.split].rstrip()

    def words(self) -> Iterator[Word]:
        """The words from the first option on."""
        for match in _WORD.finditer(self.text, self.split):
            yield Word(unquoted(match.group()), match.start(), match.end())


def unquoted(word: str) -> str:
    """Without quotes and escapes, as shlex does."""
    if not any(sign in word for sign in "\"'\\"):
        return word
    return re.sub(r'"((?:\\.|[^"\\])*)"|\'([^\']*)\'|\\(.)', lambda m: m[1] or m[2] or m[3] or "", word)


def lines(source: Source) -> Iterator[Line]:
    """pip's lines of a file; what is longer than LONGEST is left out."""
    held: list[tuple[int, str]] = []
    start = 1 if source.text.startswith("\ufeff") else 0
    size = 0
    for match in _LINE.finditer(source.text, start):
        raw = match.group()
        if not raw:
            break
        line = raw.rstrip("\r\n")
        comment = _COMMENT_LINE.match(line) is not None
        if line.endswith("\\") and not comment:
            size += len(line)
            if size <= LONGEST:
                held.append((match.start(), line.rstrip("\\")))
            continue
        if comment:
            line = ""
        if size + len(line) <= LONGEST and (held or line.strip()):
            yield from _joined(source, [*held, (match.start(), line)])
        held, size = [], 0
    if held:
        yield from _joined(source, held)


def _joined(source: Source, held: list[tuple[int, str]]) -> Iterator[Line]:
    text, pieces = "", []
    for offset, line in held:
        pieces.append((len(text), offset))
        text += line
    cut = _COMMENT.search(text)
    if cut is not None:
        text = text[: cut.start()]
    if text.strip():
        yield Line(source, text, tuple(pieces))
