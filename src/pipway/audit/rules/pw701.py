"""pip never reads this file.

What
----
A file looks like pip's configuration and has a name that pip does not look for, as `.pip.conf`; or, on this machine, it
lies where pip does not look, as `~/pip.conf` or a `pip.ini` on Linux.

Why
---
What it says, an index of your own or a proxy, holds for nobody: pip asks PyPI, as if the file were not there.

Bad
---
    # .pip.conf
    [global]
    index-url = https://nexus.corp/simple/

Good
----
    # .config/pip/pip.conf
    [global]
    index-url = https://nexus.corp/simple/
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Command, Copied, Note, Project, Variable
from pipway.findings import Severity

RULE = Rule(
    "PW701",
    "unread-pip-configuration",
    "File that pip never reads",
    Severity.MEDIUM,
    references=("pip: docs/html/topics/configuration.md",),
)

_ITS_OWN = ("pip.conf", "pip.ini")  # but only in some folders, and one of them per system


def check(project: Project) -> Iterator[Found]:
    """Files by their names, unless PIP_CONFIG_FILE, a COPY or a command puts them where pip looks."""
    for note in project.of(Note):
        name = PurePosixPath(note.span.source.path).name
        if note.what != "never-read" or _is_put_somewhere(name, project):
            continue
        yield Found(
            note.span,
            f"pip reads no file of the name {name}" if name not in _ITS_OWN else "pip does not look for this file here",
            consequence="nothing that it says holds: pip asks PyPI directly",
            advice="move it to where `pip config debug` says that pip looks, as ~/.config/pip/pip.conf",
        )


def _is_put_somewhere(name: str, project: Project) -> bool:
    if any(each.name == "PIP_CONFIG_FILE" and PurePosixPath(each.value).name == name for each in project.of(Variable)):
        return True
    if any(PurePosixPath(one).name == name for each in project.of(Copied) for one in each.sources):
        return True
    return any(PurePosixPath(word.text).name == name for each in project.of(Command) for word in each.words)
