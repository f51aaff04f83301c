"""A lock holds a password.

What
----
A URL in a lock file, of a file or of its index, has a user and a password or a token.

Why
---
Locks are committed, copied into images and sent to services that look for updates: whoever sees one of these has the
login. uv never writes them; other tools write what the index was called with.

Bad
---
    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://svc:hunter2@nexus.corp/simple" }
    wheels = [
      { url = "https://nexus.corp/packages/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
    ]

Good
----
    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://nexus.corp/simple" }
    wheels = [
      { url = "https://nexus.corp/packages/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
    ]
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Project
from pipway.audit.queries.hosts import host
from pipway.audit.queries.locks import urls
from pipway.audit.queries.logins import holds_secret
from pipway.findings import Severity

RULE = Rule(
    "PW806", "lock-credentials", "Credentials in a lock", Severity.CRITICAL, references=("uv: concepts/indexes",)
)


def check(project: Project) -> Iterator[Found]:
    """Each URL once."""
    for _, url, span in urls(project, _has_secret):
        yield Found(
            span,
            f"the lock holds a password for {host(url) or 'a host'}",
            consequence="whoever sees the lock has the login",
            advice="revoke the login, name the index without it, and let the tool write the lock again",
        )


def _has_secret(url: str) -> bool:
    return holds_secret(url.partition("+")[2] if url.startswith(("git+", "hg+", "svn+", "bzr+")) else url)
