"""An install that pip does not do.

What
----
A command runs `setup.py install` or `setup.py develop`, or easy_install.

Why
---
They download, unchecked, anything that is missing: no hashes, no index options of pip, no lock. What they install pip
cannot take away cleanly. Both have been on their way out since setuptools 58.

Bad
---
    # install.sh
    python setup.py install

Good
----
    # install.sh
    python -m pip install --no-deps .
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Command, Project, Span
from pipway.findings import Severity

RULE = Rule(
    "PW504",
    "install-by-setup-py",
    "Install by setup.py or easy_install",
    Severity.HIGH,
    references=("pip: docs/html/topics/secure-installs.md",),
)
_VERBS = MappingProxyType({"install": "-m pip install --no-deps .", "develop": "-m pip install --no-deps -e ."})


def check(project: Project) -> Iterator[Found]:
    """Every such command."""
    for command in project.of(Command):
        place = _setup(command)
        if place is None and command.tool != "easy_install":
            continue
        what = "easy_install" if place is None else f"setup.py {command.words[place + 1].text}"
        yield Found(
            command.span,
            f"{what} installs without pip",
            consequence="it downloads what is missing without hashes, and ignores pip's indexes and locks",
            advice="use `python -m pip install`, with --no-deps where a lock installed the rest",
            repair=_repair(command, place),
        )


def _setup(command: Command) -> int | None:
    """Where its setup.py stands, when it installs."""
    words = command.words
    for place in range(min(len(words) - 1, 6)):
        name = words[place].text.replace("\\", "/").rpartition("/")[2]
        if name == "setup.py" and words[place + 1].text in _VERBS:
            return place
    return None


def _repair(command: Command, place: int | None) -> Repair | None:
    """Only for the plain `python setup.py install`: what else is said there means something."""
    words = command.words
    if place is None or command.listed or command.tool != "python" or len(words) != place + 2:
        return None
    if words[place].text != "setup.py" or place == 0 or words[place - 1].text.startswith("-"):
        return None
    span = Span(words[place].span.source, words[place].span.start, words[place + 1].span.end)
    return Repair("let pip install it", (Edit(span, _VERBS[words[place + 1].text]),))
