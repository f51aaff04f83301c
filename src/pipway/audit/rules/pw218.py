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

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipway.audit.base import Confidence, Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Command, Index, Option, Project, Span
from pipway.audit.indexes import together
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
    named = [index for index in project.of(Index) if index.tool == "pip" and index.role == "primary"]
    for links in project.of(Index):
        command = links.command
        if links.tool != "pip" or links.role != "find-links" or (command is not None and command.verb != "install"):
            continue
        if any(_covers(option, command) for option in off):
            continue
        if command is not None and any(together(index, links) for index in named):
            continue
        folder = "://" not in links.url or links.url.startswith("file:")
        yield Found(
            links.url_span or links.span,
            "pip asks its index beside this folder" if folder else "pip asks its index beside these links",
            confidence=Confidence.MEDIUM if folder else Confidence.LOW,
            persona=Persona.REGULAR if folder else Persona.PEDANTIC,
            consequence="the higher version wins, and what is not there comes from the index",
            advice="say no-index as well",
            repair=_repair(links, project),
        )


def _covers(option: Option, command: Command | None) -> bool:
    """Whether a no-index is for this command, too: in a requirements file only where it names that file."""
    if option.command is not None or command is None:
        return option.command is command or command is None
    name = PurePosixPath(option.span.source.path).name
    return option.via != "requirements" or any(PurePosixPath(word.text).name == name for word in command.words)


def _repair(links: Index, project: Project) -> Repair | None:
    options = [each for each in project.of(Option) if each.name == "find-links" and each.value_span == links.url_span]
    if not options or links.url_span is None or (links.command is not None and links.command.listed):
        return None
    span = options[0].span
    if links.via == "variable" or not span.text.lstrip().lower().startswith(("-f", "--find", "find")):
        return None
    end = "\r\n" if "\r\n" in span.source.text else "\n"
    text = {"command": "--no-index ", "requirements": f"--no-index{end}"}.get(links.via, f"no-index = true{end}")
    return Repair("ask no index", (Edit(Span(span.source, span.start, span.start), text),))
