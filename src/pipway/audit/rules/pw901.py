"""Uploads go over http.

What
----
The repository that a project is published to has a URL that begins with http://, in .pypirc, in a tool's configuration
or on a command line.

Why
---
The upload sends its password or token in the clear, and the files as well: whoever sits on the way can publish in your
name from then on.

Bad
---
    # .pypirc
    [distutils]
    index-servers = corp

    [corp]
    repository = http://nexus.corp/repository/pypi/

Good
----
    # .pypirc
    [distutils]
    index-servers = corp

    [corp]
    repository = https://nexus.corp/repository/pypi/
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Index, Project
from pipway.audit.queries.hosts import host, is_loopback
from pipway.audit.queries.indexes import over_https
from pipway.findings import Severity

RULE = Rule("PW901", "http-upload", "Upload over plain http", Severity.CRITICAL)


def check(project: Project) -> Iterator[Found]:
    """Every repository to upload to but those of this machine."""
    for index in project.of(Index):
        name = host(index.url)
        if index.role != "upload" or not index.url.lower().startswith("http://") or not name or is_loopback(name):
            continue
        yield Found(
            index.url_span or index.span,
            f"projects are uploaded to {name} over plain http",
            consequence=f"{index.tool} sends its login to {name} in the clear",
            advice=f"make {name} answer on https, write https://, and revoke the login that was used",
            repair=Repair("upload over https", over_https(index)),
        )
