"""A pip.conf names a variable, which pip does not fill in.

What
----
A value in a pip.conf or pip.ini holds ${NAME}.

Why
---
pip fills variables in only in requirements files. From its own configuration it sends the text as it stands: the login
is the word `${TOKEN}`, and the index refuses it or takes the request for one without a login.

Bad
---
    # pip.conf
    [global]
    index-url = https://svc:${TOKEN}@nexus.corp/simple

Good
----
    # pip.conf
    [global]
    index-url = https://svc@nexus.corp/simple
    keyring-provider = subprocess
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project, Span
from pipway.audit.queries.logins import has_login, without_password
from pipway.findings import Severity

RULE = Rule("PW308", "variable-in-pip-conf", "Variable that pip does not fill in", Severity.MEDIUM)

_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


def check(project: Project) -> Iterator[Found]:
    """Each value with a variable, at the variable."""
    for option in project.of(Option):
        match = _VARIABLE.search(option.value)
        if option.span.source.kind != "pip.conf" or match is None:
            continue
        span = option.value_span
        if span is not None:
            span = Span(span.source, span.start + match.start(), span.start + match.end())
        login = has_login(option.value)
        edits = without_password(option.value_span, option.value) if login else ()
        yield Found(
            span or option.span,
            f"pip does not fill in {match.group()} here",
            consequence="it sends the text as it stands",
            advice="set the whole value by a PIP_… variable, or leave the login to a keyring or a netrc",
            repair=Repair("take the password out", edits) if edits else None,
        )
