"""A TOML document whose every value knows where it stands, those of lists and inline tables, too.

The collectors of pyproject.toml, uv.toml, Pipfile and their like read through it; rules and fixes need the places.
`tomllib` decides what is TOML; nothing here changes a file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from pipway.audit.facts import Note, Source, Span

Key = str | int

LARGEST = 1 << 20  #: characters; nobody's configuration is larger
_DEEPEST = 60  # lists within lists
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"{3}(?:\\.|[^\\])*?"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_OTHER = re.compile(r"[^\s,\]}#]+(?: \d[^\s,\]}#]*)?")  # a date and a time may have a space between them
#: tomllib takes the square of the parts of a key
_DOTTED = re.compile(r"""(?:\.[ \t]*["']?[A-Za-z0-9_-]{1,200}["']?[ \t]*){60}""")
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")


class Broken(Exception):
    """It is no TOML, or too much of it."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.offset = reason, offset


@dataclass(slots=True)
class Node:
    """A value. Offsets are the source's; `[start, end)` is the value, `[first, last)` what says it.

    That is the key with its value, the whole table with its header, or an element of a list with its comma.
    """

    source: Source = field(repr=False)
    kind: str  #: table, array, string, word (numbers, true, dates)
    start: int
    end: int
    first: int
    last: int
    text: str = field(default="", repr=False)  #: of a string or word, decoded
    table: dict[str, Node] = field(default_factory=dict, repr=False)
    items: list[Node] = field(default_factory=list, repr=False)

    @property
    def exact(self) -> Span | None:
        """Where `text` stands as it is; None when it is written with escapes, or is no text."""
        span = self.span
        return span if span.text == self.text else None

    @property
    def span(self) -> Span:
        """The value, without its quotes when it stands as it is."""
        written = self.source.text[self.start : self.end]
        if self.kind == "string" and written[1:-1] == self.text:
            return Span(self.source, self.start + 1, self.end - 1)
        return Span(self.source, self.start, self.end)

    @property
    def statement(self) -> Span:
        """What a fix removes."""
        return Span(self.source, self.first, self.last)

    def get(self, *keys: Key) -> Node | None:
        """What is below it; None when that is not there."""
        found: Node | None = self
        for key in keys:
            if found is None:
                return None
            if isinstance(key, int):
                found = found.items[key] if key < len(found.items) else None
            else:
                found = found.table.get(key)
        return found

    def pairs(self, *keys: Key) -> Iterator[tuple[str, Node]]:
        """The keys of a table below it, in their order."""
        found = self.get(*keys)
        if found is not None:
            yield from found.table.items()

    def each(self, *keys: Key) -> Iterator[Node]:
        """The elements of a list below it; a single value is one."""
        found = self.get(*keys)
        if found is not None:
            yield from found.items if found.kind == "array" else [found]

    def said(self, *keys: Key) -> str:
        """A string, number or truth below it, or the parts of a list with commas between them."""
        found = self.get(*keys)
        if found is None:
            return ""
        return ",".join(item.text for item in found.items) if found.kind == "array" else found.text


def read(source: Source) -> Node:
    """The whole document, as a table. Broken, when it is none."""
    text = source.text
    shift = 1 if text.startswith("\ufeff") else 0
    if len(text) > LARGEST:
        raise Broken("it is too large")
    deep = _DOTTED.search(text)
    if deep is not None:
        raise Broken("it is nested too deeply", deep.start())
    try:
        tomllib.loads(text[shift:])
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        raise Broken(str(error).partition(" (at ")[0], _offset(text, at) if at else len(text)) from None
    except (RecursionError, ValueError):
        raise Broken("it is nested too deeply or holds an impossible value") from None
    return _Reader(source, shift).document()


def read_or_note(source: Source) -> tuple[Node, list[Note]]:
    """The document; an empty one, and a note, when it cannot be read."""
    try:
        return read(source), []
    except Broken as error:
        place = min(error.offset, len(source.text))
        end = source.text.find("\n", place)
        span = Span(source, place, end if end >= 0 else len(source.text))
        empty = Node(source, "table", 0, 0, 0, 0)
        return empty, [Note("unreadable", span, _public(error.reason), MappingProxyType({"format": "TOML"}))]


def _public(reason: str) -> str:
    """tomllib's reasons may repeat a character or a key, never a value; bounded all the same."""
    return reason[:100]


def _offset(text: str, at: re.Match[str]) -> int:
    line, column = int(at[1]), int(at[2])
    place = 0
    for _ in range(line - 1):
        place = text.find("\n", place) + 1
    return place + column - 1


class _Reader:
    """Reads what tomllib has accepted, so that little can be wrong."""

    def __init__(self, source: Source, place: int) -> None:
        self._source, self._text, self._place = source, source.text, place

    def document(self) -> Node:
        text = self._text
        root = now = self._table(0, 0)
        while True:
            self._skip(_BLANK)
            start = self._place
            if start >= len(text):
                break
            if text[start] == "[":
                now = self._header(root, start)
            else:
                self._pair(now, _DEEPEST)
                now.end = now.last = max(now.last, self._place)
        root.end = root.last = len(text)
        return root

    def _table(self, start: int, end: int) -> Node:
        return Node(self._source, "table", start, end, start, end)

    def _header(self, root: Node, start: int) -> Node:
        several = self._text.startswith("[[", start)
        self._place = start + 1 + several
        keys = self._keys("]")
        self._place += 1 + several
        now = root
        for key in keys[:-1]:
            now = self._below(now, key, start)
        found = now.table.get(keys[-1])
        if several:
            if found is None:
                found = Node(self._source, "array", start, start, start, start)
                now.table[keys[-1]] = found
            item = self._table(start, self._place)
            found.items.append(item)
            found.end = found.last = self._place
            return item
        if found is None:
            found = now.table[keys[-1]] = self._table(start, self._place)
        found.start = found.first = start
        found.end = found.last = max(found.last, self._place)
        return found

    def _below(self, now: Node, key: str, start: int) -> Node:
        found = now.table.get(key)
        if found is None:
            found = now.table[key] = self._table(start, start)
        return found.items[-1] if found.kind == "array" and found.items else found

    def _keys(self, end: str) -> list[str]:
        """Up to `end`, which stays."""
        keys = []
        while True:
            self._skip(_SPACE)
            match = _STRING.match(self._text, self._place) or _BARE.match(self._text, self._place)
            if match is None:
                raise Broken("it cannot be read", self._place)
            keys.append(_decoded(match.group()) if match.re is _STRING else match.group())
            self._place = match.end()
            self._skip(_SPACE)
            sign = self._text[self._place : self._place + 1]
            if sign == end:
                return keys
            if sign != ".":
                raise Broken("it cannot be read", self._place)
            self._place += 1

    def _pair(self, now: Node, deep: int) -> None:
        first = self._place
        keys = self._keys("=")
        self._place += 1
        self._skip(_SPACE)
        value = self._value(deep)
        value.first, value.last = first, value.end
        for key in keys[:-1]:
            now = self._below(now, key, first)
            now.end = now.last = value.end
        now.table[keys[-1]] = value

    def _value(self, deep: int) -> Node:
        text, start = self._text, self._place
        if deep <= 0:
            raise Broken("it is nested too deeply", start)
        if text.startswith(("[", "{"), start):
            return self._several(start, deep)
        match = _STRING.match(text, start)
        if match is not None:
            self._place = match.end()
            return Node(self._source, "string", start, match.end(), start, match.end(), _decoded(match.group()))
        match = _OTHER.match(text, start)
        if match is None:
            raise Broken("it cannot be read", start)
        self._place = match.end()
        return Node(self._source, "word", start, match.end(), start, match.end(), match.group())

    def _several(self, start: int, deep: int) -> Node:
        is_array = self._text[start] == "["
        node = Node(self._source, "array" if is_array else "table", start, start, start, start)
        self._place = start + 1
        while True:
            self._skip(_BLANK)
            sign = self._text[self._place : self._place + 1]
            if sign in ("]", "}", ""):
                break
            if is_array:
                node.items.append(self._value(deep - 1))
            else:
                self._pair(node, deep - 1)
            self._skip(_BLANK)
            if self._text.startswith(",", self._place):
                self._place += 1
        self._place += 1
        node.end = node.last = self._place
        _with_commas(node)
        return node

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._place)
        if match is not None:
            self._place = match.end()


def _with_commas(node: Node) -> None:
    """What a fix removes of a list: the element, and one comma."""
    parts = node.items or list(node.table.values())
    for part, after in pairwise(parts):
        part.last = after.first
    if len(parts) > 1:
        parts[-1].first = parts[-2].end


def _decoded(written: str) -> str:
    if "\\" not in written and not written.startswith(('"""', "'''")):
        return written[1:-1]
    return str(tomllib.loads(f"key={written}")["key"])
