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
from pipway.audit.facts import Locked, Project, Span
from pipway.audit.queries.hosts import host
from pipway.audit.queries.logins import holds_secret
from pipway.findings import Severity

RULE = Rule(
    "PW806", "lock-credentials", "Credentials in a lock", Severity.CRITICAL, references=("uv: concepts/indexes",)
)


def check(project: Project) -> Iterator[Found]:
    """Each URL once."""
    seen: set[Span] = set()
    for locked in project.of(Locked):
        if locked.format == "requirements":
            continue
        for url, place in ((locked.url, locked.url_span), (locked.index, locked.index_span)):
            span = place or locked.span
            bare = url.partition("+")[2] if url.startswith(("git+", "hg+", "svn+", "bzr+")) else url
            if span in seen or not holds_secret(bare):
                continue
            seen.add(span)
            yield Found(
                span,
                f"the lock holds a password for {host(url) or 'a host'}",
                consequence="whoever sees the lock has the login",
                advice="make the login invalid, name the index without it, and let the tool write the lock again",
            )
