"""INI files as Python's configparser reads them, with every value's place, changed without touching anything else.

Pure; the clients of pip, twine and setuptools use it. Comments, order, blank lines, line ends and a BOM stay. What
configparser would refuse is a `Problem` with its line; what can be read all the same is read.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEADER = re.compile(r"\[(.+)\]")
_KEY = re.compile(r"([^=:]*+)[=:]\s*+(.*)", re.DOTALL)
_INDENT = "    "
_DEFAULT = "DEFAULT"  # what stands there holds in every section
_MOST = 1 << 20  # bytes; more is no configuration


class Kind(StrEnum):
    """Why configparser stops."""

    DUPLICATE_KEY = "the key is there twice"
    DUPLICATE_SECTION = "the section is there twice"
    NO_SECTION = "a line before the first [section]"
    NO_KEY = "a line that is neither key = value nor indented"
    ENCODING = "bytes that are no UTF-8"
    TOO_LARGE = "the file is too large"


@dataclass(frozen=True, slots=True)
class Problem:
    """What configparser stops at."""

    kind: Kind
    line: int
    column: int = 1
    section: str = ""
    key: str = ""
    first: int = 0  #: the line in which it stood first, of what is there twice


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a value."""

    text: str = field(repr=False)
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Item:
    """One key with its value."""

    section: str
    key: str  #: as it is written
    name: str  #: normalised
    line: int
    column: int
    parts: tuple[Part, ...]  #: blank lines left out

    @property
    def value(self) -> str:
        """As configparser gives it, but for blank lines."""
        return "\n".join(part.text for part in self.parts)


@dataclass(slots=True)
class _Open:
    """An item that is being read."""

    section: str
    key: str
    line: int
    column: int
    parts: list[Part]


def plain(name: str) -> str:
    """configparser's own way with names of keys."""
    return name.lower()


