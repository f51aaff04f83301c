"""A requirement's URL holds a password or a token.

What
----
A requirement is fetched from a URL, of a version control system or of a file, that has a password or a token in front
of its host.

Why
---
Whoever can read the file has it, for good once it is in a repository. pip also writes the URL into the metadata of what
it installs, and `pip freeze` prints it.

Bad
---
    # requirements.txt
    lib @ git+https://svc:hunter2@git.corp/team/lib@v1.0

Good
----
    # requirements.txt
    lib @ git+ssh://git@git.corp/team/lib@v1.0
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Project, Required, Span
from pipway.audit.queries.hosts import host
from pipway.audit.queries.logins import holds_secret, without_password
from pipway.findings import Severity

RULE = Rule("PW312", "requirement-credentials", "Credentials in a requirement's URL", Severity.CRITICAL)


def check(project: Project) -> Iterator[Found]:
    """Each such requirement; what is filled in from a variable is none."""
    for each in project.of(Required):
        if holds_secret(each.url):
            yield Found(
                each.span,
                f"the URL of {each.name or 'a requirement'} at {host(each.url) or 'a host'} holds a password",
                consequence="whoever can read the file has it, and pip writes it into what it installs",
                advice="revoke it; let git log in with its own credential storage or a deploy key",
                repair=_repair(each),
            )


def _repair(each: Required) -> Repair | None:
    start = each.span.source.text.find(each.url, each.span.start, each.span.end)
    if start < 0:
        return None
    edits = without_password(Span(each.span.source, start, start + len(each.url)), each.url, user=False)
    return Repair("take the login out", edits) if edits else None
