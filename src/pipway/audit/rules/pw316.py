"""A keyring is expected to be asked, and is not.

What
----
`keyring-provider` is `auto`, and `no-input` is set.

Why
---
With `auto`, pip asks a keyring only when it may also ask a person. Without input it asks nobody, and the index refuses.
With `subprocess` it asks the program `keyring`: pip 26.3 one of version 25.2.1 or newer, older ones for the password of
the user that the index's URL names.

Bad
---
    # pip.conf
    [global]
    index-url = https://svc@nexus.corp/simple/
    keyring-provider = auto
    no-input = true

Good
----
    # pip.conf
    [global]
    index-url = https://svc@nexus.corp/simple/
    keyring-provider = subprocess
    no-input = true
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.findings import Severity

RULE = Rule(
    "PW316",
    "keyring-not-asked",
    "Keyring expected but switched off",
    Severity.LOW,
    references=("pip: docs/html/topics/authentication.md",),
)

_TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
_ANY = -1  # a command, or no command


def check(project: Project) -> Iterator[Found]:
    """Both in one file or one command of pip."""
    silent: dict[tuple[str, int], Option] = {}
    for option in project.of(Option):
        if (option.tool, option.name) == ("pip", "no-input") and option.value.strip().lower() in _TRUE:
            silent.setdefault((option.span.source.path, id(option.command) if option.command else 0), option)
            silent.setdefault((option.span.source.path, _ANY), option)
    for option in project.of(Option):
        if (option.tool, option.name) != ("pip", "keyring-provider") or option.value.strip().lower() != "auto":
            continue
        path, command = option.span.source.path, option.command
        other = silent.get((path, id(command) if command else _ANY)) or silent.get((path, 0))
        if other is None:
            continue
        span = option.value_span
        exact = span is not None and span.text == option.value
        yield Found(
            span or option.span,
            "pip does not ask the keyring, because it may not ask a person",
            consequence="an index that wants a login refuses",
            advice="name the provider: subprocess, with the user's name in the URL of the index",
            related=((other.span, "is set here"),),
            repair=Repair("ask it by the keyring command", (Edit(span, "subprocess"),)) if span and exact else None,
        )
