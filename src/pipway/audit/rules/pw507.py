"""pip installs wherever it is called.

What
----
A pip configuration for people's machines does not say `require-virtualenv`.

Why
---
One forgotten `activate`, and pip changes the Python of the user or the system. With `require-virtualenv` in `[global]`
it stops instead. In an image there is nothing to protect, so files for images are not looked at.

Bad
---
    # .config/pip/pip.conf
    [global]
    index-url = https://nexus.corp/simple/

Good
----
    # .config/pip/pip.conf
    [global]
    require-virtualenv = true
    index-url = https://nexus.corp/simple/
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Copied, Option, Project, Source, Span, Where
from pipway.findings import Severity

RULE = Rule("PW507", "no-required-virtualenv", "No virtual environment required", Severity.INFO)
_NAMES = frozenset({"require-virtualenv", "require-venv"})


def check(project: Project) -> Iterator[Found]:
    """Configuration files of a user, here or on this machine, that have options but not this one."""
    copied = {PurePosixPath(name).name for each in project.of(Copied) for name in each.sources}
    said: dict[str, list[Option]] = {}
    for option in project.of(Option):
        said.setdefault(option.span.source.path, []).append(option)
    for source in project.sources:
        if source.kind != "pip.conf" or source.where is Where.IMAGE or PurePosixPath(source.path).name in copied:
            continue
        options = said.get(source.path, [])
        if not options or any(option.name in _NAMES for option in options):
            continue
        if not any(option.layer == "user" for option in options):
            continue
        yield _found(source, options)


def _found(source: Source, options: list[Option]) -> Found:
    first = next((option for option in options if option.section == "global"), None)
    place = Span(source, first.span.start, first.span.start) if first is not None else None
    return Found(
        first.span if first is not None else Span(source, 0, 0),
        "pip installs outside of virtual environments",
        consequence="pip changes the Python of the user or the system when no environment is active",
        advice="add `require-virtualenv = true` to [global]",
        repair=Repair("ask for a virtual environment", (Edit(place, "require-virtualenv = true\n"),), safe=True)
        if place is not None and place.place.column == 1
        else None,
    )
