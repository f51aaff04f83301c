"""Carries out repairs: edits of several findings become one new text per file.

`cli/audit.py` writes what comes out, `--diff` shows it. Nothing here reads rules or decides what is safe: findings say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipway.audit.base import Found, Repair
from pipway.audit.facts import Source


@dataclass(frozen=True, slots=True)
class Mended:
    """One file before and after."""

    source: Source
    after: str = field(repr=False)
    titles: tuple[str, ...] = ()  #: what was done


Piece = tuple[int, int, str]  #: from, to, what comes there


def mended(found: Iterable[Found], *, unsafe: bool) -> list[Mended]:
    """Every file that changes, by path.

    A repair whose edits overlap with those of one before it is refused whole: the next run sees what is left. Edits
    are made from the end, so that places stay what they are.
    """
    taken: dict[str, list[Piece]] = {}
    titles: dict[str, dict[str, None]] = {}
    sources: dict[str, Source] = {}
    for each in found:
        if each.repair is not None and (each.repair.safe or unsafe) and _take(each.repair, taken):
            for edit in each.repair.edits:
                sources.setdefault(edit.span.source.path, edit.span.source)
                titles.setdefault(edit.span.source.path, {})[each.repair.title] = None
    changed = []
    for path, pieces in sorted(taken.items()):
        text = sources[path].text
        for start, end, new in sorted(pieces, reverse=True):
            text = text[:start] + new + text[end:]
        if text != sources[path].text:
            changed.append(Mended(sources[path], text, tuple(titles[path])))
    return changed


def _take(repair: Repair, taken: dict[str, list[Piece]]) -> bool:
    """Add its edits to those that are made, unless one of them is in the way. The same edit twice is one."""
    new: dict[str, list[Piece]] = {}
    for edit in repair.edits:
        path, piece = edit.span.source.path, (edit.span.start, edit.span.end, edit.text)
        others = taken.get(path, []) + new.get(path, [])
        if piece in others:
            continue
        if any(_overlap(piece, other) for other in others):
            return False
        new.setdefault(path, []).append(piece)
    for path, pieces in new.items():
        taken.setdefault(path, []).extend(pieces)
    return bool(repair.edits)


def _overlap(one: Piece, other: Piece) -> bool:
    """Two insertions at one place have no order, so they overlap, too."""
    if one[0] == one[1] or other[0] == other[1]:
        return one[0] <= other[1] and other[0] <= one[1]
    return one[0] < other[1] and other[0] < one[1]
