"""Packages come from the index for tries.

What
----
TestPyPI is an index that something is installed from.

Why
---
Anybody takes any name there, also those of well-known projects, and nothing is checked. What is there under the name
of a dependency is installed.

Bad
---
    # install.sh
    pip install --extra-index-url https://test.pypi.example/simple/ ours

Good
----
    # install.sh
    pip install --no-deps --index-url https://test.pypi.example/simple/ ours
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Index, Option, Project
from pipway.audit.queries.indexes import cut, is_test
from pipway.findings import Severity

RULE = Rule(
    "PW214",
    "index-for-tries",
    "TestPyPI as a source",
    Severity.HIGH,
    references=("PyPI: the project dependencyconfusion",),
)

_NO_SOURCE = frozenset({"upload", "explicit"})


def check(project: Project) -> Iterator[Found]:
    """Every such index but those to publish to, explicit ones, and commands that leave dependencies out."""
    alone = {
        id(option.command)
        for option in project.of(Option)
        if option.name in ("no-deps", "no-dependencies") and option.command is not None
    }
    for index in project.of(Index):
        if index.role in _NO_SOURCE or "publish-url" in index.traits or not is_test(index.url, project.organisation):
            continue
        if index.command is not None and id(index.command) in alone:
            continue
        edits = cut(index.span, index.command) if index.role == "extra" and not index.traits else ()
        yield Found(
            index.url_span or index.span,
            "packages are installed from TestPyPI",
            consequence=f"{index.tool} takes dependencies from where anybody may take their names",
            advice="use it in a throw-away environment only, with --no-deps",
            repair=Repair("leave TestPyPI out", edits) if edits else None,
        )
