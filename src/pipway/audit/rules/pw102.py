"""A host needs no certificate.

What
----
`trusted-host`, or uv's `allow-insecure-host`, names a host. Its certificate is not checked, and http is as good as
https.

Why
---
Whoever sits on the way can be that host: what they answer is installed, and runs. It is worst for a host that an index
or a lock names, and for PyPI itself. A company's certificate is no reason: since 24.2 pip knows what the operating
system trusts, and `cert` names a file where that is not enough.

Bad
---
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/pypi/simple/
    trusted-host = nexus.corp

Good
----
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/pypi/simple/
    cert = /etc/ssl/certs/corp-ca.pem
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.fix.edits import removal
from pipway.audit.queries.hosts import is_loopback, is_public, named, trusts
from pipway.audit.queries.trusted_hosts import Trust
from pipway.findings import Severity

RULE = Rule(
    "PW102",
    "unverified-host",
    "Host without a certificate check",
    Severity.HIGH,
    references=("pip: docs/html/topics/https-certificates.md", "uv: concepts/authentication/certificates"),
)


def check(project: Project) -> Iterator[Found]:
    """Every such option but those of this machine and those that PW103 calls useless."""
    trust = Trust(project)
    for option in trusts(project):
        name = named(option.value)
        if not name or is_loopback(name) or trust.useless(option):
            continue
        indexes = trust.indexes_of(option)
        worst = is_public(name) or name == "*" or bool(indexes) or trust.is_locked(option)
        yield Found(
            option.span,
            f"the certificate of {'every host' if name == '*' else name} is not checked",
            Severity.CRITICAL if worst else Severity.HIGH,
            consequence=_consequence(option, name, worst=worst),
            advice="install the certificate authority of your network, or name its file with `cert`",
            related=tuple(((index.url_span or index.span), "is asked there") for index in indexes),
            repair=Repair(f"check the certificate of {name} again", removal(option.span)),
        )


def _consequence(option: Option, name: str, *, worst: bool) -> str:
    who = "PyPI" if is_public(name) else "every host" if name == "*" else name
    used = "installs" if worst else "would install"
    return f"{option.tool} {used} whatever anybody on the way to {who} answers"
