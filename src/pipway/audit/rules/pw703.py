"""pip does not know this key.

What
----
A pip.conf has a key, or a section, that pip has no option, or command, for: `extra-index-urls`, `trusted-hosts`.

Why
---
pip passes over it without a word. What somebody wanted to say does not hold. `_` and `-` are the same to pip.

Bad
---
    # pip.conf
    [global]
    timeouts = 20

Good
----
    # pip.conf
    [global]
    timeout = 20
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Confidence, Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Note, Option, Project
from pipway.clients.pip_options import normalised
from pipway.findings import Severity

RULE = Rule(
    "PW703",
    "unknown-pip-key",
    "Key that pip does not know",
    Severity.LOW,
    references=("pip: docs/html/topics/configuration.md, naming",),
)

#: With the right name these change neither what is installed, nor from where, nor who is trusted on the way.
_HARMLESS = frozenset(
    (
        *("timeout", "retries", "quiet", "verbose", "no-color", "progress-bar", "no-input", "require-virtualenv"),
        *("disable-pip-version-check", "no-python-version-warning", "no-cache-dir", "format", "default-timeout"),
    )
)
_SHOWN = 40  # characters of a name


def check(project: Project) -> Iterator[Found]:
    """Keys and sections. Without a name that was meant, it may be an option of a pip that is newer than this list."""
    for note in project.of(Note):
        if note.what not in ("unknown-key", "unknown-section") or note.span.source.kind != "pip.conf":
            continue
        kind, meant = note.what.removeprefix("unknown-"), note.traits.get("meant", "")
        name = note.text if len(note.text) <= _SHOWN and note.text.isprintable() else "this"
        yield Found(
            note.span,
            f"pip has no {'option' if kind == 'key' else 'command'} for the {kind} {name}",
            confidence=Confidence.HIGH if meant else Confidence.MEDIUM,
            persona=Persona.REGULAR if meant or kind == "key" else Persona.PEDANTIC,
            consequence="pip passes over it",
            advice=f"write {meant}" if meant else "delete it",
            repair=_repair(note, meant, project) if meant else None,
        )


def _repair(note: Note, meant: str, project: Project) -> Repair | None:
    """The name that was meant, unless that is there already: twice it would stop pip."""
    if note.what == "unknown-section":
        return None
    section = note.traits.get("section", "")
    same = [
        option
        for option in project.of(Option)
        if option.span.source.path == note.span.source.path and (option.section, option.name) == (section, meant)
    ]
    if same:
        return None
    safe = meant in _HARMLESS and _one_edit(normalised(note.text), meant)
    return Repair(f"write {meant}", (Edit(note.span, meant),), safe=safe)


def _one_edit(one: str, other: str) -> bool:
    """One sign too many, too few, or another."""
    if abs(len(one) - len(other)) > 1:
        return False
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    return longer[same + 1 :] == shorter[same + (len(one) == len(other)) :]
