"""An image is built with whatever build tools are newest.

What
----
`[build-system] requires` gives no exact versions, and the project is built where it is deployed, without constraints.

Why
---
Building runs the code of setuptools and of everything else that is listed there. Ranges are right in a project that
others build; where you build it for production, constraints should say which versions.

Bad
---
    # pyproject.toml
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    # Dockerfile
    FROM python:3.13
    COPY . /src
    RUN pip install /src

Good
----
    # pyproject.toml
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    # Dockerfile
    FROM python:3.13
    COPY . /src
    RUN pip install --build-constraint /src/build-constraints.txt /src
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Project, Required, Where
from pipway.audit.queries.installs import is_ours, is_pinned, says, surrounded, surroundings, told
from pipway.findings import Severity

RULE = Rule("PW412", "unpinned-build-system", "Unpinned build dependencies", Severity.LOW)
_HELD = ("build-constraint", "build-constraints", "no-build-isolation")


def check(project: Project) -> Iterator[Found]:
    """One finding per project; where no image builds it, only pedants hear of it."""
    options, paths = told(project), surroundings(project, *_HELD)
    held = {each.span.source.path for each in project.of(Required) if each.group == "build-constraints"}
    builds = [
        each
        for each in project.of(Required)
        if each.command is not None and each.command.where is Where.IMAGE and is_ours(each) and not each.editable
    ]
    loose = [
        each
        for each in builds
        if each.command is not None and not says(each.command, options, *_HELD) and not surrounded(each.command, paths)
    ]
    if builds and not loose:
        return
    seen: set[str] = set()
    for each in project.of(Required):
        path = each.span.source.path
        if each.group != "build-system" or each.url or is_pinned(each) or path in seen or path in held:
            continue
        seen.add(path)
        here = [build for build in loose if _may_build(build, path)]
        yield Found(
            each.span,
            f"the project is built with whatever {each.name} is newest",
            persona=Persona.REGULAR if here else Persona.PEDANTIC,
            consequence="each build may run other code",
            advice="name exact versions with --build-constraint or PIP_BUILD_CONSTRAINT where you build",
            related=tuple((build.span, "is built here") for build in (here or loose)[:3]),
        )


def _may_build(build: Required, path: str) -> bool:
    """Whether an image installs the project at `path`: that of its own folder, of one above, or one of that name."""
    project, image = PurePosixPath(path).parent, PurePosixPath(build.span.source.path).parent
    return (
        project == image or project in image.parents or project.name == PurePosixPath(build.url.partition("[")[0]).name
    )
