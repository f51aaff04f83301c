"""`pip config set global.…` is not for everybody.

What
----
A command sets a key of `global` without `--global`.

Why
---
`global` is a section of pip's own: all commands, of one user. The line goes into the file of whoever runs it. Another
user, as an image's own one, asks PyPI.

Bad
---
    # install.sh
    pip config set global.index-url https://nexus.corp/simple

Good
----
    # install.sh
    pip config --global set global.index-url https://nexus.corp/simple
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Confidence, Found, Persona, Rule
from pipway.audit.facts import Option, Project, Where
from pipway.findings import Severity

RULE = Rule(
    "PW708",
    "global-section-of-one-user",
    "Section global of one user's file",
    Severity.INFO,
    references=("pip: docs/html/cli/pip_config.rst",),
)

_LAYERS = frozenset({"--global", "--user", "--site"})


def check(project: Project) -> Iterator[Found]:
    """Commands that do not say which file. Where one user does everything it is right, so it is for the pedantic."""
    for option in project.of(Option):
        command = option.command
        if command is None or command.tool != "pip" or not option.key.startswith("pip config set global."):
            continue
        if _LAYERS & {word.text for word in command.words}:
            continue
        yield Found(
            option.span,
            "this goes into the file of one user",
            confidence=Confidence.MEDIUM if command.where is Where.IMAGE else Confidence.LOW,
            persona=Persona.PEDANTIC,
            consequence="another user's pip does not read it",
            advice="write --global, or --user when that is meant",
        )
