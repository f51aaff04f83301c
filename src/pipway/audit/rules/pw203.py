"""A uv index is asked for everything.

What
----
An index that has a few projects only, as PyTorch's or TestPyPI, is not `explicit`; or any index is not, while the
strategy is an unsafe one.

Why
---
uv asks such an index first, for every project. What somebody uploads there in the place of a project of PyPI is
installed; torchtriton was such a name.

Bad
---
    # pyproject.toml
    [[tool.uv.index]]
    name = "torch"
    url = "https://files.example/whl/cu128"

Good
----
    # pyproject.toml
    [[tool.uv.index]]
    name = "torch"
    url = "https://files.example/whl/cu128"
    explicit = true

    [tool.uv.sources]
    torch = { index = "torch" }
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Confidence, Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Index, Option, Project, Required
from pipway.audit.queries.hosts import host, is_loopback, is_private
from pipway.audit.queries.indexes import added, is_partial, unread_tables
from pipway.findings import Severity

_MOST = 3  # places of one kind
RULE = Rule(
    "PW203",
    "uv-index-not-explicit",
    "uv index that is not explicit",
    Severity.MEDIUM,
    references=("uv: concepts/indexes, pinning a package to an index",),
)


def check(project: Project) -> Iterator[Found]:
    """Tables of uv. A private index that is asked first is a matter of taste, so pedantic."""
    strategies = [
        option
        for option in project.of(Option)
        if option.name == "index-strategy" and option.value.strip().lower().startswith("unsafe-")
    ]
    unsafe = {option.span.source.path for option in strategies}
    stronger = [option for option in strategies if option.tool == "uv" and option.via in ("command", "variable")][
        :_MOST
    ]
    unread = unread_tables(project)
    for index in project.of(Index):
        if index.tool != "uv" or index.role != "extra" or "url" not in index.traits or is_loopback(host(index.url)):
            continue
        partial = is_partial(index.url, project.organisation)
        path = index.span.source.path
        if path in unread:
            continue
        above = stronger if path not in unsafe else []
        sure = partial or path in unsafe or bool(above)
        if not sure and not is_private(host(index.url), project.organisation):
            continue
        bound = [each for each in project.of(Required) if each.index and each.index == index.name]
        yield Found(
            index.trait_spans["url"],
            f"uv asks {host(index.url) or 'this index'} for every project",
            confidence=Confidence.HIGH if sure and not above else Confidence.MEDIUM if sure else Confidence.LOW,
            persona=Persona.REGULAR if sure else Persona.PEDANTIC,
            consequence="a project that somebody uploads there is installed in the place of PyPI's",
            advice="write explicit = true, and name its projects in [tool.uv.sources]",
            related=(
                *((each.span, "is taken from it") for each in bound[:_MOST]),
                *((each.span, "takes the best version of all indexes") for each in above),
            ),
            repair=_repair(index) if bound else None,
        )


def _repair(index: Index) -> Repair:
    said = index.trait_spans.get("explicit")
    edits = (Edit(said, "explicit = true"),) if said else added(index, "explicit = true")
    return Repair("ask it for its own projects only", edits)
