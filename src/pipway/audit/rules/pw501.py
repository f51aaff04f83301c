"""A deployment may run the setup code of everything it installs.

What
----
An image installs projects, and nothing keeps pip from taking source distributions.

Why
---
A wheel is only unpacked; a source distribution is a program that runs, as root in most images, with the network and
the build's secrets. It also needs a compiler that does not belong there. For
pedants it is medium, and a CI is looked at as well.

Bad
---
    # Dockerfile
    RUN pip install -r requirements.txt

Good
----
    # Dockerfile
    RUN pip install --only-binary :all: -r requirements.txt
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipway.audit.base import Found, Persona, Repair, Rule
from pipway.audit.facts import Command, Option, Project, Required, Where
from pipway.audit.queries.installs import (
    DEPLOYED,
    added,
    asked,
    installs,
    is_open,
    says,
    surrounded,
    surroundings,
    told,
)
from pipway.findings import Severity

RULE = Rule(
    "PW501",
    "sdists-in-production",
    "Source distributions in production",
    Severity.LOW,
    references=("pip: docs/html/topics/secure-installs.md",),
)
_WHEELS = frozenset({"pip", "setuptools", "wheel", "uv"})  #: they always have one
_BINARY = ("only-binary", "no-build", "no-binary", "no-index")


def check(project: Project) -> Iterator[Found]:
    """Installs of names or files in the stage that is deployed; of CI only pedants hear."""
    options, requirements = told(project), asked(project)
    paths = surroundings(project, *_BINARY)
    for command in installs(project):
        if command.where not in DEPLOYED or not command.final or is_open(command):
            continue
        if not _from_index(options.get(id(command), ()), requirements.get(id(command), ())):
            continue
        if says(command, options, *_BINARY) or surrounded(command, paths):
            continue
        yield _found(command)


def _found(command: Command) -> Found:
    edits = added(command, "--only-binary :all:")
    return Found(
        command.span,
        "source distributions may be built here",
        persona=Persona.REGULAR if command.where is Where.IMAGE else Persona.PEDANTIC,
        consequence="pip runs the setup code of each project that has no wheel",
        advice="add `--only-binary :all:`, and build wheels of what has none in a stage of its own",
        repair=Repair("take wheels only", edits) if edits else None,
        strict=Severity.MEDIUM,
    )


def _from_index(options: Sequence[Option], requirements: Sequence[Required]) -> bool:
    """Whether an index is asked at all; what the project itself needs is not seen here."""
    named = any(each.name and not each.url and each.name not in _WHEELS for each in requirements)
    return named or any(option.name == "requirement" for option in options)
