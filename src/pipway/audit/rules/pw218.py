"""A folder of wheels is an addition only.

What
----
`find-links` names a folder, and nothing says `no-index`.

Why
---
pip asks its index as well and takes the higher version. What you collected and checked in the folder is passed over,
and what it lacks comes from PyPI without a word.

Bad
---
    # install.sh
    pip install --find-links wheelhouse flask

Good
----
    # install.sh
    pip install --no-index --find-links wheelhouse flask
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath

from pipway.audit.base import Confidence, Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Command, Index, Option, Project, Span
from pipway.audit.queries.indexes import Place, by_value, place_of
from pipway.findings import Severity

RULE = Rule(
    "PW218",
    "find-links-beside-index",
    "find-links without no-index",
    Severity.MEDIUM,
    references=("pip: docs/html/cli/pip_install.rst, finding packages",),
)


def check(project: Project) -> Iterator[Found]:
    """Folders; an address of wheels beside an index is often meant so. Whoever says no-index elsewhere may mean it."""
    off = [option for option in project.of(Option) if option.name == "no-index" and option.value.lower() != "false"]
    everywhere = any(option.command is None and option.via != "requirements" for option in off)
    commands = {id(option.command) for option in off if option.command is not None}
    files = {PurePosixPath(option.span.source.path).name for option in off if option.command is None}
    named = {id(index.command) for index in project.of(Index) if index.tool == "pip" and index.role == "primary"}
    options = by_value(each for each in project.of(Option) if each.name == "find-links")
    for links in project.of(Index):
        command = links.command
        if links.tool != "pip" or links.role != "find-links" or (command is not None and command.verb != "install"):
            continue
        if command is None:
            if off:
                continue
        elif everywhere or id(command) in commands or id(command) in named or _reads(command, files):
            continue
        folder = "://" not in links.url or links.url.startswith("file:")
        yield Found(
            links.url_span or links.span,
            "pip asks its index beside this folder" if folder else "pip asks its index beside these links",
            confidence=Confidence.MEDIUM if folder else Confidence.LOW,
            persona=Persona.REGULAR if folder else Persona.PEDANTIC,
            consequence="the higher version wins, and what is not there comes from the index",
            advice="set no-index as well",
            repair=_repair(links, options),
        )


def _reads(command: Command, files: AbstractSet[str]) -> bool:
    """Whether it names one of these requirements files, which say no-index."""
    return bool(files) and any(PurePosixPath(word.text).name in files for word in command.words)


def _repair(links: Index, by_place: Mapping[Place, Sequence[Option]]) -> Repair | None:
    options = by_place.get(place_of(links.url_span), ())
    if not options or links.url_span is None or (links.command is not None and links.command.listed):
        return None
    span = options[0].span
    if links.via == "variable" or not span.text.lstrip().lower().startswith(("-f", "--find", "find")):
        return None
    end = "\r\n" if "\r\n" in span.source.text else "\n"
    text = {"command": "--no-index ", "requirements": f"--no-index{end}"}.get(links.via, f"no-index = true{end}")
    return Repair("ask no index", (Edit(Span(span.source, span.start, span.start), text),))
