"""A hash that the index has for no file.

What
----
With `--online`: a requirement or a lock has a hash, and the index lists that version without any such file.

Why
---
Nothing that the index gives has this hash. It was mistyped, it is of a file that was taken away, or somebody added it
to have a file of theirs accepted, from wherever it comes.

Bad
---
    # requirements.txt
    flask==3.0.3 --hash=sha256:ffff

    # pipway/simple/flask.json
    {"files": [{"filename": "flask-3.0.3-py3-none-any.whl", "hashes": {"sha256": "58cd"}}]}

Good
----
    # requirements.txt
    flask==3.0.3 --hash=sha256:58cd

    # pipway/simple/flask.json
    {"files": [{"filename": "flask-3.0.3-py3-none-any.whl", "hashes": {"sha256": "58cd"}}]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Locked, Project, Required, Span
from pipway.audit.online.answers import Answers, Offered
from pipway.audit.online.questions import asked, filename_of, offered
from pipway.findings import Severity

RULE = Rule(
    "PW406",
    "hash-unknown-to-index",
    "Hash unknown to the index",
    Severity.HIGH,
    references=("pip: docs/html/topics/secure-installs.md",),
    online=True,
)
_Release = tuple[str, str, str]


def check(project: Project) -> Iterator[Found]:
    """Of requirements each hash; of locks each file that the index does not list. One of several is less: files go."""
    if project.answers is None:
        return
    places = {(each.span.source.path, each.span.start): each for each in project.of(Required) if each.hashes}
    known: dict[_Release, bool] = {}
    unknown: list[tuple[_Release, Locked, Span, str]] = []
    for locked in asked(project, project.answers):
        files = offered(project.answers, locked)
        release = (locked.span.source.path, locked.name, locked.version)
        if any(each.filename == filename_of(locked) for each in files):
            known[release] = True
            continue
        required = places.get((locked.span.source.path, locked.span.start))
        for text in locked.hashes:
            verdict = _listed(text, files)
            if verdict:
                known[release] = True
            elif verdict is False:
                unknown.append((release, locked, _place(required, text) or locked.span, text))
    for release, locked, span, text in unknown:
        yield _found(project.answers, locked, span, text, some=known.get(release, False))


def _listed(text: str, files: Sequence[Offered]) -> bool | None:
    """None where the index has no digest of that kind to compare with."""
    kind, _, digest = text.lower().partition(":")
    digests: list[Mapping[str, str]] = [each.hashes for each in files]
    found = {each[kind] for each in digests if kind in each}
    return digest in found if found else None


def _place(required: Required | None, text: str) -> Span | None:
    if required is None:
        return None
    return next((span for kind, digest, span in required.hashes if f"{kind}:{digest}" == text), None)


def _found(answers: Answers, locked: Locked, span: Span, text: str, *, some: bool) -> Found:
    return Found(
        span,
        f"no file of {locked.name} {locked.version} has this {text.partition(':')[0]} hash at {answers.server}",
        Severity.MEDIUM if some else Severity.HIGH,
        consequence=(
            "a file with it can only come from somewhere else than the index"
            if some
            else f"{locked.name} {locked.version} cannot be installed from the index with these hashes"
        ),
        advice="let the tool that made the file write it again through the index, and compare what changed",
    )
