"""JSON, with comments and trailing commas where people write them, as nodes that know their places.

Collectors of notebooks, devcontainer.json and the JSON form of Dockerfile instructions use it. It never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipway.audit.collect.text import Text, aligned
from pipway.audit.facts import Source

DEEPEST = 60
_TOKEN = re.compile(r'\s+|//[^\n]*|/\*.*?\*/|"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"/]+|.', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(slots=True)
class Json:
    """A value. Strings have `text`, lists `items`, objects `pairs`."""

    kind: str  #: string, list, object, other
    start: int
    end: int
    raw: str = field(default="", repr=False)
    items: list[Json] = field(default_factory=list)
    pairs: list[tuple[str, Json]] = field(default_factory=list)

    def get(self, *keys: str) -> Json | None:
        """What stands below some keys."""
        now: Json | None = self
        for key in keys:
            now = next((value for name, value in now.pairs if name == key), None) if now else None
        return now

    @property
    def value(self) -> str:
        """A string's value, "" for anything else but numbers and the like."""
        return _unescaped(self.raw[1:-1]) if self.kind == "string" else self.raw

    def text(self, source: Source) -> Text:
        """A string with the places of its characters."""
        if self.kind != "string":
            return Text.piece(source, self.start, self.end)
        return aligned(source, self.value, self.start + 1, self.end - 1, '"')


def parse(text: str, start: int = 0, end: int | None = None) -> Json | None:
    """The value that stands there; None when there is none or it is nested too deep."""
    tokens = _tokens(text, start, len(text) if end is None else end)
    root = Json("list", start, start)
    stack, key = [root], ""
    keys: list[str] = []
    pending: Json | None = None
    for place, sign in tokens:
        top = stack[-1]
        if sign in "{[":
            node = Json("object" if sign == "{" else "list", place, place + 1)
            _add(top, key, node)
            stack.append(node)
            keys.append(key)
            key, pending = "", None
            if len(stack) > DEEPEST:
                return None
        elif sign in "}]":
            if len(stack) == 1:
                return None
            top.end = place + 1
            stack.pop()
            key, pending = keys.pop(), None
            if len(stack) == 1:
                break
        elif sign == ":":
            if pending is not None and top.kind == "object" and top.pairs:
                key = pending.value
                top.pairs.pop()
        elif sign != ",":
            pending = Json("string" if sign[0] == '"' and len(sign) > 1 else "other", place, place + len(sign), sign)
            _add(top, key, pending)
            key = ""
            if len(stack) == 1:
                break
    return root.items[0] if root.items and len(stack) == 1 else None


def _add(parent: Json, key: str, node: Json) -> None:
    if parent.kind == "object":
        parent.pairs.append((key, node))
    else:
        parent.items.append(node)


def _tokens(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    for found in _TOKEN.finditer(text, start, end):
        token = found.group()
        if not token.isspace() and not token.startswith(("//", "/*")):
            yield found.start(), token


def _unescaped(raw: str) -> str:
    if "\\" not in raw:
        return raw
    text = _ESCAPE.sub(_character, raw)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(found: re.Match[str]) -> str:
    escape = found.group(1)
    return chr(int(escape[1:], 16)) if len(escape) == 5 else _PLAIN.get(escape, escape)
