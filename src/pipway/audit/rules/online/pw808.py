"""A locked version that the server does not give out.

What
----
With `--online`: a lock has a version, and pipway refuses it, lists no file of it, or does not know the project.

Why
---
What was fine when the lock was written may be withdrawn, held back or refused by now: the next install from this lock
fails, or goes past the index to get it. The server's own reason is shown.

Bad
---
    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://<PyPI>/simple" }
    wheels = [
        { url = "https://files.example/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
    ]

    # pipway/simple/flask.json
    {"status": 403, "title": "flask is held back", "detail": "two of its releases carried malware"}

Good
----
    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://<PyPI>/simple" }
    wheels = [
        { url = "https://files.example/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
    ]

    # pipway/simple/flask.json
    {"files": [{"filename": "flask-3.0.3-py3-none-any.whl", "hashes": {"sha256": "58cd…"}}]}
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Project
from pipway.audit.online.answers import Answer, Verdict
from pipway.audit.online.questions import asked, known_name, version_of
from pipway.findings import Severity

RULE = Rule(
    "PW808",
    "locked-version-refused",
    "Locked version is not served",
    Severity.HIGH,
    references=("PEP 792", "PEP 592"),
    online=True,
)


def check(project: Project) -> Iterator[Found]:
    """Each version of a file once, at its first entry."""
    if project.answers is None:
        return
    seen: set[tuple[str, str, str]] = set()
    for locked in asked(project, project.answers):
        place = (locked.span.source.path, locked.name, locked.version)
        answer = project.answers.projects.get(known_name(locked.name))
        if place in seen or answer is None:
            continue
        seen.add(place)
        why = _why(answer, version_of(locked.version))
        if why:
            what, reason = why
            yield Found(
                locked.span,
                f"{locked.name} {locked.version} {what} at {project.answers.server}" + (f": {reason}" * bool(reason)),
                consequence="an install from this lock fails, or takes the file from somewhere else",
                advice="lock a version that is served; ask whoever runs the server about its rule",
            )


def _why(answer: Answer, version: str) -> tuple[str, str] | None:
    """What is wrong, and the server's own words; None for what is served and what nobody knows."""
    match answer.verdict:
        case Verdict.REFUSED:
            return "is refused", answer.reason
        case Verdict.ABSENT:
            return "belongs to a project that no index has", ""
        case Verdict.SILENT:
            return None
    if answer.status == "quarantined":
        return "is of a project in quarantine", ""
    if version in answer.refused:
        return "is refused", answer.refused[version]
    if version in answer.versions and not answer.versions[version]:
        return "is not listed", ""
    return None
