"""A locked file that nothing identifies.

What
----
An entry of a lock file has no hash.

Why
---
A lock is to say which files are installed. Without a hash it says only a name: whatever the index or the URL has under
it is installed. Mostly the index gave no hash when the lock was written.

Bad
---
    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://index.example/simple" }
    wheels = [
      { url = "https://files.example/flask-3.0.3-py3-none-any.whl" },
    ]

Good
----
    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://index.example/simple" }
    wheels = [
      { url = "https://files.example/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
    ]
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Locked, Project
from pipway.findings import Severity

RULE = Rule(
    "PW803",
    "lock-without-hash",
    "Lock entry without a hash",
    Severity.HIGH,
    references=("PEP 751", "pip: docs/html/topics/secure-installs.md"),
)


def check(project: Project) -> Iterator[Found]:
    """Files of registries and URLs; folders, also those that are an index, and repositories have no hash."""
    for locked in project.of(Locked):
        if (
            locked.kind not in ("registry", "url")
            or locked.hashes
            or locked.format == "requirements"
            or not locked.name
        ):
            continue
        if "://" in f"{locked.url}{locked.index}" or not (locked.url or locked.index):
            yield Found(
                locked.span,
                f"{locked.name} {locked.version} is locked without a hash".replace("  ", " "),
                consequence="whatever stands under that name is installed",
                advice="let the tool write the lock again, from an index that gives hashes, as pipway does",
            )
