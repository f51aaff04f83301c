"""TOML files of other tools: what they say, and in which line.

Every client that reads TOML uses it, `toml_edits` changes what it read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipway.clients.ordinary_files import content
from pipway.findings import Place

Key = str | int
Keys = tuple[Key, ...]

BOM = "\ufeff"  #: at the beginning of files of some Windows editors; uv reads over it
LARGEST = 4 << 20  #: bytes; nobody's configuration is larger

_TOKEN = re.compile(
    r"""(?P<skip>\#[^\n]*|[ \t\r]+)
      | (?P<newline>\n)
      | (?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
      | (?P<bare>[A-Za-z0-9_-]+)
      | (?P<sign>.)""",
    re.DOTALL | re.VERBOSE,
)
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a file cannot be read."""

    reason: str  #: without anything of the file's values
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class TomlFile:
    """One file as it was read. A missing or broken one says nothing."""

    path: Path
    raw: bytes | None = field(default=None, repr=False)  #: None: it does not exist
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    broken: Broken | None = None
    lines: Mapping[Keys, int] = field(default_factory=dict, repr=False)

    def place(self, *keys: Key) -> Place:
        """Where a key is, or the nearest table that holds it."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return Place(str(self.path), self.lines[keys[:length]])
        return Place(str(self.path))

    def get(self, *keys: Key) -> Any:
        """What a key says; None when it is not there."""
        found: Any = self.data
        for key in keys:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def table(self, *keys: Key) -> Mapping[str, Any]:
        """A table, empty when there is none."""
        found = self.get(*keys)
        return found if isinstance(found, Mapping) else {}

    def tables(self, *keys: Key) -> list[tuple[int, Mapping[str, Any]]]:
        """The tables of an array of tables, each with its number."""
        found = self.get(*keys)
        return (
            [(n, item) for n, item in enumerate(found) if isinstance(item, Mapping)] if isinstance(found, list) else []
        )


def read(path: Path) -> TomlFile:
    """Read a file; whatever is wrong with it is in `broken`."""
    try:
        raw = content(path, LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return TomlFile(path)
    except OSError as error:
        return TomlFile(path, b"", broken=Broken(error.strerror or "it cannot be read"))
    return parse(path, raw)


def parse(path: Path, raw: bytes) -> TomlFile:
    """Take the bytes of a file."""
    if len(raw) > LARGEST:
        return TomlFile(path, raw, broken=Broken(f"it is larger than {LARGEST >> 20} MiB"))
    try:
        text = raw.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError as error:
        return TomlFile(path, raw, broken=Broken("it is not UTF-8", raw.count(b"\n", 0, error.start) + 1))
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        line, column = (int(at[1]), int(at[2])) if at and at[1] else (text.count("\n") + 1, None)
        return TomlFile(path, raw, broken=Broken(_AT.sub("", str(error)), line, column))
    except RecursionError:
        return TomlFile(path, raw, broken=Broken("it is nested too deeply"))
    return TomlFile(path, raw, data, lines=_lines(text))


@dataclass(slots=True)
class Statement:
    """A key with its value, or a header."""

    keys: Keys  #: from the top of the document, numbers for elements of arrays of tables
    words: list[str]  #: as it is written: a key's own parts, or a header's
    head: int  #: 0 for a key, 1 for a table, 2 for an element of an array of tables
    line: int
    start: int  #: offset where its line begins
    end: int  #: offset behind its last line
    value: tuple[int, int] = (0, 0)  #: offsets of the value


def statements(text: str) -> list[Statement]:
    """Everything that a document says, which must be right, in its order."""
    found = []
    table: Keys = ()
    arrays: dict[Keys, int] = {}
    for one in _scan(text):
        if not one.head:
            one.keys = _within(table, one.words, {})
        else:
            table = (*_within((), one.words[:-1], arrays), one.words[-1])
            if one.head == 2:
                arrays[table] = arrays.get(table, -1) + 1
                table = (*table, arrays[table])
            one.keys = table
        found.append(one)
    return found


def _within(table: Keys, words: Sequence[str], arrays: Mapping[Keys, int]) -> Keys:
    for word in words:
        table = (*table, word)
        if table in arrays:
            table = (*table, arrays[table])
    return table


def _scan(text: str) -> Iterator[Statement]:
    """The statements, without their full keys."""
    line, depth, now, value = 1, 0, Statement((), [], 0, 1, 0, 0), False
    for token in _TOKEN.finditer(text):
        kind, content = token.lastgroup, token.group()
        if kind == "newline" and depth == 0:
            now.end = token.end()
            if now.words:
                yield now
            now, value = Statement((), [], 0, line + 1, token.end(), 0), False
        elif kind in ("newline", "skip"):
            pass
        elif value:
            depth += (content in "[{") - (content in "]}") if kind == "sign" else 0
            now.value = (now.value[0] or token.start(), token.end())
        elif kind == "sign":
            now.head += content == "["
            value = content == "="
        else:
            now.words.append(content if kind == "bare" else str(tomllib.loads(f"key={content}")["key"]))
        line += content.count("\n")
    now.end = len(text)
    if now.words:
        yield now


def _lines(text: str) -> dict[Keys, int]:
    lines: dict[Keys, int] = {}
    for one in statements(text):
        for length in range(len(one.keys) - (len(one.words) if not one.head else 1), len(one.keys) + 1):
            lines.setdefault(one.keys[:length], one.line)
    return lines
