"""A lock's digest is not the index's.

What
----
With `--online`: a lock names a file with one digest, and the index lists the same file with another one.

Why
---
Files of an index never change. Either somebody changed the lock, or the index gives out another file than it did when
the lock was written: what is installed is not what was looked at.

Bad
---
    # poetry.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    files = [
        {file = "flask-3.0.3-py3-none-any.whl", hash = "sha256:ffff…"},
    ]

    # pipway/simple/flask.json
    {"files": [{"filename": "flask-3.0.3-py3-none-any.whl", "hashes": {"sha256": "58cd…"}}]}

Good
----
    # poetry.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    files = [
        {file = "flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…"},
    ]

    # pipway/simple/flask.json
    {"files": [{"filename": "flask-3.0.3-py3-none-any.whl", "hashes": {"sha256": "58cd…"}}]}
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Locked, Project
from pipway.audit.online.answers import Offered
from pipway.audit.online.questions import asked, filename_of, offered
from pipway.findings import Severity

RULE = Rule(
    "PW804",
    "lock-digest-differs",
    "Lock digest differs from the index",
    Severity.CRITICAL,
    references=("PEP 751", "PEP 503"),
    online=True,
)


def check(project: Project) -> Iterator[Found]:
    """Files that both name; hashes without a file are PW406's."""
    if project.answers is None:
        return
    for locked in asked(project, project.answers):
        filename = filename_of(locked)
        listed = {each.filename: each for each in offered(project.answers, locked)}.get(filename)
        kind = _differing(locked, listed) if listed is not None else ""
        if kind:
            yield Found(
                locked.span,
                f"{filename} has another {kind} digest in the index at {project.answers.server}",
                consequence="the file that was locked and the file that the index gives are two different files",
                advice="install nothing of it; find out who changed that line, or ask whoever runs the index",
            )


def _differing(locked: Locked, listed: Offered) -> str:
    for text in locked.hashes:
        kind, _, digest = text.partition(":")
        known = listed.hashes.get(kind.lower())
        if known and digest and digest.lower() != known:
            return kind.lower()
    return ""
