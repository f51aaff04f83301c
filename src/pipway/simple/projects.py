"""The list of all projects: read piece by piece while it arrives, written piece by piece while it leaves.

The list of a large index has most of a million names, so nobody holds it whole: `index` feeds a reader, `web` joins
head, items and tail.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NoReturn, Protocol

import msgspec

from pipway.errors import BadUpstream
from pipway.simple.json_stream import ArrayReader, JsonStreamError
from pipway.simple.markup import tags
from pipway.simple.names import NAME_LIMIT, is_valid_name, normalize
from pipway.simple.negotiate import Form

#: Bytes of a whole list; the largest index's is a twentieth of it.
LIST_LIMIT = 1 << 30
#: Bytes of HTML between two ends of anchors.
_GAP_LIMIT = 256 << 10

_encode = msgspec.json.Encoder().encode


class _Reader(Protocol):
    def feed(self, data: bytes) -> list[str]: ...

    def close(self) -> list[str]: ...


class ProjectListReader:
    """Takes the bytes of a list as they come and gives the names in them, as the upstream writes them.

    Names that no project can have are left out. Memory stays within some hundred kilobytes beyond one piece.
    """

    def __init__(self, content_type: str) -> None:
        """Raises BadUpstream "unknown-type" when it is neither PEP 691 JSON nor HTML."""
        media_type = content_type.partition(";")[0].strip().lower()
        self._reader: _Reader
        self._left = LIST_LIMIT
        if media_type == Form.JSON.value:
            self._reader = _JsonList()
        elif media_type in (Form.HTML_V1.value, Form.HTML.value):
            self._reader = _HtmlList()
        else:
            raise _bad(f"it came as {media_type[:80]!r}", code="unknown-type")

    def feed(self, data: bytes) -> list[str]:
        """Give the names that became complete. BadUpstream when this is no list."""
        self._left -= len(data)
        if self._left < 0:
            raise _bad(f"it is longer than {LIST_LIMIT >> 20} MiB", code="too-big")
        return _valid(self._reader.feed(data))

    def close(self) -> list[str]:
        """Give the last names. BadUpstream when the list is truncated or was none."""
        return _valid(self._reader.close())


def list_head(form: Form) -> bytes:
    """What comes before the first name."""
    if form is Form.JSON:
        return b'{"meta":{"api-version":"1.0"},"projects":['
    return (
        b'<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset="utf-8">\n'
        b'    <meta name="pypi:repository-version" content="1.0">\n'
        b"    <title>Simple index</title>\n  </head>\n  <body>\n"
    )


def list_items(names: Sequence[str], form: Form, first: bool) -> bytes:
    """Some names, which must be valid; `first` says that none came before. Links are relative to `/simple/`."""
    if form is Form.JSON:
        items = b",".join([_encode({"name": name}) for name in names])
        return items if first or not names else b"," + items
    return "".join([f'    <a href="{normalize(name)}/">{html.escape(name)}</a><br>\n' for name in names]).encode()


def list_tail(form: Form) -> bytes:
    """What comes behind the last name."""
    return b"]}" if form is Form.JSON else b"  </body>\n</html>\n"


class _Item(msgspec.Struct):
    name: str


class _JsonList:
    """PEP 691: an object with `projects`, an array of objects with `name`."""

    def __init__(self) -> None:
        self._array = ArrayReader("projects")
        self._decode = msgspec.json.Decoder(list[_Item]).decode

    def feed(self, data: bytes) -> list[str]:
        return self._names(data, last=False)

    def close(self) -> list[str]:
        return self._names(b"", last=True)

    def _names(self, data: bytes, *, last: bool) -> list[str]:
        try:
            pieces = self._array.feed(data) if not last else self._array.close()
            return [item.name for piece in pieces for item in self._decode(piece)]
        except (JsonStreamError, msgspec.MsgspecError, ValueError) as error:
            _fail(str(error), error)
        except RecursionError as error:
            _fail("it is nested too deeply", error)


class _HtmlList:
    """PEP 503: one anchor per project, whose text is the project's name."""

    def __init__(self) -> None:
        self._pending = b""
        self._wait = 0
        self._begun = False

    def feed(self, data: bytes) -> list[str]:
        self._pending += data
        # Looking again only after it has doubled keeps the whole linear however small the pieces are.
        if len(self._pending) < self._wait:
            return []
        names = self._take()
        self._wait = 2 * len(self._pending)
        if len(self._pending) > _GAP_LIMIT:
            raise _bad(f"it has {_GAP_LIMIT >> 10} KiB without a link")
        return names

    def close(self) -> list[str]:
        names = self._take()
        if not self._begun:
            raise _bad("it is empty", code="truncated")
        rest = self._pending.lower()
        if rest.rfind(b"<") > rest.rfind(b">") or b"<a " in rest:
            raise _bad("it ends in the middle", code="truncated")
        return names

    def _take(self) -> list[str]:
        """Give the names up to the last anchor that has ended."""
        if not self._begun:
            self._begin()
        cut = max(self._pending.rfind(b"</a>"), self._pending.rfind(b"</A>")) + 4
        if cut < 4:
            return []
        text, self._pending = self._pending[:cut].decode(errors="replace"), self._pending[cut:]
        return [tag.text for tag in tags(text) if tag.name == "a"]

    def _begin(self) -> None:
        start = self._pending.removeprefix(b"\xef\xbb\xbf").lstrip()
        if start[:1] not in (b"<", b""):
            raise _bad("it was promised as HTML and does not begin like it", code="not-html")
        self._begun = bool(start)


def _valid(names: list[str]) -> list[str]:
    return [name for name in names if len(name) <= NAME_LIMIT and is_valid_name(name)]


def _bad(why: str, *, code: str = "bad-list") -> BadUpstream:
    return BadUpstream(
        code,
        "the upstream's list of projects cannot be read",
        why=why[:200],
        fix="pages of single projects work without it; check the upstream's address",
    )


def _fail(why: str, error: BaseException) -> NoReturn:
    raise _bad(why) from error
