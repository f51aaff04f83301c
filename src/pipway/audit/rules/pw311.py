"""A command prints passwords into a log.

What
----
`pip config list` or `pip config debug` runs in a CI, in an image or in a script where something gives pip a login, or
`set -x` stands before a command with a login in it.

Why
---
pip prints what it is told as it stands, with passwords; so does the shell with each command, after its variables are
filled in. A CI masks only what it knows as a secret, and only where the text is the same.

Bad
---
    # install.sh
    set -x
    pip install --index-url "https://svc:${TOKEN}@nexus.corp/simple" flask

Good
----
    # install.sh
    pip install --index-url https://svc@nexus.corp/simple --keyring-provider subprocess flask
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Command, Index, Option, Project, Span
from pipway.audit.queries.logins import has_login
from pipway.findings import Severity

RULE = Rule("PW311", "secret-printed", "Secret printed by a debug command", Severity.MEDIUM)

_PRINTS = frozenset({"config list", "config debug"})


def check(project: Project) -> Iterator[Found]:
    """`pip config list` where there is a login, else for a pedantic audit; and `set -x` before a login."""
    logins = list(_logins(project))
    for command in project.of(Command):
        if command.tool == "pip" and command.verb in _PRINTS:
            yield Found(
                command.span,
                f"pip {command.verb} prints passwords as they stand",
                persona=Persona.REGULAR if logins else Persona.PEDANTIC,
                consequence="whoever reads the log has them",
                advice="print one value that holds none: pip config get global.timeout",
                related=tuple((span, "has a login") for span in logins[:3]),
            )
    traced: dict[str, Command] = {}
    by_command = _logins_of_commands(project)
    for command in project.of(Command):
        path = command.span.source.path
        if command.tool == "set":
            words = [word.text for word in command.words[1:]]
            if any(_switch(words, place, "-") for place in range(len(words))):
                traced[path] = command
            elif any(_switch(words, place, "+") for place in range(len(words))):
                traced.pop(path, None)
        elif id(command) in by_command and path in traced and traced[path].step == command.step:
            start = traced.pop(path)
            yield Found(
                start.span,
                "the shell prints every command, and one of them has a login",
                consequence="whoever reads the log has it",
                advice="write set +x before it, or take the login out of the command",
                related=((by_command[id(command)], "has a login"),),
            )


def _switch(words: list[str], place: int, sign: str) -> bool:
    word = words[place]
    long = word == f"{sign}o" and words[place + 1 : place + 2] == ["xtrace"]
    return long or (word.startswith(sign) and not word.startswith("--") and "x" in word)


def _logins(project: Project) -> Iterator[Span]:
    """Where pip is told a login that `pip config` would print."""
    for index in project.of(Index):
        if index.tool == "pip" and index.via in ("file", "variable") and has_login(index.url):
            yield index.url_span or index.span
    for option in project.of(Option):
        kept = option.tool == "pip" and option.name == "proxy" and option.via in ("file", "variable")
        if kept and has_login(option.value):
            yield option.value_span or option.span


def _logins_of_commands(project: Project) -> dict[int, Span]:
    found: dict[int, Span] = {}
    for index in project.of(Index):
        if index.command is not None and has_login(index.url):
            found[id(index.command)] = index.url_span or index.span
    for option in project.of(Option):
        secret = option.name in ("password", "token") or (option.name == "proxy" and has_login(option.value))
        if option.command is not None and secret and option.value:
            found[id(option.command)] = option.value_span or option.span
    return found
