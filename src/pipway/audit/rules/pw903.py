"""A private project could be published by accident.

What
----
A project that is only yours, by the names the organisation owns or by the private index it uses, has no classifier
that begins with "Private ::".

Why
---
One `twine upload` or `uv publish` without an address, and the code is public for good. PyPI refuses every upload with
such a classifier.

Bad
---
    # pyproject.toml
    [project]
    name = "corp-billing"
    version = "1.0"

    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [tool.pipway.audit]
    owned = ["corp-billing"]

Good
----
    # pyproject.toml
    [project]
    name = "corp-billing"
    version = "1.0"
    classifiers = ["Private :: Do Not Upload"]

    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [tool.pipway.audit]
    owned = ["corp-billing"]
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Confidence, Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Index, Note, Project, Span
from pipway.audit.queries.hosts import host, is_private
from pipway.findings import Severity

RULE = Rule(
    "PW903",
    "publishable-private-project",
    "Private project may be published",
    Severity.LOW,
    references=("packaging.python.org: writing-pyproject-toml",),
)
_LINE = '"Private :: Do Not Upload"'


def check(project: Project) -> Iterator[Found]:
    """Projects that can be built; a private index alone is only a sign, and only pedants hear of it."""
    uses = {
        index.span.source.path
        for index in project.of(Index)
        if index.via == "file" and is_private(host(index.url), project.organisation)
    }
    lists = {note.span.source.path: note for note in project.of(Note) if note.what == "classifiers"}
    for note in project.of(Note):
        if note.what != "project" or not note.text or not _can_be_built(note):
            continue
        listed = lists.get(note.span.source.path)
        if "Private ::" in note.traits.get("classifiers", "") or (listed and "Private ::" in listed.span.text):
            continue
        owned = re.sub(r"[-_.]+", "-", note.text).lower() in project.organisation.owned
        if not owned and note.span.source.path not in uses:
            continue
        edits = _edits(note, listed)
        yield Found(
            note.span,
            f"nothing keeps {note.text} from being published",
            confidence=Confidence.HIGH if owned else Confidence.LOW,
            persona=Persona.REGULAR if owned else Persona.PEDANTIC,
            consequence="one upload without an address makes it public",
            advice=f"add the classifier {_LINE}",
            repair=Repair("let PyPI refuse it", edits, safe=True) if edits else None,
        )


def _can_be_built(note: Note) -> bool:
    off = "false" in (note.traits.get("package-mode", "").lower(), note.traits.get("package", "").lower())
    return bool(note.traits.get("build-backend")) and not off


def _edits(note: Note, listed: Note | None) -> tuple[Edit, ...]:
    source = note.span.source
    if listed is None:
        end = source.text.find("\n", note.span.end)
        if source.text[note.span.end : end if end >= 0 else None].strip(" \t\r\"'") or end < 0:
            return ()
        return (Edit(Span(source, end + 1, end + 1), f"classifiers = [{_LINE}]\n"),)
    if not listed.span.text.startswith("["):
        return ()
    start = listed.span.start + 1
    if listed.traits.get("several") == "true":
        return (Edit(Span(source, start, start), f"\n    {_LINE},"),)
    return (Edit(Span(source, start, start), _LINE + (", " if listed.span.text.strip("[] \t") else "")),)
