"""The sources of a library do not reach whoever installs it.

What
----
A project that others install has sources of Poetry.

Why
---
They are Poetry's own and not in what is built. pip and every other installer look for the dependencies of your
library on the index that they know, PyPI: also for those that you keep elsewhere.

Bad
---
    # pyproject.toml
    [project]
    name = "ours"
    classifiers = ["Topic :: Software Development :: Libraries"]

    [build-system]
    requires = ["poetry-core"]
    build-backend = "poetry.core.masonry.api"

    [[tool.poetry.source]]
    name = "corp"
    url = "https://nexus.corp/simple"

Good
----
    # pyproject.toml
    [project]
    name = "ours"
    classifiers = ["Topic :: Software Development :: Libraries"]

    [build-system]
    requires = ["poetry-core"]
    build-backend = "poetry.core.masonry.api"
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Confidence, Found, Persona, Rule
from pipway.audit.facts import Index, Note, Project
from pipway.audit.queries.hosts import host, is_public
from pipway.findings import Severity

RULE = Rule(
    "PW208",
    "sources-do-not-travel",
    "Sources that do not reach pip",
    Severity.INFO,
    references=("poetry: docs/repositories.md, project configuration",),
)


def check(project: Project) -> Iterator[Found]:
    """One finding for each project; without classifiers it may be an application, so that only the pedantic see it."""
    first: dict[str, Index] = {}
    for index in project.of(Index):
        if index.tool == "poetry" and index.key == "tool.poetry.source" and not is_public(host(index.url)):
            first.setdefault(index.span.source.path, index)
    for note in project.of(Note):
        source = first.pop(note.span.source.path, None) if note.what == "project" else None
        if source is None or note.traits.get("package-mode") == "false" or "poetry" not in note.traits["build-backend"]:
            continue
        library = bool(note.traits.get("classifiers")) and "Private ::" not in note.span.source.text
        yield Found(
            source.url_span or source.span,
            "this source is not known to those who install the project",
            confidence=Confidence.MEDIUM if library else Confidence.LOW,
            persona=Persona.REGULAR if library else Persona.PEDANTIC,
            consequence="pip looks for its dependencies on PyPI, or wherever it is told to",
            advice="say in the documentation which index it needs, or give everybody one index with all of them",
        )
