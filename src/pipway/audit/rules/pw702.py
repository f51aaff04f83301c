"""pip refuses to start with this file.

What
----
A pip.conf has a line that is neither a key nor indented, a key or a section twice, a line before the first section,
or bytes that are no text.

Why
---
pip stops with "Configuration file could not be loaded" for every command. People then take the whole file away, also
the index of your own that it names.

Bad
---
    # pip.conf
    [global]
    trusted-host = a.corp
    b.corp

Good
----
    # pip.conf
    [global]
    trusted-host = a.corp
        b.corp
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.collect.variable_options import PIP_LISTS
from pipway.audit.facts import Note, Option, Project, Span
from pipway.findings import Severity

RULE = Rule(
    "PW702",
    "broken-pip-configuration",
    "File that makes pip refuse to start",
    Severity.HIGH,
    references=("pip: src/pip/_internal/configuration.py",),
)

_WHAT = {
    "unindented": "this line is neither a key nor indented",
    "duplicate-key": "this key is there twice",
    "duplicate-section": "this section is there twice",
    "no-section": "this line stands before the first section",
    "encoding": "there is a byte that is no text",
}
_ADVICE = {
    "unindented": "indent it if it belongs to the line above, or begin it with #",
    "duplicate-key": "leave one of them",
    "duplicate-section": "write the keys of both under one header",
    "no-section": "write [global] above it",
    "encoding": "save the file as UTF-8 without a byte order mark",
}


#: A value more is one more host that nobody proves, or one more place to install from; until then pip stops.
_OPENS = frozenset({"trusted-host", "extra-index-url", "find-links"})


def check(project: Project) -> Iterator[Found]:
    """What the collector found in files that pip may read."""
    unread = {note.span.source.path for note in project.of(Note) if note.what == "never-read"}
    options: dict[str, list[Option]] = {}
    for option in project.of(Option):
        if option.span.source.kind == "pip.conf":
            options.setdefault(option.span.source.path, []).append(option)
    for every in options.values():
        every.sort(key=_end)
    for note in project.of(Note):
        source = note.span.source
        if note.what in _WHAT and source.kind == "pip.conf" and source.path not in unread:
            yield Found(
                note.span,
                _WHAT[note.what],
                consequence="pip stops with “Configuration file could not be loaded”",
                advice=_ADVICE[note.what],
                repair=_repair(note, options.get(source.path, [])),
            )


def _end(option: Option) -> int:
    return option.span.end


def _repair(note: Note, options: Sequence[Option]) -> Repair | None:
    """A further value of a list is indented; the mark at the beginning goes. `options` of its file, in order."""
    if note.what == "encoding" and note.span.text == "\ufeff":
        return Repair("take the byte order mark away", (Edit(note.span, ""),), safe=True)
    above = bisect_right(options, note.span.start, key=_end)
    if note.what != "unindented" or not above or " " in note.span.text.strip():
        return None
    nearest = options[above - 1]
    if nearest.name not in PIP_LISTS:
        return None
    return Repair(
        f"make it a value of {nearest.name}",
        (Edit(Span(note.span.source, note.span.start, note.span.start), "    "),),
        safe=nearest.name not in _OPENS,
    )
