"""A proxy's password crosses the network in clear text.

What
----
A proxy's URL has a user and a password, its scheme is http and it is not on this machine.

Why
---
pip, uv and curl send the login to such a proxy with Basic, which is no encryption, in each connection. Whoever listens
has it, and it is often a person's for everything in the company.

Bad
---
    # install.sh
    export HTTPS_PROXY=http://ann:${PASSWORD}@proxy.corp:8080

Good
----
    # install.sh
    export HTTPS_PROXY=http://127.0.0.1:3128
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project, Span, Variable
from pipway.audit.queries.hosts import host, is_loopback
from pipway.audit.queries.logins import has_login, without_password
from pipway.findings import Severity

RULE = Rule("PW111", "proxy-login-in-clear", "Proxy credentials sent in clear text", Severity.MEDIUM)

_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


def check(project: Project) -> Iterator[Found]:
    """`proxy` wherever it is set, and the variables that every program heeds."""
    for option in project.of(Option):
        if option.name == "proxy":
            yield from _found(option.value, option.value_span, option.span)
    for variable in project.of(Variable):
        if variable.name.lower() in _VARIABLES:
            yield from _found(variable.value, variable.value_span, variable.span)


def _found(value: str, value_span: Span | None, span: Span) -> Iterator[Found]:
    url = value if "://" in value else f"http://{value}"
    name = host(url)
    if not url.lower().startswith("http://") or not has_login(url) or (name and is_loopback(name)):
        return
    edits = without_password(value_span, value, user=False)
    yield Found(
        value_span or span,
        f"the login for {name or 'the proxy'} is sent in clear text",
        consequence="whoever listens on the way to the proxy has the password",
        advice="run a proxy on this machine that logs in, as pipway does, and name that one",
        repair=Repair("take the login out", edits) if edits else None,
    )
