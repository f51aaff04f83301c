"""A proxy variable does not say what somebody meant.

What
----
HTTP_PROXY, HTTPS_PROXY or ALL_PROXY has a URL that tools read differently or not at all; NO_PROXY has entries that
match nothing, as `*.corp`; or only one of HTTP_PROXY and HTTPS_PROXY is set.

Why
---
Requests go where nobody expects them: past the proxy that should see them, or to the proxy for hosts that only the
inside knows. What follows are trusted hosts and switched-off checks, until it works.

Bad
---
    # .env
    NO_PROXY=*.corp

Good
----
    # .env
    NO_PROXY=.corp
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Project, Variable
from pipway.clients.proxy_variables import PROXIES, findings, of_url
from pipway.findings import Finding, Severity

RULE = Rule("PW707", "misread-proxy-variable", "Proxy variable that is misread", Severity.MEDIUM)

_UNKNOWN = ("$", "{{", "<", "%(")
_ADVICE = "write http://HOST:PORT, with a login percent-encoded"


def check(project: Project) -> Iterator[Found]:
    """Values that are written there. One without the other may be meant, for apt for instance: for the pedantic."""
    places: dict[tuple[str, str], list[Variable]] = {}
    for variable in project.of(Variable):
        name = variable.name.lower()
        if name not in (*PROXIES, "no_proxy") or any(sign in variable.value for sign in _UNKNOWN):
            continue
        if not variable.value.strip():
            continue
        places.setdefault((variable.span.source.path, variable.scope), []).append(variable)
        said = of_url(variable.name, variable.value) if name in PROXIES else findings({"NO_PROXY": variable.value})
        for finding in said:
            yield _found(finding, variable)
    for variables in places.values():
        names = {variable.name.lower() for variable in variables}
        if "http_proxy" in names and not names & {"https_proxy", "all_proxy"}:
            yield Found(
                variables[0].span,
                "http_proxy is set and https_proxy is not",
                persona=Persona.PEDANTIC,
                consequence="indexes are https://, so they are asked without the proxy",
                advice="set https_proxy, too; its value begins with http:// as well",
            )


def _found(finding: Finding, variable: Variable) -> Found:
    return Found(
        variable.value_span or variable.span,
        finding.what,
        finding.severity,
        persona=Persona.PEDANTIC if finding.severity <= Severity.LOW else Persona.REGULAR,
        consequence=finding.why or "tools do not agree about it",
        advice=finding.fix.text if finding.fix is not None else _ADVICE,
    )
