"""An image or a CI job installs whatever is newest.

What
----
A command in a Dockerfile or a CI file installs a project by name, without one exact version.

Why
---
Two builds of one commit install different code, and a release that was taken over is in the next build, minutes after
it appeared.

Bad
---
    # Dockerfile
    RUN pip install flask

Good
----
    # Dockerfile
    RUN pip install flask==3.0.3
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Command, Project, Required
from pipway.audit.queries.installs import DEPLOYED, is_open, is_pinned, says, surrounded, surroundings, told
from pipway.findings import Severity

RULE = Rule(
    "PW408",
    "unpinned-install",
    "Unpinned install in an image or CI",
    Severity.MEDIUM,
    references=("hadolint DL3013", "zizmor adhoc-packages, unpinned-tools"),
)
_INSTALLERS = frozenset({"pip", "uv", "uvx", "pipx"})
_NOT_INSTALLED = frozenset({"add", "uninstall", "pip uninstall"})
_TOOLS = frozenset({"pip", "setuptools", "wheel"})
_FROM = frozenset({"--from", "--spec"})
_MOST = 500  # words; behind them nobody writes what is to run
_BOUND = ("constraint", "require-hashes", "no-index")


def check(project: Project) -> Iterator[Found]:
    """Named requirements of commands; what a constraint may pin, and pip itself, only pedants hear of."""
    options, paths = told(project), surroundings(project, *_BOUND)
    bounds: dict[int, bool] = {}  # of commands: one may have thousands of names
    names: dict[int, bool] = {}  # whether a command names a project and what of it to run
    for each in project.of(Required):
        command = each.command
        if each.via != "command" or command is None or not each.name or each.url or is_pinned(each):
            continue
        if id(command) not in names:
            names[id(command)] = any(word.text.partition("=")[0] in _FROM for word in command.words[:_MOST])
        if not _installs(command) or (names[id(command)] and _is_program(each, command)):
            continue
        if id(command) not in bounds:
            bounds[id(command)] = says(command, options, *_BOUND) or surrounded(command, paths) or is_open(command)
        bound = bounds[id(command)]
        yield Found(
            each.span,
            f"{each.name} is installed in whatever version is newest",
            persona=Persona.PEDANTIC if bound or each.name in _TOOLS else Persona.REGULAR,
            consequence=f"the next run may install another {each.name} than this one",
            advice=f"write one version, {each.name}==…, or install from a lock file or a file with hashes",
        )


def _is_program(each: Required, command: Command) -> bool:
    """Whether it is what `uvx --from PROJECT` runs, which is no project."""
    before = ""
    given = False
    place = each.span.start
    for word in command.words[:_MOST]:
        given = given or word.text.partition("=")[0] in _FROM
        if word.span.start <= place <= word.span.end and word.span.source is each.span.source:
            return given and not before.startswith("-") and not word.text.startswith("-")
        before = word.text
    return False


def _installs(command: Command) -> bool:
    return command.where in DEPLOYED and command.tool in _INSTALLERS and command.verb not in _NOT_INSTALLED
