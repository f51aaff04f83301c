"""Constraints that builds no longer see.

What
----
`PIP_CONSTRAINT`, or `--constraint`, names a file of constraints for build dependencies.

Why
---
Until 26.1 pip handed it on to the isolated environments in which it builds; since 26.2 it does not. The versions of
setuptools and of other build tools are not held any more, without a word. `PIP_BUILD_CONSTRAINT` does that.

Bad
---
    # Dockerfile
    ENV PIP_CONSTRAINT=/build-constraints.txt

Good
----
    # Dockerfile
    ENV PIP_BUILD_CONSTRAINT=/build-constraints.txt
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from pipway.audit.base import Confidence, Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Option, Project, Required, Span
from pipway.audit.queries.installs import setting
from pipway.findings import Severity

RULE = Rule(
    "PW411",
    "build-constraint-by-constraint",
    "PIP_CONSTRAINT for build dependencies",
    Severity.MEDIUM,
    references=("pip: NEWS 25.3 and 26.2, pull request 14094",),
)
_BACKENDS = frozenset(
    {
        *("setuptools", "setuptools-scm", "setuptools-rust", "wheel", "hatchling", "hatch-vcs", "flit-core"),
        *("poetry-core", "pdm-backend", "meson-python", "maturin", "scikit-build-core", "cython", "cffi", "pybind11"),
    }
)
_WORD = re.compile(r"PIP_CONSTRAINT|--constraint|-c(?=\s)")


def check(project: Project) -> Iterator[Found]:
    """Constraints that are for builds by their name; other PIP_CONSTRAINTs may have been, and only pedants hear."""
    named, files = setting(project, "PIP_BUILD_CONSTRAINT"), _of_builds(project)
    for option in project.of(Option):
        if option.tool != "pip" or option.name != "constraint" or option.via not in ("variable", "command"):
            continue
        path = PurePosixPath(option.value)
        build = "build" in path.name.lower() or path.name in files
        variable = option.via == "variable"
        if not (build or variable) or (variable and option.span.source.path in named):
            continue
        yield Found(
            option.span,
            f"{option.key} does not hold the versions of build dependencies",
            confidence=Confidence.HIGH if build else Confidence.LOW,
            persona=Persona.REGULAR if build else Persona.PEDANTIC,
            consequence="pip 26.2 and later build with the newest versions of build dependencies",
            advice="name the file with PIP_BUILD_CONSTRAINT or --build-constraint",
            repair=_repair(option) if build else None,
        )


def _of_builds(project: Project) -> frozenset[str]:
    """Names of the files that hold nothing but what builds need."""
    names: dict[str, set[str]] = {}
    for each in project.of(Required):
        if each.via == "requirements":
            names.setdefault(each.span.source.path, set()).add(each.name)
    return frozenset(PurePosixPath(path).name for path, every in names.items() if every <= _BACKENDS)


def _repair(option: Option) -> Repair | None:
    span = option.span
    found = _WORD.search(span.text)
    if found is None or (option.command is not None and option.command.listed):
        return None
    name = "PIP_BUILD_CONSTRAINT" if found[0].isupper() else "--build-constraint"
    where = Span(span.source, span.start + found.start(), span.start + found.end())
    return Repair("hold build dependencies", (Edit(where, name),))
