"""Carries out repairs: edits of several findings become one new text per file.

`cli/audit.py` calls `mended` and `write`; `--diff` shows what would be written. Nothing here decides what is safe:
findings say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipway.audit.base import Found, Repair
from pipway.audit.facts import Source
from pipway.clients.replace import put, state_of, target_of
from pipway.errors import UsageError


@dataclass(frozen=True, slots=True)
class Mended:
    """One file before and after."""

    source: Source
    after: str = field(repr=False)
    titles: tuple[str, ...] = ()  #: what was done


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
        put(target, replace(state_of(target), content=each.after.encode("utf-8", "surrogateescape")), expected=before)
    except UsageError as error:
        return f"{error.what}: {error.why}" if error.why else error.what
    return ""


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
        for start, end, new in sorted(_merged(pieces), reverse=True):
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
        text = edit.span.source.text
        if any(_overlap(piece, other) and not _blank(piece, other, text) for other in others):
            return False
        new.setdefault(path, []).append(piece)
    for path, pieces in new.items():
        taken.setdefault(path, []).extend(pieces)
    return bool(repair.edits)


def _blank(one: Piece, other: Piece, text: str) -> bool:
    """Both take away, and what both take are spaces: two options of one line have one between them."""
    shared = text[max(one[0], other[0]) : min(one[1], other[1])]
    return one[2] == other[2] == "" and not shared.strip()


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    whole: list[Piece] = []
    for piece in sorted(pieces):
        last = whole[-1] if whole else None
        if last is not None and piece[0] < last[1]:
            whole[-1] = (last[0], max(last[1], piece[1]), "")
        else:
            whole.append(piece)
    return whole


def _overlap(one: Piece, other: Piece) -> bool:
    """Two insertions at one place have no order, so they overlap, too."""
    if one[0] == one[1] or other[0] == other[1]:
        return one[0] <= other[1] and other[0] <= one[1]
    return one[0] < other[1] and other[0] < one[1]
