"""A tool is told not to check certificates.

What
----
`verify_ssl`, `ssl_verify`, a certificate of Poetry or a switch of conda or pixi says that TLS is not verified.

Why
---
Whoever sits on the way can answer as the index; what they answer is installed, and runs. Such a switch is set for a
company's certificate, and holds for everything that the tool asks. The certificate can be named instead.

Bad
---
    # Pipfile
    [[source]]
    name = "corp"
    url = "https://nexus.corp/simple"
    verify_ssl = false

Good
----
    # Pipfile
    [[source]]
    name = "corp"
    url = "https://nexus.corp/simple"
    verify_ssl = true
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Index, Option, Project
from pipway.audit.fix.edits import removal
from pipway.audit.queries.hosts import host, is_loopback
from pipway.findings import Severity

RULE = Rule(
    "PW104",
    "unverified-tls",
    "TLS verification off in a tool",
    Severity.CRITICAL,
    references=("poetry: docs/configuration.md", "pdm: docs/usage/config.md"),
)

_FALSE = frozenset({"false", "no", "off", "0", "n", "f"})
_TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
#: tool → option that switches off: pixi's and conda's
_SWITCHES = frozenset({("pixi", "tls-no-verify"), ("conda", "insecure")})


def check(project: Project) -> Iterator[Found]:
    """Every such switch but one for an index of this machine; hosts without a check are PW102's."""
    local = _local(project)
    for option in project.of(Option):
        value = option.value.strip().lower()
        off = option.name == "verify-ssl" and value in _FALSE
        switched = (option.tool, option.name) in _SWITCHES and value in _TRUE
        if not (off or switched) or (option.span.source.path, option.span.start) in local:
            continue
        yield Found(
            option.value_span or option.span,
            f"{option.tool} does not check certificates",
            consequence=f"{option.tool} installs whatever anybody on the way answers",
            advice="check them, and name the certificate authority of your network",
            repair=_repair(option, "true" if off else "false"),
        )


def _local(project: Project) -> set[tuple[str, int]]:
    """Where the keys of indexes on this machine stand."""
    spans = (index.trait_spans.get("verify_ssl") for index in project.of(Index) if is_loopback(host(index.url)))
    return {(span.source.path, span.start) for span in spans if span is not None}


def _repair(option: Option, value: str) -> Repair | None:
    if option.value_span is not None and option.value_span.text == option.value:
        return Repair("check certificates again", (Edit(option.value_span, value),))
    listed = option.command is not None and option.command.listed
    return None if listed or option.via != "command" else Repair("check certificates again", removal(option.span))
