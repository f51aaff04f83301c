"""An image installs into a user's folder, or from a checkout.

What
----
A Dockerfile's last stage installs with `--user`, or an editable requirement out of a repository.

Why
---
`--user` puts packages into a home folder that is not on every path, and that another user of the image does not have;
they shadow what the image has. An editable repository leaves a whole checkout in the image, and its import path
depends on it.

Bad
---
    # Dockerfile
    RUN pip install --user -e git+https://git.example/org/lib@main#egg=lib

Good
----
    # Dockerfile
    RUN pip install lib==1.4.2
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Command, Option, Project, Required, Where
from pipway.audit.queries.containers import KINDS
from pipway.audit.queries.vcs import is_vcs
from pipway.findings import Severity

RULE = Rule("PW508", "odd-install-in-image", "Editable or user install in an image", Severity.LOW)


def check(project: Project) -> Iterator[Found]:
    """Options and requirements of commands in the stage that becomes the image; a build stage's are copied on."""
    for option in project.of(Option):
        if option.tool == "pip" and option.name == "user" and _final(option.command):
            yield Found(
                option.span,
                "packages go into a user's folder of the image",
                consequence="another user of the image does not have them, and they shadow the others",
                advice="install into the image's Python, or into a virtual environment that is on its path",
            )
    for each in project.of(Required):
        if each.editable and is_vcs(each.url) and _final(each.command):
            yield Found(
                each.span,
                f"{each.name or 'a repository'} is installed as a checkout",
                consequence="the image holds the whole repository, with its history, and imports from it",
                advice="install a released version, or the repository at a commit without -e",
            )


def _final(command: Command | None) -> bool:
    """Whether it is in a layer: what compose, a manifest or a devcontainer runs comes later."""
    if command is None or command.where is not Where.IMAGE or not command.final:
        return False
    return command.span.source.kind not in KINDS - {"dockerfile"}
