"""A private source of Poetry comes behind PyPI.

What
----
A `supplemental` (or, of old, `secondary`) source on a private host stands beside PyPI, and no dependency names it.

Why
---
Poetry looks at such a source only for what PyPI does not have. Whoever takes the name of your project on PyPI is
asked instead of you.

Bad
---
    # pyproject.toml
    [[tool.poetry.source]]
    name = "corp"
    url = "https://nexus.corp/simple"
    priority = "supplemental"

Good
----
    # pyproject.toml
    [[tool.poetry.source]]
    name = "corp"
    url = "https://nexus.corp/simple"
    priority = "explicit"

    [tool.poetry.dependencies]
    ours = { version = "^1.0", source = "corp" }
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Confidence, Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Index, Project, Required
from pipway.audit.queries.hosts import host, is_private, is_public
from pipway.audit.queries.indexes import together
from pipway.audit.queries.logins import holds_secret
from pipway.findings import Severity

RULE = Rule(
    "PW206",
    "private-source-behind-pypi",
    "Private Poetry source that cannot win",
    Severity.HIGH,
    references=("poetry: docs/repositories.md, supplemental package sources",),
)

_BEHIND = frozenset({"supplemental", "secondary"})


def check(project: Project) -> Iterator[Found]:
    """Sources behind PyPI. Where dependencies name it, only what those need in turn may come from elsewhere."""
    sources = [index for index in project.of(Index) if index.tool == "poetry" and index.role != "upload"]
    for index in sources:
        name = host(index.url)
        if index.role not in _BEHIND or not (is_private(name, project.organisation) or holds_secret(index.url)):
            continue
        firsts = [each for each in sources if each.role in ("primary", "default") and together(each, index)]
        if firsts and not any(each.name.lower() == "pypi" or is_public(host(each.url)) for each in firsts):
            continue
        bound = [
            each
            for each in project.of(Required)
            if each.index == index.name and each.span.source.path == index.span.source.path
        ]
        yield Found(
            index.url_span or index.span,
            f"PyPI is asked before {name}",
            confidence=Confidence.MEDIUM if bound else Confidence.HIGH,
            persona=Persona.PEDANTIC if bound else Persona.REGULAR,
            consequence=f"Poetry takes from {name} only what nobody has uploaded to PyPI",
            advice='make it priority = "explicit", and write source = … at each of its projects, and at what they need',
            related=tuple((each.span, "is taken from it") for each in bound[:3]),
            repair=_repair(index) if bound else None,
        )


def _repair(index: Index) -> Repair | None:
    span = index.trait_spans.get("priority") or index.trait_spans.get("secondary")
    return Repair("ask it for what names it only", (Edit(span, 'priority = "explicit"'),)) if span else None
