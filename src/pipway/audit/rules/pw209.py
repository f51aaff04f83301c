"""PDM takes a project from any of its sources.

What
----
PDM has more than one source, PyPI among them as long as none is named so, and nothing says what comes from where.

Why
---
All sources of PDM are equal, as with pip: the highest version wins, wherever somebody uploaded it. Whoever takes the
name of your project on PyPI is chosen.

Bad
---
    # pyproject.toml
    [[tool.pdm.source]]
    name = "corp"
    url = "https://nexus.corp/simple"

Good
----
    # pyproject.toml
    [[tool.pdm.source]]
    name = "corp"
    url = "https://nexus.corp/simple"
    include_packages = ["ours-*"]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Index, Option, Project
from pipway.audit.queries.hosts import host, is_public
from pipway.audit.queries.indexes import added
from pipway.findings import Severity

RULE = Rule(
    "PW209",
    "equal-pdm-sources",
    "PDM sources of equal rank",
    Severity.HIGH,
    references=("pdm: docs/usage/config.md, configure the package indexes",),
)

_BOUND = frozenset({"include_packages", "exclude_packages"})


def check(project: Project) -> Iterator[Found]:
    """Sources of one file that are not PyPI and are not bound, unless PDM keeps to their order."""
    files: dict[str, list[Index]] = {}
    for index in project.of(Index):
        if index.tool == "pdm" and index.via == "file" and index.role in ("primary", "extra"):
            files.setdefault(index.span.source.path, []).append(index)
    options = [option for option in project.of(Option) if option.tool == "pdm"]
    if any(option.name == "respect-source-order" and option.value == "true" for option in options):
        return
    alone = any(option.name == "ignore-stored-index" and option.value == "true" for option in options)
    for sources in files.values():
        yield from _of_file(sources, project, alone=alone)


def _of_file(sources: Sequence[Index], project: Project, *, alone: bool) -> Iterator[Found]:
    first = next((index for index in sources if index.name == "pypi"), None)
    several = len(sources) > 1 or (first is None and not alone)
    if not several or (first is not None and _BOUND & set(first.traits)):
        return
    beside = (host(first.url) if first is not None else "PyPI") or "the first source"
    for index in sources:
        if index is first or _BOUND & set(index.traits) or is_public(host(index.url)):
            continue
        yield Found(
            index.url_span or index.span,
            f"{host(index.url) or 'a source'} and {beside if first or not alone else 'the others'} are equal for PDM",
            consequence="PDM takes the highest version of a project from either of them, whoever uploaded it there",
            advice="name its projects in include_packages, or write respect-source-order = true",
            repair=_repair(index, sorted(project.organisation.owned)),
        )


def _repair(index: Index, owned: Sequence[str]) -> Repair | None:
    if not owned or "url" not in index.trait_spans:
        return None
    names = ", ".join(f'"{name}"' for name in owned)
    return Repair("take our own projects from it only", added(index, f"include_packages = [{names}]"))
