"""pip is told to use its old way with certificates.

What
----
`use-deprecated` has the value `legacy-certs`.

Why
---
pip then knows only the certificates that it brings along, not those that the operating system trusts. A company's
index fails, and somebody writes a `trusted-host`.

Bad
---
    # pip.conf
    [global]
    use-deprecated = legacy-certs

Good
----
    # pip.conf
    [global]
    cert = /etc/ssl/certs/corp-ca.pem
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.fix.edits import removal
from pipway.findings import Severity

RULE = Rule(
    "PW109",
    "legacy-certificates",
    "Certificates of the operating system switched off",
    Severity.LOW,
    references=("pip: docs/html/topics/https-certificates.md",),
)

_VALUE = "legacy-certs"


def check(project: Project) -> Iterator[Found]:
    """Every such option of pip; one among several values is left to a person."""
    for option in project.of(Option):
        values = option.value.replace(",", " ").split()
        if option.tool != "pip" or option.name != "use-deprecated" or _VALUE not in values:
            continue
        listed = option.command is not None and option.command.listed
        alone = values == [_VALUE] and not listed
        yield Found(
            option.span,
            "pip does not use the certificates that the operating system trusts",
            consequence="an index with a company's certificate fails",
            advice="delete it",
            repair=Repair("use the system's certificates", removal(option.span), safe=True) if alone else None,
        )
