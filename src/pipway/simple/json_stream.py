"""One array of a JSON object, element by element, from bytes that come in pieces cut anywhere.

Used by `projects`. It finds where elements end and leaves their meaning to the caller; what it holds is one element
or one other member, bounded, so a list of any length passes through.
"""

from __future__ import annotations

import re
from enum import Enum, auto

import msgspec

#: Bytes of one element of the array.
ELEMENT_LIMIT = 64 << 10
#: Bytes of one member beside the array.
MEMBER_LIMIT = 1 << 20

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
#: As many flat objects as are complete, each with the comma behind it: nearly every element of nearly every list.
_FLAT_RUN = re.compile(rb'(?:\s*+\{(?:[^"{}\[\]]++|' + _STRING + rb")*+\}\s*+,)++", re.DOTALL)
_TOKEN = re.compile(_STRING + rb'|[\[\]{}]|"', re.DOTALL)
_SCALAR = re.compile(rb'[^\s,\[\]{}"]++(?=[\s,\]}])')
_GAP = re.compile(rb"\s*+")
_KEY = re.compile(rb"\s*+(" + _STRING + rb")\s*+:\s*+", re.DOTALL)


class JsonStreamError(ValueError):
    """The bytes are no JSON object with that array, or end too early."""


class _At(Enum):
    START = auto()
    KEY = auto()  # before a key or the object's end
    VALUE = auto()  # before the value of a key that is not wanted
    AFTER = auto()  # behind a member
    ELEMENT = auto()  # before an element or the array's end
    BEHIND = auto()  # behind an element
    END = auto()


class ArrayReader:
    """Finds the elements of the top-level member `key`, wherever it stands among the others."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._buffer = b""
        self._at = _At.START
        self._wait = 0
        self._found = False
        self._empty = True  # nothing yet in the object or array being read: a comma would be wrong

    def feed(self, data: bytes) -> list[bytes]:
        """Give JSON arrays of the elements that became complete. JsonStreamError, msgspec.MsgspecError."""
        self._buffer += data
        # Looking again only after it has doubled keeps the whole linear however small the pieces are.
        if len(self._buffer) < self._wait:
            return []
        return self._advance()

    def close(self) -> list[bytes]:
        """Give what was still waiting. JsonStreamError when the object has not ended or had no such array."""
        pieces = self._advance()
        if self._at is not _At.END:
            raise JsonStreamError("it ends in the middle")
        if not self._found:
            raise JsonStreamError(f"it has no {self._key!r}")
        return pieces

    def _advance(self) -> list[bytes]:
        steps = {
            _At.START: self._start,
            _At.KEY: self._member,
            _At.VALUE: self._value,
            _At.AFTER: self._after,
            _At.ELEMENT: self._element,
            _At.BEHIND: self._behind,
            _At.END: self._end,
        }
        pieces: list[bytes] = []
        position = 0
        while (after := steps[self._at](position, pieces)) is not None:
            position = after
        self._buffer = self._buffer[position:]
        self._wait = 2 * len(self._buffer)
        limit = ELEMENT_LIMIT if self._at is _At.ELEMENT else MEMBER_LIMIT
        self._bounded(len(self._buffer), limit)
        return pieces

    def _bounded(self, length: int, limit: int) -> None:
        if length > limit:
            raise JsonStreamError(f"a value in it is longer than {limit >> 10} KiB")

    # Each step starts at a position and gives the one behind what it took, None when more bytes are needed.

    def _start(self, position: int, pieces: list[bytes]) -> int | None:
        return self._one_of(position, {b"{": _At.KEY})

    def _member(self, position: int, pieces: list[bytes]) -> int | None:
        position = self._skip(position)
        if self._empty and self._buffer[position : position + 1] == b"}":
            self._at = _At.END
            return position + 1
        match = _KEY.match(self._buffer, position)
        if match is None or match.end() == len(self._buffer):
            self._expect(position, b'"')
            return None
        self._empty = False
        if msgspec.json.decode(match[1], type=str) != self._key:
            self._at = _At.VALUE
            return match.end()
        if self._buffer[match.end() : match.end() + 1] != b"[":
            raise JsonStreamError(f"its {self._key!r} is no array")
        self._at, self._found, self._empty = _At.ELEMENT, True, True
        return match.end() + 1

    def _value(self, position: int, pieces: list[bytes]) -> int | None:
        end = self._value_end(position)
        if end is not None:
            self._bounded(end - position, MEMBER_LIMIT)
            msgspec.json.decode(self._buffer[position:end], type=msgspec.Raw)
            self._at = _At.AFTER
        return end

    def _after(self, position: int, pieces: list[bytes]) -> int | None:
        return self._one_of(position, {b",": _At.KEY, b"}": _At.END})

    def _element(self, position: int, pieces: list[bytes]) -> int | None:
        run = _FLAT_RUN.match(self._buffer, position)
        if run is not None:
            pieces.append(b"[" + run[0].rstrip()[:-1] + b"]")
            self._empty = False
            return run.end()
        position = self._skip(position)
        if self._empty and self._buffer[position : position + 1] == b"]":
            self._at, self._empty = _At.AFTER, False
            return position + 1
        end = self._value_end(position)
        if end is not None:
            self._bounded(end - position, ELEMENT_LIMIT)
            pieces.append(b"[" + self._buffer[position:end] + b"]")
            self._at = _At.BEHIND
        return end

    def _behind(self, position: int, pieces: list[bytes]) -> int | None:
        self._empty = False
        return self._one_of(position, {b",": _At.ELEMENT, b"]": _At.AFTER})

    def _end(self, position: int, pieces: list[bytes]) -> int | None:
        position = self._skip(position)
        if position < len(self._buffer):
            raise JsonStreamError("something follows its end")
        return None

    def _skip(self, position: int) -> int:
        match = _GAP.match(self._buffer, position)
        return match.end() if match else position

    def _expect(self, position: int, wanted: bytes) -> None:
        there = self._buffer[position : position + 1]
        if there and there not in wanted:
            raise JsonStreamError(f"it has {there!r} where {wanted.decode()!r} belongs")

    def _one_of(self, position: int, following: dict[bytes, _At]) -> int | None:
        position = self._skip(position)
        there = self._buffer[position : position + 1]
        if not there:
            return None
        if there not in following:
            raise JsonStreamError(f"it has {there!r} where one of {b' '.join(following).decode()} belongs")
        self._at = following[there]
        return position + 1

    def _value_end(self, position: int) -> int | None:
        """Find the end of the JSON value that starts here, None when it is not complete."""
        first = self._buffer[position : position + 1]
        if first not in (b"[", b"{", b'"'):
            scalar = _SCALAR.match(self._buffer, position)
            return scalar.end() if scalar else None
        depth = 0
        for token in _TOKEN.finditer(self._buffer, position):
            kind = token[0]
            if kind == b'"':
                return None
            depth += (kind in b"[{") - (kind in b"]}")
            if depth == 0:
                return token.end()
        return None
