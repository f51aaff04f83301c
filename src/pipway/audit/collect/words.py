"""Reads the words of a POSIX shell or bash: quotes, escapes, expansions, and what a known variable stands for.

`shell` builds commands of them. It reads and never runs anything; whatever is written, it ends in linear time.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipway.audit.collect.text import Text
from pipway.audit.facts import Span, Word

DEEPEST = 12  #: substitutions within substitutions; what is deeper is passed over
LONGEST = 4096  #: characters of a variable's value
_PLAIN = re.compile(r"[^\s;&|<>()'\"\\$`{#]+")
_IN_QUOTES = re.compile(r"[^\"\\$`]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_BRACED = re.compile(r"\$\{([A-Za-z_]\w*)(\[[@*]\])?(?:(:?[-=])([^${}`\"'\\]*))?\}")
_SPACES = re.compile(r"\s+")
_ARITHMETIC = re.compile(r"[()'\"\n]")


@dataclass(frozen=True, slots=True)
class Value:
    """What a variable holds, with places; an array holds several."""

    parts: tuple[Text, ...] = field(repr=False)
    array: bool = False


Variables = Mapping[str, Value | None]  #: None: it is set, nobody knows to what


@dataclass(slots=True)
class Token:
    """A word while it is read: its pieces, and where it stands in the shell's text."""

    start: int
    end: int
    pieces: list[Text] = field(default_factory=list, repr=False)
    known: bool = True
    quoted: bool = False
    elsewhere: Span | None = None  #: it comes out of a variable and stands where that was set

    @property
    def text(self) -> str:
        """As the shell would pass it on."""
        return "".join(piece.text for piece in self.pieces)

    def value(self, text: Text) -> Text:
        """With places."""
        return Text.joined(text.source, self.pieces)

    def word(self, text: Text) -> Word:
        """As a fact."""
        return Word(self.text, self.elsewhere or text.span(self.start, self.end), self.known)


