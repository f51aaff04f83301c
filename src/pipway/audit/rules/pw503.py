"""Builds that see everything that is installed.

What
----
Build isolation is off: `--no-build-isolation`, uv's `no-build-isolation = true`, or `PIP_NO_BUILD_ISOLATION=0`, which
is how pip has it switched off by a variable or a file.

Why
---
A build then uses whatever is installed, in whatever version, instead of what the project says it needs, and can change
it. The result depends on the machine.

Bad
---
    # install.sh
    pip install --no-build-isolation .

Good
----
    # install.sh
    pip install --build-constraint build-constraints.txt .
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.queries.installs import is_on, says, told
from pipway.findings import Severity

RULE = Rule("PW503", "no-build-isolation", "Builds without isolation", Severity.LOW, references=("pip issue 5735",))


def check(project: Project) -> Iterator[Found]:
    """Every option that really switches it off; in pip's files and variables that is the value false.

    Where nothing else is downloaded either, as distributions build, only pedants hear of it.
    """
    options = told(project)
    for option in project.of(Option):
        if option.name != "no-build-isolation" or option.tool not in ("pip", "uv"):
            continue
        turned = option.tool == "pip" and option.via in ("file", "variable")
        if is_on(option.value) == turned:
            continue
        alone = option.command is not None and says(option.command, options, "no-deps", "no-index")
        yield Found(
            option.span,
            "projects are built without isolation",
            persona=Persona.PEDANTIC if alone else Persona.REGULAR,
            consequence=f"{option.tool} builds with whatever is installed there",
            advice="leave isolation on, and hold the versions of build dependencies with --build-constraint",
        )
