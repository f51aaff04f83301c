"""Changes one key of a TOML file and nothing else: comments, order and spelling of the rest stay, byte for byte.

The clients call it for `Change`s; it writes no file. Lines are cut and put in by position, and tomlkit, which moves
comments when it edits a whole document, sees only the one statement that changes.
"""

from __future__ import annotations

import copy
import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit

from pipway.clients.toml_files import BOM, Broken, Key, Keys, Statement, TomlFile, statements
from pipway.errors import UsageError
from pipway.findings import Place

_COMMENTS = re.compile(r"(?:[ \t]*#[^\n]*\n)+(?=[ \t]*\r?\n|\Z)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class TomlEdit:
    """A file that is being changed."""

    def __init__(self, file: TomlFile) -> None:
        """UsageError when the file is broken."""
        if file.broken:
            raise unreadable(file, file.broken)
        self._file = file
        text = (file.raw or b"").decode("utf-8")
        self._mark = text[: text.startswith(BOM)]
        self._text = text.removeprefix(BOM)
        self._line = "\r\n" if re.match(r"[^\n]*\r\n", self._text) else "\n"
        self._wanted: Any = copy.deepcopy(dict(file.data))

    def get(self, *keys: Key) -> Any:
        """What a key says by now; None when it is not there."""
        found = self._wanted
        for key in keys:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def tables(self, *keys: Key) -> list[dict[str, Any]]:
        """An array of tables by now, empty when it is not there. UsageError when it is something else."""
        found = self.get(*keys)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise unreadable(self._file, Broken(f"{_dotted(keys)} is no array of tables"))
        return found

    def set(self, keys: Sequence[Key], value: object) -> None:
        """Give a key a value; tables that are missing are made."""
        keys = tuple(keys)
        found = self.get(*keys)
        if found == value and type(found) is type(value):
            return
        self._put(keys, value)
        for one in statements(self._text):
            if not one.head and one.keys == keys:
                self._replace(one.value, _written(value))
                return
            if not one.head and one.keys == keys[: len(one.keys)]:
                self._inside(one, keys, value)
                return
        if found is not None:
            raise unreadable(self._file, Broken(f"{_dotted(keys)} is a table"))
        self._insert(keys, value)

    def remove(self, keys: Sequence[Key]) -> None:
        """Take a key, or a table with all that is in it, away if it is there."""
        keys = tuple(keys)
        if self.get(*keys) is None:
            return
        del self.get(*keys[:-1])[keys[-1]]
        if isinstance(keys[-1], int) and not self.get(*keys[:-1]):
            self.remove(keys[:-1])
        known = statements(self._text)
        for one in known:
            if not one.head and len(one.keys) < len(keys) and one.keys == keys[: len(one.keys)]:
                self._inside(one, keys, None)
                return
        for one in reversed([one for one in known if one.keys[: len(keys)] == keys]):
            self._text = self._text[: one.start] + self._text[one.end :]

    def append(self, keys: Sequence[Key], values: Mapping[str, object]) -> None:
        """Add a table to an array of tables, in the form that the array has; made when missing."""
        keys = tuple(keys)
        for one in statements(self._text):
            if not one.head and one.keys == keys[: len(one.keys)]:
                count = len(self.get(*keys) or ())
                self._put((*keys, count), dict(values))
                self._inside(one, (*keys, count), dict(values))
                return
        self._put((*keys, len(self.get(*keys) or ())), dict(values))
        lines = [f"[[{_dotted(keys)}]]", *(f"{_dotted((key,))} = {_written(value)}" for key, value in values.items())]
        mine = [one for one in statements(self._text) if one.keys[: len(keys)] == keys]
        self._section(self._behind(mine[-1].end) if mine else len(self._text), lines)

    def result(self) -> bytes:
        """The new bytes, read again to be sure of them."""
        try:
            right = _pruned(tomllib.loads(self._text)) == _pruned(self._wanted)
        except tomllib.TOMLDecodeError:
            right = False
        if not right:
            raise unreadable(self._file, Broken("it is written in a way that cannot be changed safely"))
        return (self._mark + self._text).encode("utf-8")

    def _put(self, keys: Keys, value: object) -> None:
        """Into what the file shall say."""
        found = self._wanted
        for depth, (key, following) in enumerate(itertools.pairwise(keys), 1):
            if isinstance(found, dict):
                found = found.setdefault(str(key), [] if isinstance(following, int) else {})
            else:
                found = found[key]
            if not isinstance(found, list if isinstance(following, int) else dict):
                raise unreadable(self._file, Broken(f"{_dotted(keys[:depth])} is no table"))
        last = keys[-1]
        if isinstance(found, list) and last == len(found):
            found.append(copy.deepcopy(value))
        else:
            found[last] = copy.deepcopy(value)

    def _inside(self, one: Statement, keys: Keys, value: object) -> None:
        """Change what is inside the value of one statement: an inline table, an array."""
        document = tomlkit.parse(f"value = {self._text[slice(*one.value)]}")
        found: Any = document["value"]
        rest = keys[len(one.keys) :]
        for key in rest[:-1]:
            found = found[key]
        if value is None:
            del found[rest[-1]]
        elif isinstance(found, list) and rest[-1] == len(found):
            found.append(_inline(value))
        else:
            found[rest[-1]] = _inline(value)
        self._replace(one.value, tomlkit.dumps(document).removeprefix("value = "))

    def _insert(self, keys: Keys, value: object) -> None:
        """A new key: behind the last one of its table, else in a new table at the end."""
        table, known = keys[:-1], statements(self._text)
        header = next((n for n, one in enumerate(known) if one.head and one.keys == table), None)
        if header is None and table:
            dotted = [
                one
                for one in known
                if not one.head and one.keys[: len(table)] == table and len(one.keys) - len(one.words) < len(table)
            ]
            if not dotted:
                path = tuple(key for key in table if isinstance(key, str))
                self._section(len(self._text), [f"[{_dotted(path)}]", f"{_dotted(keys[-1:])} = {_written(value)}"])
                return
            words = dotted[-1].words
            above = len(dotted[-1].keys) - len(words)
            self._put_line(dotted[-1].end, f"{_dotted(keys[above:])} = {_written(value)}")
            return
        line = f"{_dotted(keys[-1:])} = {_written(value)}"
        first = 0 if header is None else header + 1
        body = []
        for one in known[first:]:
            if one.head:
                break
            body.append(one)
        if body:
            self._put_line(body[-1].end, line)
        elif header is not None:
            self._put_line(known[header].end, line)
        else:
            self._at_top(known, line)

    def _at_top(self, known: Sequence[Statement], line: str) -> None:
        """The first key outside of tables: above the first table and what is written over it."""
        if not known:
            self._put_line(len(self._text), line)
            return
        start = known[0].start
        while start and self._text.rfind("\n", 0, start - 1) + 1 < start:
            above = self._text.rfind("\n", 0, start - 1) + 1
            if not self._text[above:start].lstrip().startswith("#"):
                break
            start = above
        self._text = f"{self._text[:start]}{line}{self._line}{self._line}{self._text[start:]}"

    def _behind(self, at: int) -> int:
        """Behind the comments that stand right below a table; those right above the next one are its own."""
        match = _COMMENTS.match(self._text, at)
        return match.end() if match else at

    def _section(self, at: int, lines: Sequence[str]) -> None:
        """New lines with an empty one around them."""
        before, after = self._text[:at], self._text[at:]
        if before and not before.endswith("\n"):
            before += self._line
        if before and not before.endswith(("\n\n", "\n\r\n")):
            before += self._line
        if after and not after.startswith(("\n", "\r\n")):
            after = self._line + after
        self._text = before + "".join(line + self._line for line in lines) + after

    def _put_line(self, at: int, line: str) -> None:
        before = self._text[:at]
        if before and not before.endswith("\n"):
            before += self._line
        self._text = before + line + self._line + self._text[at:]

    def _replace(self, span: tuple[int, int], text: str) -> None:
        self._text = self._text[: span[0]] + text + self._text[span[1] :]


def _written(value: object) -> str:
    return str(_inline(value).as_string())


def _inline(value: object) -> Any:
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update(value)
        return table
    return tomlkit.item(value)


def _dotted(keys: Keys) -> str:
    return ".".join(str(key) if _BARE.fullmatch(str(key)) else _written(str(key)) for key in keys)


def _pruned(value: Any) -> Any:
    """Without empty tables and arrays: whether a header is left behind makes no difference to anybody."""
    if isinstance(value, dict):
        pruned = {key: _pruned(item) for key, item in value.items()}
        return {key: item for key, item in pruned.items() if item not in ({}, [])}
    return [_pruned(item) for item in value] if isinstance(value, list) else value


def unreadable(file: TomlFile, broken: Broken) -> UsageError:
    """A file that must not be touched before a person looked at it."""
    return UsageError(
        "unreadable-file",
        f"{Place(str(file.path), broken.line, broken.column)} cannot be changed",
        why=broken.reason,
        fix="repair the file, or move it away, and run the command again",
    )
