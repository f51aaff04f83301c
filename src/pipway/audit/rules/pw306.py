"""A command line holds a password.

What
----
A command gives an installer an index URL or a proxy with a password in it, or a password or a token by itself, or
writes one with `pip config set`, `poetry config` or their like.

Why
---
Every user of the machine sees the arguments of processes, the shell keeps them in its history, a CI prints them, and
the script is in the repository. What is filled in from a variable stays out of the repository, but not out of the
process list: a pedantic audit names that.

Bad
---
    # install.sh
    pip install --index-url https://svc:hunter2@nexus.corp/simple flask

Good
----
    # install.sh
    pip install --index-url https://svc@nexus.corp/simple --keyring-provider subprocess flask
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Index, Option, Project, Span
from pipway.audit.queries.logins import has_login, holds_secret, is_filled_in, without_password
from pipway.findings import Severity

RULE = Rule("PW306", "secret-on-command-line", "Secret on a command line", Severity.HIGH)

_SECRETS = frozenset({"password", "token"})
_SETTINGS = ("http-basic.", "pypi-token.")
_TOOLS = frozenset({"pip", "uv", "poetry", "pdm", "pipenv", "hatch", "twine", "flit", "conda", "pip-tools", "pixi"})


def check(project: Project) -> Iterator[Found]:
    """Indexes, proxies and passwords of commands; requirements are PW312's."""
    for index in project.of(Index):
        if index.via == "command" and has_login(index.url):
            edits = without_password(index.url_span, index.url)
            yield _found(index.url_span or index.span, "an index URL", edits, written=holds_secret(index.url))
    for option in project.of(Option):
        if option.via != "command" or option.tool not in _TOOLS:
            continue
        span, value = option.value_span or option.span, option.value
        if option.name == "proxy" and has_login(value):
            edits = without_password(option.value_span, value, user=False)
            yield _found(span, "a proxy's URL", edits, written=holds_secret(value))
        elif value and (option.name in _SECRETS or option.name.startswith(_SETTINGS)):
            yield _found(span, "a password", (), written=not is_filled_in(value))


def _found(span: Span, what: str, edits: tuple[Edit, ...], *, written: bool) -> Found:
    holds = f"the command holds {what}" + ("" if what == "a password" else " with a password")
    return Found(
        span,
        holds,
        Severity.HIGH if written else Severity.LOW,
        persona=Persona.REGULAR if written else Persona.PEDANTIC,
        consequence="it is in the process list, in logs and in the shell's history",
        advice="take it from a keyring, a netrc of mode 0600, or a variable that the tool reads itself",
        repair=Repair("take the password out", edits) if edits else None,
    )
