"""A variable or a setting of git switches certificate checks off for every program.

What
----
GIT_SSL_NO_VERIFY is set, git's http.sslVerify is false, CURL_CA_BUNDLE or REQUESTS_CA_BUNDLE is empty, or
PYTHONHTTPSVERIFY is 0.

Why
---
It holds for everything that runs afterwards, not only for the one host it was meant for. git looks only whether
GIT_SSL_NO_VERIFY is there, so that even the value false switches off. What an empty bundle does depends on the version
of requests; PYTHONHTTPSVERIFY acts on Python 2 and on patched builds.

Bad
---
    # install.sh
    export GIT_SSL_NO_VERIFY=1

Good
----
    # install.sh
    export GIT_SSL_CAINFO=/etc/ssl/certs/corp-ca.pem
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Confidence, Found, Repair, Rule
from pipway.audit.facts import Option, Project, Variable
from pipway.audit.fix.edits import removal
from pipway.audit.queries.logins import is_filled_in
from pipway.findings import Severity

RULE = Rule("PW107", "tls-off-everywhere", "TLS verification off for every program", Severity.HIGH)

_BUNDLES = frozenset({"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"})
_FALSE = frozenset({"false", "no", "off", "0"})
#: an empty value that somebody wrote; `ARG X` and `X:` take it from elsewhere
_EMPTY = re.compile(r"=$|[=:][ \t]*(?:\\?\"\\?\"|'')$")
_ADVICE = "install the certificate authority of your network, or name its file"


def check(project: Project) -> Iterator[Found]:
    """Variables wherever they are set, and what commands tell git."""
    for variable in project.of(Variable):
        severity = _severity(variable)
        if severity is not None:
            yield Found(
                variable.span,
                f"{variable.name} switches certificate checks off",
                severity,
                confidence=Confidence.MEDIUM if variable.name in _BUNDLES else Confidence.HIGH,
                consequence="it holds for every program that runs there and heeds it",
                advice=_ADVICE,
                repair=Repair(f"do not set {variable.name}", removal(variable.span)),
            )
    for option in project.of(Option):
        if option.tool == "git" and _is_off(option):
            yield Found(
                option.span,
                "git does not check certificates",
                consequence="git fetches whatever anybody on the way answers, and pip builds it",
                advice=_ADVICE,
            )


def _severity(variable: Variable) -> Severity | None:
    """None: it does no harm."""
    if variable.name == "GIT_SSL_NO_VERIFY":
        return None if is_filled_in(variable.value) else Severity.HIGH
    if variable.name in _BUNDLES:
        return Severity.MEDIUM if not variable.value and _EMPTY.search(variable.span.text.rstrip()) else None
    return Severity.INFO if variable.name == "PYTHONHTTPSVERIFY" and variable.value.strip() == "0" else None


def _is_off(option: Option) -> bool:
    name, value = option.name, option.value
    if name == "config":  # git -c NAME=VALUE
        name, _, value = value.partition("=")
    last = name.lower().rpartition(".")[2]
    return name.lower().startswith("http.") and last == "sslverify" and value.strip().lower() in _FALSE
