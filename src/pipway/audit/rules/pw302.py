"""A proxy URL in a file holds a password.

What
----
`proxy` of a pip.conf, of a requirements file or of another tool's configuration, or a proxy variable of an env file,
has a user and a password in front of its host.

Why
---
It is often the login of a person for everything in the company. Whoever reads the file has it, and with Basic it
crosses the network in clear text to whoever answers as the proxy.

Bad
---
    # pip.conf
    [global]
    proxy = http://ann:hunter2@proxy.corp:8080

Good
----
    # pip.conf
    [global]
    proxy = http://127.0.0.1:3128
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project, Span, Variable
from pipway.audit.queries.containers import environments
from pipway.audit.queries.logins import holds_secret, without_password
from pipway.findings import Severity

RULE = Rule("PW302", "proxy-credentials", "Credentials in a proxy URL", Severity.HIGH)


def check(project: Project) -> Iterator[Found]:
    """Files that hold options, and variables; command lines are PW306's, images PW304's, containers PW315's."""
    others = environments(project)
    for option in project.of(Option):
        if option.name == "proxy" and option.via not in ("command", "variable") and holds_secret(option.value):
            yield _found(option.value, option.value_span, option.span, option.key or "proxy")
    for variable in project.of(Variable):
        named = variable.span not in others and variable.name.lower().endswith("proxy")
        if named and (holds_secret(variable.value) or holds_secret(f"http://{variable.value}")):
            yield _found(variable.value, variable.value_span, variable.span, variable.name)


def _found(url: str, url_span: Span | None, span: Span, key: str) -> Found:
    edits = without_password(url_span, url, user=False)
    return Found(
        url_span or span,
        f"the proxy's URL in {key} holds a password",
        consequence="whoever reads the file has the login, which is often a person's for everything",
        advice="run a proxy on this machine that logs in, as pipway does, and name that one",
        repair=Repair("take the login out", edits) if edits else None,
    )
