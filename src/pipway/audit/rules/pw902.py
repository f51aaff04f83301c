"""A token that can publish, for ever.

What
----
A CI job uploads to PyPI with a password or a token that is kept as a secret of the CI.

Why
---
It works from anywhere until somebody takes it back: an action or a dependency that reads it once can publish in your
name years later. With Trusted Publishing the index gives the job a token of its own, for minutes, and only to this
repository and workflow.

Bad
---
    # .github/workflows/release.yml
    on: push
    jobs:
      release:
        runs-on: ubuntu-latest
        steps:
          - uses: pypa/gh-action-pypi-publish@release/v1
            with:
              password: ${{ secrets.PYPI_TOKEN }}

Good
----
    # .github/workflows/release.yml
    on: push
    jobs:
      release:
        runs-on: ubuntu-latest
        permissions:
          id-token: write
        steps:
          - uses: pypa/gh-action-pypi-publish@release/v1
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Index, Option, Project, Variable, Where
from pipway.audit.queries.hosts import host, is_public
from pipway.findings import Severity

RULE = Rule(
    "PW902",
    "long-lived-upload-token",
    "Long-lived upload token in CI",
    Severity.MEDIUM,
    references=("zizmor use-trusted-publishing",),
)
_TOKENS = re.compile(
    r"TWINE_PASSWORD|FLIT_PASSWORD|HATCH_INDEX_AUTH|PDM_PUBLISH_PASSWORD|UV_PUBLISH_(?:TOKEN|PASSWORD)"
    r"|POETRY_PYPI_TOKEN_PYPI|POETRY_HTTP_BASIC_PYPI_PASSWORD|MATURIN_PYPI_TOKEN"
)
_ACTION = "pypa/gh-action-pypi-publish"
_TRUSTED = frozenset({"github-workflow", "gitlab-ci"})  #: kinds of CI that PyPI trusts
_NAMES = frozenset({"pypi", "testpypi"})
_ELSEWHERE = frozenset({"repository-url", "repository_url", "repository"})


def check(project: Project) -> Iterator[Found]:
    """Variables and inputs of CI files; uploads elsewhere than to PyPI have no other way."""
    other = {
        index.span.source.path for index in project.of(Index) if index.role == "upload" and not _is_pypi(index.url)
    }
    other |= {
        option.span.source.path
        for option in project.of(Option)
        if option.name in _ELSEWHERE and option.tool in ("action", "twine") and not _is_pypi(option.value)
    }
    other |= {
        each.span.source.path
        for each in project.of(Variable)
        if each.name == "TWINE_REPOSITORY" and not _is_pypi(each.value)
    }
    for variable in project.of(Variable):
        source = variable.span.source
        if source.where is Where.CI and _TOKENS.fullmatch(variable.name) and _lasts(variable.value):
            yield _found(variable, variable.name, elsewhere=source.path in other)
    actions = [each for each in project.of(Option) if each.tool == "action" and each.section.startswith(f"{_ACTION}@")]
    away = {each.span.source.path for each in actions if each.name in _ELSEWHERE and not _is_pypi(each.value)}
    for option in actions:
        if option.name == "password":
            yield _found(option, "password", elsewhere=option.span.source.path in away)


def _lasts(value: str) -> bool:
    """A job's own token ends with the job."""
    return bool(value.strip()) and "CI_JOB_TOKEN" not in value and "github.token" not in value


def _is_pypi(repository: str) -> bool:
    """By name or URL; the hosts for uploads and for tests stand beside the index in the same domain."""
    if repository in _NAMES:
        return True
    name = host(repository)
    return any(is_public(name.removeprefix(prefix)) for prefix in ("", "upload.", "test."))


def _found(fact: Variable | Option, name: str, *, elsewhere: bool) -> Found:
    known = fact.span.source.kind in _TRUSTED
    return Found(
        fact.span,
        f"{name} is an upload token that does not expire",
        persona=Persona.REGULAR if known and not elsewhere else Persona.PEDANTIC,
        consequence="whoever reads it once can publish in your name until somebody takes it back",
        advice="use Trusted Publishing: name this workflow at the index, and give the job `id-token: write`",
    )
