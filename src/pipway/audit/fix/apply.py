"""Carries out repairs: edits of several findings become one new text per file.

`cli/audit.py` calls `mended` and `write`; `--diff` shows what would be written. Nothing here decides what is safe:
findings say.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipway.audit.base import Found, Repair
from pipway.audit.facts import Source
from pipway.audit.fix.leftovers import Piece, applied, merged, settled, shifts
from pipway.clients.replace import put, state_of, target_of
from pipway.errors import UsageError

OTHERS = 0o077  #: permissions of the group and of everybody
_NEIGHBOURS = 4  # pieces before a place that are looked at whatever their ends


@dataclass(frozen=True, slots=True)
class Mended:
    """One file before and after."""

    source: Source
    after: str = field(repr=False)
    titles: tuple[str, ...] = ()  #: what was done
    closed: bool = False  #: its group and others may not read it any more


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one file."""

    path: str
    why_not: str = ""  #: "" when it was written


def write(root: Path, changed: Iterable[Mended], *, follow: bool = False) -> list[Written]:
    """Put the new texts in the place of the old ones. What changed meanwhile, or lies out of the root, stays."""
    done = []
    for each in changed:
        done.append(Written(each.source.path, _write(root, each, follow=follow)))
    return done


def _write(root: Path, each: Mended, *, follow: bool) -> str:
    before = each.source.text.encode("utf-8", "surrogateescape")
    try:
        target = target_of(root / each.source.path)
        if not follow and not target.is_relative_to(target_of(root)):
            return "a link leads out of the folder"
        state = replace(state_of(target), content=each.after.encode("utf-8", "surrogateescape"))
        if each.closed and state.mode is not None:
            state = replace(state, mode=state.mode & ~OTHERS)
        put(target, state, expected=before)
    except UsageError as error:
        return f"{error.what}: {error.why}" if error.why else error.what
    return ""


def mended(found: Iterable[Found], *, unsafe: bool) -> list[Mended]:
    """Every file that changes, by path.

    A repair whose edits overlap with those of one before it is refused whole: the next round sees what is left. Safe
    ones come before all others, so that an unsafe one never takes their place.
    """
    repairs = [each.repair for each in found if each.repair is not None and (each.repair.safe or unsafe)]
    files: dict[str, _Edited] = {}
    for repair in sorted(repairs, key=lambda repair: not repair.safe):
        _take(repair, files)
    changed = []
    for _, edited in sorted(files.items()):
        after = edited.after()
        if after != edited.source.text or edited.closed:
            changed.append(Mended(edited.source, after, tuple(edited.titles), edited.closed))
    return changed


def _take(repair: Repair, files: dict[str, _Edited]) -> None:
    """Add its edits to those that are made, unless one of them is in the way."""
    new: list[tuple[_Edited, Piece]] = []
    for edit in repair.edits:
        edited = files.setdefault(edit.span.source.path, _Edited(edit.span.source))
        piece = (edit.span.start, edit.span.end, edited.lines(edit.text))
        own = [other for its, other in new if its is edited]
        if piece in own or edited.has(piece):
            continue
        if edited.is_taken(piece) or any(_in_the_way(piece, other, edited.source.text) for other in own):
            return
        new.append((edited, piece))
    for edited, piece in new:
        insort(edited.pieces, piece)
    for edit in repair.edits:
        files[edit.span.source.path].titles[repair.title] = None
    if repair.closes is not None:
        edited = files.setdefault(repair.closes.path, _Edited(repair.closes))
        edited.titles[repair.title], edited.closed = None, True


@dataclass(slots=True)
class _Edited:
    """One file, and the edits of it that are made, in order."""

    source: Source
    pieces: list[Piece] = field(default_factory=list)
    titles: dict[str, None] = field(default_factory=dict)
    closed: bool = False

    def lines(self, new: str) -> str:
        """With the line ends of the file."""
        first = self.source.text.find("\n")
        crlf = first > 0 and self.source.text[first - 1] == "\r"
        return new.replace("\r\n", "\n").replace("\n", "\r\n") if crlf else new

    def has(self, piece: Piece) -> bool:
        """The same edit twice is one."""
        place = bisect_left(self.pieces, piece)
        return self.pieces[place : place + 1] == [piece]

    def is_taken(self, piece: Piece) -> bool:
        """Whether one of them is in the way. Their ends are in order as well, but for the blanks that they share."""
        place = bisect_left(self.pieces, piece)
        low, high = place, place
        while low > 0 and (place - low < _NEIGHBOURS or self.pieces[low - 1][1] >= piece[0]):
            low -= 1
        while high < len(self.pieces) and self.pieces[high][0] <= piece[1]:
            high += 1
        return any(_in_the_way(piece, other, self.source.text) for other in self.pieces[low:high])

    def after(self) -> str:
        """The new text, without what the edits leave over together."""
        text, pieces = self.source.text, merged(self.pieces)
        moved = shifts(pieces)
        gone = [(moved(start), text[start:end]) for start, end, new in pieces if not new]
        return settled(self.source.path, applied(text, pieces), gone)


def _in_the_way(one: Piece, other: Piece, text: str) -> bool:
    return _overlap(one, other) and not _blank(one, other, text)


def _blank(one: Piece, other: Piece, text: str) -> bool:
    """Both take away, and what both take are spaces: two options of one line have one between them."""
    shared = text[max(one[0], other[0]) : min(one[1], other[1])]
    return one[2] == other[2] == "" and not shared.strip()


def _overlap(one: Piece, other: Piece) -> bool:
    """Two insertions at one place have no order, so they overlap, too."""
    if one[0] == one[1] or other[0] == other[1]:
        return one[0] <= other[1] and other[0] <= one[1]
    return one[0] < other[1] and other[0] < one[1]
