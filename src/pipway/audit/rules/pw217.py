"""A requirements file says which index.

What
----
A requirements or constraints file has `--index-url`, `--extra-index-url`, `--find-links`, `--trusted-host`, `--pre` or
`--no-index`.

Why
---
These lines override everybody's pip.conf, also the one that leads to your own index or checks what comes in, and they
come with every file that includes this one.

Bad
---
    # requirements.txt
    --index-url https://index.example/simple
    flask==3.0.0

Good
----
    # requirements.txt
    flask==3.0.0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.effective.installations import view
from pipway.audit.facts import Command, Index, Option, Project, Span
from pipway.audit.queries.hosts import host
from pipway.audit.queries.indexes import cut
from pipway.findings import Severity

RULE = Rule(
    "PW217",
    "index-options-in-requirements",
    "Index options in a requirements file",
    Severity.MEDIUM,
    references=("pip: docs/html/reference/requirements-file-format.md, global options",),
)

_OPTIONS = frozenset({"index-url", "pypi-url", "extra-index-url", "find-links", "trusted-host", "pre", "no-index"})


def check(project: Project) -> Iterator[Found]:
    """Each of these options; environment.yml is PW211's."""
    replaced = _replaced(project)
    for option in project.of(Option):
        if option.via == "requirements" and option.name in _OPTIONS:
            places = replaced.get((option.span.source.path, option.span.start), ())
            yield Found(
                option.span,
                f"the file sets --{option.name} for everybody who installs from it",
                consequence=_consequence(places),
                advice="set it in pip's configuration, or on the command line",
                related=tuple(_told(places)),
                repair=Repair(f"leave --{option.name} to pip's configuration", cut(option.span)),
            )


Replaced = tuple[Index, Command]


def _replaced(project: Project) -> dict[tuple[str, int], list[Replaced]]:
    """Place of an `--index-url` → the indexes whose place it takes, and the commands for which it does."""
    found: dict[tuple[str, int], list[Replaced]] = {}
    for each in view(project).installs:
        for index, span in each.beaten:
            if each.command is not None and host(index.url) and span.source.path != index.span.source.path:
                found.setdefault((span.source.path, span.start), []).append((index, each.command))
    return found


def _consequence(places: Sequence[Replaced]) -> str:
    if not places:
        return "pip follows it and not the configuration of whoever runs it"
    index, command = places[0]
    place = command.span.place
    return f"`pip {command.verb}` in {place.name}:{place.line} follows it and not {host(index.url)}"


def _told(places: Sequence[Replaced]) -> Iterator[tuple[Span, str]]:
    for index, command in places[:1]:
        yield index.url_span or index.span, "names the index that is not asked"
        yield command.span, "installs from the file"
