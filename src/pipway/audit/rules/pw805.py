"""A lock goes past the index of the project.

What
----
The project's configuration names one index inside your network or on this machine, a pipway for instance, and its lock
downloads from other hosts.

Why
---
Tools that write whole URLs into locks download from there, and ask the index nothing: what it holds back, blocks and
records does not count for them.

Bad
---
    # pyproject.toml
    [[tool.uv.index]]
    url = "https://pipway.corp/simple/"
    default = true

    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://index.example/simple" }
    wheels = [
      { url = "https://files.example/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
    ]

Good
----
    # pyproject.toml
    [[tool.uv.index]]
    url = "https://pipway.corp/simple/"
    default = true

    # uv.lock
    [[package]]
    name = "flask"
    version = "3.0.3"
    source = { registry = "https://pipway.corp/simple/" }
    wheels = [
      { url = "https://pipway.corp/files/flask-3.0.3-py3-none-any.whl", hash = "sha256:58cd…" },
    ]
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Confidence, Found, Rule
from pipway.audit.facts import Index, Locked, Project
from pipway.audit.queries.hosts import host, is_loopback, is_private
from pipway.findings import Severity

RULE = Rule(
    "PW805", "lock-bypasses-index", "Lock bypasses the index", Severity.MEDIUM, references=("uv: concepts/indexes",)
)
_CONDA = (".conda", ".tar.bz2")  # these come from a channel
_FIRST = frozenset({"primary", "default"})


def check(project: Project) -> Iterator[Found]:
    """One finding per lock and foreign host, when the only first index is one of ours."""
    ours = {host(index.url) for index in project.of(Index) if index.via == "file" and index.role in _FIRST}
    known = {host(index.url) for index in project.of(Index)}
    inside = {name for name in ours if name and (is_loopback(name) or is_private(name, project.organisation))}
    if not inside or ours != inside:
        return
    seen: set[tuple[str, str]] = set()
    for locked in project.of(Locked):
        name, path = host(locked.url), locked.span.source.path
        if locked.kind != "registry" or not name or name in known or locked.format == "requirements":
            continue
        if locked.url.endswith(_CONDA):
            continue
        if is_loopback(name) or is_private(name, project.organisation) or (path, name) in seen:
            continue
        seen.add((path, name))
        yield Found(
            locked.url_span or locked.span,
            f"the lock downloads from {name}, past {min(inside)}",
            confidence=Confidence.MEDIUM,
            consequence=f"{min(inside)} is not asked for these files, and cannot hold any of them back",
            advice=f"lock again while {min(inside)} is the only index, or let a forward proxy cover {name}",
        )
