"""Repairs until nothing is left to repair: edits in each other's way wait for the next round.

`cli/audit.py` shows what comes out (`--diff`) or writes it (`--fix`), so that both say the same. It changes no file:
the tree is read as if the files were mended already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pipway.audit.base import Found
from pipway.audit.collect import HEAD, readers
from pipway.audit.facts import Note, Source
from pipway.audit.fix.apply import Mended, mended
from pipway.audit.run import collected
from pipway.audit.walk import Tree

MOST = 5  #: rounds

Look = Callable[[Mapping[str, str]], Sequence[Found]]  #: at files as if they had these texts, by their real paths


def finished(tree: Tree, first: Sequence[Found], look: Look, *, unsafe: bool) -> dict[str, Mended]:
    """Every file that changes, as it was and as it is in the end, by its real path. `first` is what is known."""
    done: dict[str, Mended] = {}
    found = first
    for _ in range(MOST):
        now: dict[str, Mended] = {}
        for each in mended(found, unsafe=unsafe):
            place = tree.place(each.source.path)
            # Two links lead to one file: the other one's turn is next.
            if place is not None and place not in now and _is_new(each, done.get(place)) and sound(tree, each):
                now[place] = each
        if not now:
            break
        for place, each in now.items():
            before = done.get(place, Mended(each.source, ""))
            titles = tuple(dict.fromkeys((*before.titles, *each.titles)))
            done[place] = Mended(before.source, each.after, titles, before.closed or each.closed)
        found = look({place: each.after for place, each in done.items()})
    changed = [(place, each) for place, each in done.items() if each.closed or each.after != each.source.text]
    return dict(sorted(changed, key=lambda item: item[1].source.path))


def _is_new(each: Mended, before: Mended | None) -> bool:
    """Permissions stay as they are until all is written: they are seen in every round."""
    return before is None or not before.closed or each.after != each.source.text


def sound(tree: Tree, each: Mended) -> bool:
    """Whether what could be read of the file can be read of it when it is mended. If not, it stays as it is."""
    return _unreadable(tree, each.source, each.after) <= _unreadable(tree, each.source, each.source.text)


def _unreadable(tree: Tree, source: Source, text: str) -> set[str]:
    """What cannot be read of a text in the place of a file's: the kinds of its collectors."""
    found = set()
    for collector in readers(source.path, lambda: text[:HEAD]):
        facts = collected(collector, replace(source, text=text, kind=collector.KIND), tree)
        found |= {collector.KIND for fact in facts if isinstance(fact, Note) and fact.what == "unreadable"}
    return found
