"""Text taken out of a file, that knows where in the file each of its characters stands.

The shell parser and the collectors of files that hold commands work on it: a YAML block without its indentation, a
JSON string without its escapes, a RUN line without its continuations. Nothing here reads files or understands them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipway.audit.facts import Note, Source, Span

_HEX = {"x": 2, "u": 4, "U": 8}
_ESCAPES = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "\t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}


def cut(source: Source, what: str, place: int = 0) -> Note:
    """What a collector says where it stops reading, so that `run` can: of its file it has seen a beginning only."""
    return Note("cut", Span(source, place, place), what)


@dataclass(frozen=True, slots=True)
class Text:
    """Characters and, for each, the piece of the source it was written as: [starts[i], ends[i])."""

    source: Source = field(repr=False)
    text: str
    starts: Sequence[int] = field(repr=False)
    ends: Sequence[int] = field(repr=False)

    @classmethod
    def piece(cls, source: Source, start: int = 0, end: int | None = None) -> Text:
        """A piece of a source as it stands there; all of it by default."""
        end = len(source.text) if end is None else end
        return cls(source, source.text[start:end], range(start, end), range(start + 1, end + 1))

    @classmethod
    def joined(cls, source: Source, parts: Iterable[Text]) -> Text:
        """One text of several, in their order."""
        found = [part for part in parts if part.text]
        if len(found) == 1:
            return found[0]
        starts = [place for part in found for place in part.starts]
        ends = [place for part in found for place in part.ends]
        return cls(source, "".join(part.text for part in found), starts, ends)

    @classmethod
    def standing_for(cls, source: Source, text: str, start: int, end: int) -> Text:
        """Text whose characters have no places of their own: each stands for the whole piece."""
        return cls(source, text, [start] * len(text), [end] * len(text))

    def span(self, start: int = 0, end: int | None = None) -> Span:
        """The piece of the source that [start, end) of this text was written as."""
        end = len(self.text) if end is None else end
        if not self.text:
            return Span(self.source, 0, 0)
        if start >= len(self.text):
            return Span(self.source, self.ends[-1], self.ends[-1])
        if end <= start:
            return Span(self.source, self.starts[start], self.starts[start])
        return Span(self.source, self.starts[start], self.ends[end - 1])

    def cut(self, start: int, end: int) -> Text:
        """[start, end) of it."""
        return Text(self.source, self.text[start:end], self.starts[start:end], self.ends[start:end])

    def without(self, holes: Iterable[tuple[int, int]]) -> Text:
        """It without these pieces, which are given in their order."""
        parts, place = [], 0
        for start, end in holes:
            parts.append(self.cut(place, start))
            place = max(place, end)
        return Text.joined(self.source, [*parts, self.cut(place, len(self.text))]) if parts else self


def aligned(source: Source, value: str, start: int, end: int, escape: str = "") -> Text:
    """The places of what a parser made of source[start:end]: indentation, line folding and escapes are found again.

    `escape` is `"` for double quotes of YAML and JSON, `'` for single quotes of YAML. Where the two cannot be brought
    together, every character stands for the whole piece.
    """
    written = source.text
    if written[start:end] == value:
        return Text.piece(source, start, end)
    starts, ends, place = [], [], start
    for char in value:
        while place < end:
            meant, behind = _meant(written, place, escape)
            if meant == char or (char in " \n" and meant is not None and meant in "\r\n"):
                break
            if meant is not None and meant not in " \t\r\n":
                return Text.standing_for(source, value, start, end)
            place = behind
        else:
            return Text.standing_for(source, value, start, end)
        starts.append(place)
        ends.append(behind)
        place = behind
    return Text(source, value, starts, ends)


def _meant(written: str, place: int, escape: str) -> tuple[str | None, int]:
    """What stands for what: the character meant (None: a line that goes on), and where the next begins."""
    char = written[place]
    if escape == "'" and written[place : place + 2] == "''":
        return char, place + 2
    if escape != '"' or char != "\\":
        return char, place + 1
    kind = written[place + 1 : place + 2]
    if kind in _HEX:
        return _by_number(written, place, _HEX[kind])
    if kind in "\r\n":
        return None, place + 2
    return _ESCAPES.get(kind, kind), place + 2


def _by_number(written: str, place: int, length: int) -> tuple[str | None, int]:
    end = place + 2 + length
    try:
        number = int(written[place + 2 : end], 16)
        if 0xD800 <= number < 0xDC00 and written[end : end + 2] == "\\u":  # JSON's way beyond 16 bits
            number = 0x10000 + (number - 0xD800) * 0x400 + int(written[end + 2 : end + 6], 16) - 0xDC00
            end += 6
        return chr(number), end
    except (ValueError, OverflowError):
        return "\N{REPLACEMENT CHARACTER}", end