@dataclass
class WordReader:
    """Reads one shell text from its beginning to its end. `shell` moves `at` on between words."""

    text: Text
    variables: dict[str, Value | None]
    opaque: Mapping[int, tuple[int, str]] = field(default_factory=dict)  #: templates: start → end, variable's name
    substituted: Callable[[str], None] = lambda _: None  #: reads commands up to a closing sign
    at: int = 0
    depth: int = 0
    in_backquotes: bool = False
    _no_arithmetic: int = 0  #: up to where it is known that no `((` is closed

    def word(self) -> list[Token]:
        """The word that begins here; several when a variable holds several."""
        token = Token(self.at, self.at)
        split: list[Text] | None = None
        text, size = self.text.text, len(self.text.text)
        while self.at < size:
            found = _PLAIN.match(text, self.at) if self.at not in self.opaque else None
            if found and (cut := self._before_template(found.end())) > self.at:
                token.pieces.append(self.text.cut(self.at, cut))
                self.at = cut
                continue
            before = self.at
            char = text[self.at]
            if char.isspace() or (char in ";&|<>()" and self.at not in self.opaque):
                break
            if char == "`" and self.in_backquotes:
                break
            several = self._part(token, char)
            if several and before == token.start:
                split = several
            elif several:
                token.pieces.append(Text.joined(self.text.source, several))
            if self.at == before:  # nothing that can be read
                self.at += 1
        token.end = self.at = min(self.at, size)
        if split is None:
            return [token]
        if token.pieces or len(split) == 1:
            token.pieces = [*split, *token.pieces]
            return [token]
        return [Token(token.start, token.end, [part], elsewhere=part.span()) for part in split]

    def _before_template(self, end: int) -> int:
        """Where a run of plain characters stops because a template begins in it."""
        if not self.opaque:
            return end
        starts = self._starts()
        index = bisect_left(starts, self.at)
        return min(end, starts[index]) if index < len(starts) else end

    def _starts(self) -> list[int]:
        if not hasattr(self, "_template_starts"):
            self._template_starts: list[int] = sorted(self.opaque)
        return self._template_starts

    def _part(self, token: Token, char: str) -> list[Text] | None:
        """One quoted piece, expansion or sign; several texts where an expansion gives them."""
        text, at = self.text.text, self.at
        if at in self.opaque or char in "$`":
            return self._expansion(token, quoted=False)
        if char == "\\":
            self._escaped(token)
        elif char == "'":
            end = text.find("'", at + 1)
            end = len(text) if end < 0 else end
            token.pieces.append(self.text.cut(at + 1, end))
            token.quoted, self.at = True, end + 1
        elif char == '"':
            return self._double(token)
        elif text.startswith("{{", at) and (end := text.find("}}", at, at + 200)) > 0:
            token.pieces.append(self.text.cut(at, end + 2))
            token.known, self.at = False, end + 2
        else:
            token.pieces.append(self.text.cut(at, at + 1))
            self.at += 1
        return None

    def _escaped(self, token: Token) -> None:
        text, at = self.text.text, self.at
        if text.startswith("\\\r\n", at):
            self.at += 3
        elif text.startswith("\\\n", at):
            self.at += 2
        else:
            token.pieces.append(self.text.cut(at + 1, at + 2))
            self.at += 2

    def _double(self, token: Token) -> list[Text] | None:
        text, size = self.text.text, len(self.text.text)
        self.at += 1
        token.quoted = True
        several: list[Text] | None = None
        while self.at < size and text[self.at] != '"':
            if text[self.at] == "`" and self.in_backquotes:
                return several
            if self.at not in self.opaque and (found := _IN_QUOTES.match(text, self.at)):
                cut = self._before_template(found.end())
                token.pieces.append(self.text.cut(self.at, cut))
                self.at = cut
                continue
            before = self.at
            if self.at in self.opaque or text[self.at] in "$`":
                found_several = self._expansion(token, quoted=True)
                if found_several and before == token.start + 1 and text.startswith('"', self.at):
                    several = found_several
                elif found_several:
                    token.pieces.append(Text.joined(self.text.source, found_several))
            elif text[self.at + 1 : self.at + 2] in ('"', "\\", "$", "`", "\n"):
                self._escaped(token)
            else:
                token.pieces.append(self.text.cut(self.at, self.at + 1))
                self.at += 1
            if self.at == before:
                self.at += 1
        self.at += 1
        return several

    def _expansion(self, token: Token, *, quoted: bool) -> list[Text] | None:
        """`$…`, backquotes or a template. Gives the texts when it is a variable with several."""
        text, at = self.text.text, self.at
        if at in self.opaque:
            self.at, name = self.opaque[at]
            return self._named(token, name, at, split=not quoted)
        if text[at] == "`":
            self._backquotes(token)
            return None
        if text.startswith("$(", at):
            self._substitution(token)
            return None
        if braced := _BRACED.match(text, at):
            self.at = braced.end()
            name, array, default = braced.group(1), bool(braced.group(2)), braced.group(4)
            if default and self.variables.get(name) is None:
                token.pieces.append(self.text.cut(braced.start(4), braced.end(4)))
                token.known = False
                return None
            return self._named(token, name, at, split=array or not quoted)
        if text.startswith("${", at):
            self._unknown(token, at, self._behind_brace(at + 2))
            return None
        if text.startswith("$[[", at) and (end := text.find("]]", at, at + 200)) > 0:  # a GitLab input
            self._unknown(token, at, end + 2)
            return None
        if not quoted and text.startswith(("$'", '$"'), at):
            self.at += 1
            if text[self.at] == '"':
                return self._double(token)
            self._ansi(token)
            return None
        if name_found := _NAME.match(text, at + 1):
            self.at = name_found.end()
            return self._named(token, name_found.group(), at, split=not quoted)
        token.pieces.append(self.text.cut(at, at + 1))
        self.at += 1
        return None

    def _unknown(self, token: Token, start: int, end: int) -> None:
        token.pieces.append(self.text.cut(start, end))
        token.known, self.at = False, end

    def _named(self, token: Token, name: str, start: int, *, split: bool) -> list[Text] | None:
        value = self.variables.get(name)
        if value is None:
            self._unknown(token, start, self.at)
            return None
        if value.array:
            return list(value.parts) if split else [Text.joined(self.text.source, value.parts)]
        if not split:
            token.pieces.extend(value.parts)
            return None
        parts = [part for text in value.parts for part in fields(text)]
        return parts or None

    def _ansi(self, token: Token) -> None:
        text, end = self.text.text, self.at + 1
        while end < len(text) and text[end] != "'":
            end += 2 if text[end] == "\\" else 1
        end = min(end, len(text))
        if "\\" in text[self.at : end]:
            token.known = False
        token.pieces.append(self.text.cut(self.at + 1, end))
        token.quoted, self.at = True, end + 1

    def _substitution(self, token: Token) -> None:
        start = self.at
        text = self.text.text
        if text.startswith("$((", start):
            return self._unknown(token, start, self.behind_arithmetic(start + 1))
        self.at += 2
        self._inner_commands(")")
        self._unknown(token, start, self.at)
        return None

    def behind_arithmetic(self, start: int) -> int:
        """Behind the `))` that closes the `((` here, in its line; behind the sign where none does."""
        if start < self._no_arithmetic:
            return start + 2
        open_ = 0
        for found in _ARITHMETIC.finditer(self.text.text, start, start + 2000):
            if found.group() not in "()":
                break
            open_ += 1 if found.group() == "(" else -1
            if not open_:
                return found.end()
        self._no_arithmetic = start + 2000
        return start + 2

    def _backquotes(self, token: Token) -> None:
        start = self.at
        self.at += 1
        self._inner_commands("`")
        self._unknown(token, start, self.at)

    def _inner_commands(self, closing: str) -> None:
        if self.depth >= DEEPEST:
            return
        before, self.in_backquotes = self.in_backquotes, closing == "`"
        self.depth += 1
        self.substituted(closing)
        self.depth -= 1
        self.in_backquotes = before

    def _behind_brace(self, at: int) -> int:
        """Behind the brace that closes `${`; a `}` in quotes does not."""
        text, size, open_ = self.text.text, len(self.text.text), 1
        limit = min(size, at + 2000)
        while at < limit:
            char = text[at]
            if char == "\\":
                at += 1
            elif char == "{":
                open_ += 1
            elif char == "}":
                open_ -= 1
                if not open_:
                    return at + 1
            elif char == "\n" and open_ == 1:
                return at
            at += 1
        return min(size, at)


def fields(text: Text) -> list[Text]:
    """Split at white space, as the shell does with a variable without quotes."""
    found, place = [], 0
    for gap in _SPACES.finditer(text.text):
        if gap.start() > place:
            found.append(text.cut(place, gap.start()))
        place = gap.end()
    if place < len(text.text):
        found.append(text.cut(place, len(text.text)))
    return found
