"""A lock downloads over http.

What
----
A lock file names a file, or the index it came from, by a URL that begins with http://.

Why
---
Who sits on the way sees what is installed and can answer with something else; only the hash stands against that, where
there is one, and the tool may be asked to lock again by the same way.

Bad
---
    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://nexus.corp/simple" }
    wheels = [
      { url = "http://nexus.corp/packages/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
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
from pipway.audit.queries.hosts import host, is_loopback
from pipway.audit.queries.locks import urls
from pipway.findings import Severity

RULE = Rule("PW802", "http-in-lock", "Plain http in a lock", Severity.HIGH)


def check(project: Project) -> Iterator[Found]:
    """Each URL once; those of requirements files are PW106's, this machine's are nobody's."""
    for locked, url, span in urls(project, _is_plain):
        yield Found(
            span,
            f"{locked.name} is locked to {host(url) or 'a host'} over plain http",
            consequence="anybody on the way can answer, and sees what is installed",
            advice="name the index with https:// in the project, and let the tool write the lock again",
        )


def _is_plain(url: str) -> bool:
    return url.lower().startswith(("http://", "git+http://")) and not is_loopback(host(url))
