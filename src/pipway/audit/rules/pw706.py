"""Layers of pip's configuration disagree about the index.

What
----
Two layers that hold at the same time, as the user's file and a variable, or a pip.conf and a requirements file, name
different indexes.

Why
---
One of them has the say, without a word: a requirements file over the command line, that over variables, these over
the user's file, and that over the machine's. Whoever changes the other one wonders why nothing happens.

Bad
---
    # pip.conf
    [global]
    index-url = https://nexus.corp/simple

    # requirements.txt
    --index-url https://mirror.corp/simple
    flask==3.0.3

Good
----
    # pip.conf
    [global]
    index-url = https://nexus.corp/simple

    # requirements.txt
    flask==3.0.3
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Confidence, Found, Persona, Rule
from pipway.audit.facts import Option, Project, Where
from pipway.findings import Severity

RULE = Rule(
    "PW706",
    "disagreeing-layers",
    "Layers of configuration that disagree",
    Severity.INFO,
    references=("pip: docs/html/topics/configuration.md, precedence",),
)

_ORDER = ("global", "user", "any", "venv", "environment", "requirements")


def check(project: Project) -> Iterator[Found]:
    """This machine's layers hold together; those of a repository may never meet, so these are pedantic."""
    options = [
        option
        for option in project.of(Option)
        if option.tool == "pip" and option.name == "index-url" and option.command is None and option.layer in _ORDER
    ]
    for option in options:
        machine = option.span.source.where is Where.MACHINE
        stronger = [
            other
            for other in options
            if _ORDER.index(other.layer) > _ORDER.index(option.layer)
            and other.value.rstrip("/") != option.value.rstrip("/")
            and (other.span.source.where is Where.MACHINE) == machine
        ]
        if not stronger:
            continue
        winner = max(stronger, key=lambda other: _ORDER.index(other.layer))
        yield Found(
            option.value_span or option.span,
            f"another layer overrides this index: {winner.key or winner.layer}",
            confidence=Confidence.HIGH if machine else Confidence.LOW,
            persona=Persona.REGULAR if machine else Persona.PEDANTIC,
            consequence="pip asks the other index, wherever both hold",
            advice="say it in one layer",
            related=((winner.value_span or winner.span, "has the say"),),
        )
