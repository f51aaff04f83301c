"""A hook installs whatever is newest.

What
----
`additional_dependencies` of a pre-commit hook name a project without a version.

Why
---
The hook itself is held by its `rev`, what is installed beside it is not: two people, or a person and CI, run different
code, and get different results.

Bad
---
    # .pre-commit-config.yaml
    repos:
      - repo: https://git.example/mirrors-mypy
        rev: v1.19.0
        hooks:
          - id: mypy
            additional_dependencies: [types-requests]

Good
----
    # .pre-commit-config.yaml
    repos:
      - repo: https://git.example/mirrors-mypy
        rev: v1.19.0
        hooks:
          - id: mypy
            additional_dependencies: [types-requests==2.32.4.20250913]
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Project, Required
from pipway.audit.queries.installs import is_pinned
from pipway.findings import Severity

RULE = Rule("PW605", "unpinned-hook-dependency", "Unpinned dependency of a hook", Severity.INFO)


def check(project: Project) -> Iterator[Found]:
    """Every one with a name; URLs are PW409's and PW410's."""
    for each in project.of(Required):
        if each.via == "pre-commit" and each.name and not each.url and not is_pinned(each):
            yield Found(
                each.span,
                f"the hook installs whatever {each.name} is newest",
                consequence="two machines run the hook with different code",
                advice=f"write one version: {each.name}==…",
            )
