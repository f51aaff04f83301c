"""An index URL holds a password.

What
----
The URL of an index, written in a file, has a user and a password or a token in front of its host. A name that is
filled in later, as ${TOKEN}, is no password, except in a pip.conf: pip fills in nothing there (PW308), and who makes
the file from a template has the password in it.

Why
---
Whoever can read the file has the login, and whoever could ever read the repository has it for good. It also appears
in error texts, logs and `pip config list`.

Bad
---
    # pip.conf
    [global]
    index-url = https://svc:hunter2@nexus.corp/repository/pypi/simple

Good
----
    # pip.conf
    [global]
    index-url = https://svc@nexus.corp/repository/pypi/simple
    keyring-provider = subprocess
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Index, Project
from pipway.audit.queries.containers import environments
from pipway.audit.queries.hosts import host
from pipway.audit.queries.logins import holds_login, holds_secret, without_password
from pipway.findings import Severity

RULE = Rule("PW301", "index-credentials", "Credentials in an index URL", Severity.HIGH)

_ADVICE = "take the login out and revoke it; keep it in a keyring, in a netrc of mode 0600, or in a CI secret"


def check(project: Project) -> Iterator[Found]:
    """Indexes of files; command lines are PW306's, images PW304's, containers PW315's, locks PW806's."""
    others = environments(project)
    for index in project.of(Index):
        source = index.span.source
        if index.via == "command" or index.span in others or not holds_login(index):
            continue
        given = source.tracked and holds_secret(index.url)
        name = host(index.url) or "an index"
        edits = without_password(index.url_span, index.url)
        yield Found(
            index.url_span or index.span,
            f"the URL of {name} holds a password",
            Severity.CRITICAL if given else Severity.HIGH,
            consequence="whoever can read the repository has it" if given else "whoever reads the file has it",
            advice=_ADVICE,
            repair=Repair("take the password out", edits) if edits else None,
        )
