"""pip may overwrite what the operating system needs.

What
----
`break-system-packages` is set outside of an image.

Why
---
The distribution's own programs run with that Python. pip replaces what they need, with whatever an index has, and they
break, or run other code, some of it as root. A virtual environment costs one command.

Bad
---
    # install.sh
    pip install --break-system-packages ruff

Good
----
    # install.sh
    python3 -m venv .venv && .venv/bin/pip install ruff
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Repair, Rule
from pipway.audit.facts import Option, Project, Where
from pipway.audit.fix.edits import removal
from pipway.audit.queries.installs import copied, is_copied, is_on
from pipway.findings import Severity

RULE = Rule(
    "PW505", "break-system-packages", "Packages of the system may be broken", Severity.MEDIUM, references=("PEP 668",)
)


def check(project: Project) -> Iterator[Found]:
    """Every such option; of a CI job, which is thrown away, only pedants hear. An image may copy what it likes."""
    names = copied(project)
    for option in project.of(Option):
        if option.name != "break-system-packages" or not is_on(option.value):
            continue
        source = option.span.source
        where = option.command.where if option.command is not None else source.where
        if Where.IMAGE in (where, source.where) or is_copied(source.path, names):
            continue
        listed = option.command is not None and option.command.listed
        edits = () if listed else removal(option.span)
        yield Found(
            option.span,
            "packages of the operating system may be overwritten",
            persona=Persona.PEDANTIC if where is Where.CI else Persona.REGULAR,
            consequence=f"{option.tool} replaces what the system's own programs import",
            advice="make a virtual environment and install there, or use pipx or uv tool for programs",
            repair=Repair("leave the system's packages alone", edits) if edits else None,
        )
