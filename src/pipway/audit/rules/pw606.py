"""pip is too old for what it is told.

What
----
A Dockerfile or a CI file installs one version of pip, and gives it an option that came with a later one.

Why
---
pip stops with "no such option", or reads a variable that it does not know without a word: then the cooldown or the
constraint that somebody relies on is not there.

Bad
---
    # Dockerfile
    RUN pip install pip==25.3
    RUN pip install --uploaded-prior-to P7D -r requirements.txt

Good
----
    # Dockerfile
    RUN pip install pip==26.1
    RUN pip install --uploaded-prior-to P7D -r requirements.txt
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from types import MappingProxyType

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Note, Option, Project, Required, Span, Variable
from pipway.audit.queries.installs import DEPLOYED, is_pinned
from pipway.findings import Severity

RULE = Rule("PW606", "pip-too-old", "pip too old for an option", Severity.MEDIUM, references=("pip: NEWS",))

#: option → the first pip that knows it
_SINCE = MappingProxyType(
    {
        "uploaded-prior-to": (26, 0),
        "all-releases": (26, 0),
        "only-final": (26, 0),
        "no-require-hashes": (26, 2),
        "build-constraint": (25, 3),
        "group": (25, 1),
        "keyring-provider": (23, 1),
        "config-settings": (22, 1),
        "root-user-action": (22, 1),
    }
)
#: Python → the last pip that runs on it
_LAST = MappingProxyType({"2.7": (20, 3), "3.5": (20, 3), "3.6": (21, 3), "3.7": (24, 0), "3.8": (25, 0)})
_IMAGE = re.compile(r"(?:^|/)python:(\d\.\d+)(?![\d])")
_VERSION = re.compile(r"\D*(\d+)(?:\.(\d+))?")
_EARLIEST, _NEW = (0, 0), (1000, 0)


def check(project: Project) -> Iterator[Found]:
    """Options behind a pin of pip in the same file, or an image with an old Python, before another pin."""
    pins = sorted(_pins(project), key=_place)
    places = [_place(pin) for pin in pins]
    for option in project.of(Option):
        needed = _needs(option)
        if needed == _EARLIEST or option.tool != "pip" or option.via not in ("command", "variable"):
            continue
        span = option.span
        at = bisect_left(places, (span.source.path, span.start)) - 1
        if at < 0 or pins[at][0].source.path != span.source.path or pins[at][1] >= needed:
            continue
        has = ".".join(map(str, pins[at][1]))
        yield Found(
            span,
            f"pip {has} does not know {option.key or option.name}, or not with this value",
            consequence="pip stops" if option.via == "command" else "pip passes over the variable without a word",
            advice=f"install pip {'.'.join(map(str, needed))} or later",
            related=((pins[at][0], f"installs pip {has}"),),
        )


def _place(pin: tuple[Span, tuple[int, int]]) -> tuple[str, int]:
    return pin[0].source.path, pin[0].start


def _pins(project: Project) -> Iterator[tuple[Span, tuple[int, int]]]:
    for each in project.of(Required):
        command = each.command
        if each.name == "pip" and command is not None and command.where in DEPLOYED and is_pinned(each):
            version = _version(each.specifier)
            if version is not None:
                yield each.span, version
    for note in project.of(Note):
        if note.what == "base-image":
            image = _IMAGE.search(note.text)
            yield note.span, _LAST.get(image[1], _NEW) if image is not None else _NEW
    for variable in project.of(Variable):
        if variable.name in ("PYTHON_PIP_VERSION", "PIP_VERSION") and (version := _version(variable.value)):
            yield variable.span, version


def _version(text: str) -> tuple[int, int] | None:
    """Major and minor; None for a variable's."""
    found = _VERSION.match(text)
    return (int(found[1][:6]), int((found[2] or "0")[:6])) if found is not None and "$" not in text else None


def _needs(option: Option) -> tuple[int, int]:
    if option.name == "uploaded-prior-to" and option.value.strip().upper().startswith("P"):
        return (26, 1)
    if option.name == "requirement" and re.search(r"(?:^|/)pylock(?:\.[^./]+)?\.toml$", option.value):
        return (26, 1)
    return _SINCE.get(option.name, _EARLIEST)