class Ini:
    """One file. Changing it gives another one."""

    def __init__(self, content: bytes, normalised: Callable[[str], str] = plain) -> None:
        """`normalised` makes one name of the spellings of a key."""
        self._normalised = normalised
        self.problems: tuple[Problem, ...] = ()
        self.items: tuple[Item, ...] = ()
        self.bom, self.encoding, text = _decoded(content[: _MOST + 1])
        self._lines: list[str] = _LINE.findall(text)
        self._headers: list[tuple[str, int]] = []  # name, line
        if len(content) > _MOST:
            self.problems = (Problem(Kind.TOO_LARGE, 1),)
            self._lines = []
        self._read()

    @property
    def sections(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(dict.fromkeys(name for name, _ in self._headers))

    def find(self, section: str, key: str) -> Item | None:
        """The last one, which is the one that counts where duplicates are allowed."""
        name = self._normalised(key)
        return next((item for item in reversed(self.items) if (item.section, item.name) == (section, name)), None)

    def within(self, section: str) -> tuple[Item, ...]:
        """What holds in a section, that of [DEFAULT] first. Nothing for a section that is not there."""
        if section not in self.sections:
            return ()
        return tuple(item for item in self.items if item.section in (_DEFAULT, section))

    def line(self, number: int) -> str:
        """One line, 1-based, without its end."""
        return self._lines[number - 1].rstrip("\r\n")

    def set(self, section: str, key: str, value: str | Sequence[str]) -> Ini:
        """With this value; a sequence is written one below the other. ValueError for what cannot be written."""
        values = [value] if isinstance(value, str) else list(value)
        _check(section, key, values, several=not isinstance(value, str))
        item = self.find(section, key)
        several = not isinstance(value, str)
        if item is not None:
            return self._with(self._replaced(item, values, several=several))
        lines = list(self._lines)
        at, indent = self._end_of(section)
        new = self._written(f"{indent}{key} =", indent, values, several=several)
        if at is None:
            gap = [self._newline] if lines and lines[-1].strip() else []
            new, at = [*gap, f"[{section}]{self._newline}", *new], len(lines)
        self._end_line(lines, at)
        return self._with([*lines[:at], *new, *lines[at:]])

    def remove(self, section: str, key: str) -> Ini:
        """Without this key; comments between the lines of its value stay."""
        item = self.find(section, key)
        if item is None:
            return self
        gone = {item.line, *(part.line for part in item.parts)}
        return self._with([line for number, line in enumerate(self._lines, 1) if number not in gone])

    def indented(self, numbers: Sequence[int]) -> Ini:
        """With these lines indented, so that they continue what stands above them."""
        chosen = {*numbers}
        return self._with(
            [f"{_INDENT}{line.lstrip()}" if n in chosen else line for n, line in enumerate(self._lines, 1)]
        )

    def without(self, numbers: Sequence[int]) -> Ini:
        """Without these lines."""
        chosen = {*numbers}
        return self._with([line for n, line in enumerate(self._lines, 1) if n not in chosen])

    def without_empty(self, section: str) -> Ini:
        """Without the header of a section in which no key is left."""
        if any(item.section == section for item in self.items):
            return self
        return self.without([line for name, line in self._headers if name == section])

    def renamed(self, item: Item, key: str) -> Ini:
        """With another name for a key, where it stands."""
        lines = list(self._lines)
        old, start = lines[item.line - 1], item.column - 1
        lines[item.line - 1] = f"{old[:start]}{key}{old[start + len(item.key) :]}"
        return self._with(lines)

    def to_bytes(self, *, encoding: str = "", bom: bool | None = None) -> bytes:
        """The file; in its own encoding and with its own BOM unless told otherwise."""
        text = "".join(self._lines)
        wanted = encoding or self.encoding
        mark = codecs.BOM_UTF8 if wanted == "utf-8" else codecs.BOM_UTF16_LE if wanted == "utf-16-le" else b""
        if wanted == "utf-16-be":
            mark = codecs.BOM_UTF16_BE
        return (mark if (self.bom if bom is None else bom) else b"") + text.encode(wanted, "surrogateescape")

    def _with(self, lines: Sequence[str]) -> Ini:
        mark = "\ufeff" if self.bom else ""
        content = (mark + "".join(lines)).encode(self.encoding, "surrogateescape")
        return Ini(content, self._normalised)

    @property
    def _newline(self) -> str:
        first = next((line for line in self._lines if line.endswith(("\r", "\n"))), "\n")
        return "\r\n" if first.endswith("\r\n") else first[-1]

    def _end_line(self, lines: list[str], at: int) -> None:
        if at and not lines[at - 1].endswith(("\r", "\n")):
            lines[at - 1] += self._newline

    def _written(self, start: str, indent: str, values: Sequence[str], *, several: bool) -> list[str]:
        if several and len(values) > 1:
            rest = [f"{indent}{_INDENT}{value}{self._newline}" for value in values]
            return [f"{start}{self._newline}", *rest]
        return [f"{start} {values[0]}{self._newline}" if values[0] else f"{start}{self._newline}"]

    def _replaced(self, item: Item, values: Sequence[str], *, several: bool) -> list[str]:
        old = self._lines[item.line - 1]
        start = _KEY.fullmatch(old[item.column - 1 :].rstrip())
        assert start is not None  # it was read as one
        indent = old[: item.column - 1]
        sign = old[: item.column - 1 + start.start(2)].rstrip()
        gone = {part.line for part in item.parts} - {item.line}
        lines = []
        for number, line in enumerate(self._lines, 1):
            if number == item.line:
                lines += self._written(sign, indent, values, several=several)
                if not line.endswith(("\r", "\n")):
                    lines[-1] = lines[-1].rstrip("\r\n")
            elif number not in gone:
                lines.append(line)
        return lines

    def _end_of(self, section: str) -> tuple[int | None, str]:
        """After which line a new key goes, and how it is indented: as what is above it, so that it continues nothing,
        and at least as far as what comes after it, so that this does not continue it."""
        headers = [line for name, line in self._headers if name == section]
        if not headers:
            return None, ""
        items = [item for item in self.items if item.section == section]
        if not items:
            after = next((line for line in self._lines[headers[-1] :] if _says(line)), "")
            return headers[-1], after[: len(after) - len(after.lstrip())]
        last = items[-1]
        end = max(last.line, *(part.line for part in last.parts)) if last.parts else last.line
        return end, self._lines[last.line - 1][: last.column - 1]

    def _read(self) -> None:
        """As configparser's `_read`: a line is a comment, blank, a continuation, a header, a key, or nothing."""
        items: list[_Open] = []
        problems: list[Problem] = []
        section: str | None = None
        current: _Open | None = None
        depth = 0
        is_text = True
        seen: dict[tuple[str, str], int] = {}
        for number, line in enumerate(self._lines, 1):
            text = line.strip()
            if is_text and "\udc80" <= max(line, default="") <= "\udcff":
                is_text = False
                column = next(n for n, sign in enumerate(line, 1) if "\udc80" <= sign <= "\udcff")
                problems.append(Problem(Kind.ENCODING, number, column))
            if not _says(line):
                continue
            indent = len(line) - len(line.lstrip())
            if current is not None and indent > depth:
                current.parts.append(Part(text, number, indent + 1))
                continue
            depth = indent
            header = _HEADER.match(text)
            if header is not None:
                section, current = header[1], None
                self._headers.append((section, number))
                problems += _twice(seen, (section, ""), number, unless=section == _DEFAULT)
                continue
            if section is None:
                problems.append(Problem(Kind.NO_SECTION, number, indent + 1))
                break
            match = _KEY.fullmatch(text)
            if match is None or not match[1].rstrip():
                problems.append(Problem(Kind.NO_KEY, number, indent + 1, section, current.key if current else ""))
                continue
            parts = [Part(match[2].strip(), number, indent + 1 + match.start(2))] if match[2].strip() else []
            current = _Open(section, match[1].rstrip(), number, indent + 1, parts)
            items.append(current)
            problems += _twice(seen, (section, f"={self._normalised(current.key)}"), number)
        self.problems += tuple(problems)
        self.items = tuple(
            Item(item.section, item.key, self._normalised(item.key), item.line, item.column, tuple(item.parts))
            for item in items
        )


def _twice(
    seen: dict[tuple[str, str], int], what: tuple[str, str], number: int, *, unless: bool = False
) -> Iterator[Problem]:
    first = seen.setdefault(what, number)
    if first != number and not unless:
        section, key = what
        kind = Kind.DUPLICATE_KEY if key else Kind.DUPLICATE_SECTION
        yield Problem(kind, number, 1, section, key.removeprefix("="), first)


def _says(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith(("#", ";"))


def _decoded(content: bytes) -> tuple[bool, str, str]:
    """Whether there is a BOM, the encoding, the text."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark):
            try:
                return True, encoding, content[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                break
    bom = content.startswith(codecs.BOM_UTF8)
    return bom, "utf-8", content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def _check(section: str, key: str, values: Sequence[str], *, several: bool) -> None:
    wrong = not values or any(value != value.strip() or re.search(r"[\r\n\x00]", value) for value in values)
    if several and len(values) > 1:
        wrong = wrong or any(not _says(value) for value in values)
    if wrong or not re.fullmatch(r"[^\s=:\[\]#;][^=:\r\n]*", key) or key != key.strip():
        raise ValueError("it cannot be written so that it is read again")
    if not section.strip() or re.search(r"[\[\]\r\n]", section):
        raise ValueError("no name of a section")
