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

from collections.abc import Iterable, Iterator

from pipway.audit.base import Confidence, Found, Persona, Rule
from pipway.audit.effective.installations import view
from pipway.audit.facts import Index, Option, Project, Where
from pipway.audit.queries.indexes import Place, place_of
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
    """This machine's layers hold together. Those of a repository are somebody's choice, so these are pedantic: what is
    known of an installation is said, and elsewhere that they may meet."""
    yield from _overridden(project)
    asked = _asked(project)
    options = [
        option
        for option in project.of(Option)
        if option.tool == "pip" and option.name == "index-url" and option.command is None and option.layer in _ORDER
    ]
    leading = _leading(options)
    for option in options:
        machine, said = _on_machine(option), option.value.rstrip("/")
        if not machine and place_of(option.value_span) in asked:
            continue
        layers = [leading.get((machine, layer), ()) for layer in reversed(_ORDER[_ORDER.index(option.layer) + 1 :])]
        winner = next((other for every in layers for other in every if other.value.rstrip("/") != said), None)
        if winner is None:
            continue
        yield Found(
            option.value_span or option.span,
            f"another layer overrides this index: {winner.key or winner.layer}",
            confidence=Confidence.HIGH if machine else Confidence.LOW,
            persona=Persona.REGULAR if machine else Persona.PEDANTIC,
            consequence="pip asks the other index, wherever both hold",
            advice="set it in one layer only",
            related=((winner.value_span or winner.span, "has the say"),),
        )


def _overridden(project: Project) -> Iterator[Found]:
    """Where installations are known, another index has the say in one of them."""
    seen, statements = view(project), _statements(project)
    for index in statements.values():
        beaten = (statements.get(place_of(span)) for span in seen.beating(index))
        winner = next((each for each in beaten if each and each.url.rstrip("/") != index.url.rstrip("/")), None)
        if winner is not None and index.span.source.where is not Where.MACHINE:
            yield Found(
                index.url_span or index.span,
                f"another layer overrides this index: {winner.key or winner.via}",
                persona=Persona.PEDANTIC,
                consequence="pip asks the other index where it installs now",
                advice="say it in one layer",
                related=((winner.url_span or winner.span, "has the say"),),
            )


def _statements(project: Project) -> dict[Place, Index]:
    every = (index for index in project.of(Index) if index.tool == "pip" and index.role == "primary")
    return {place_of(index.span): index for index in every}


def _asked(project: Project) -> set[Place]:
    """Where the values of indexes are of which it is known who asks them, or what takes their places."""
    seen = view(project)
    every = (index for index in _statements(project).values() if seen.asking(index) or seen.beating(index))
    return {place_of(index.url_span) for index in every if index.url_span is not None}


def _on_machine(option: Option) -> bool:
    return option.span.source.where is Where.MACHINE


def _leading(options: Iterable[Option]) -> dict[tuple[bool, str], list[Option]]:
    """Of each layer the first option, and the first that says something else: one of them differs from any value."""
    found: dict[tuple[bool, str], list[Option]] = {}
    for option in options:
        every = found.setdefault((_on_machine(option), option.layer), [])
        if not every or (len(every) == 1 and every[0].value.rstrip("/") != option.value.rstrip("/")):
            every.append(option)
    return found
