"""What was uploaded a minute ago is installed.

What
----
No tool's configuration asks for a cooldown: that a release is some days old before it is installed.

Why
---
Most malicious releases are found and taken away within hours or days. Who waits a week never sees them. pip, uv,
Poetry, PDM and pixi can wait. For pedants it is low.

Bad
---
    # pyproject.toml
    [project]
    name = "ours"
    version = "1.0"
    dependencies = ["flask"]

Good
----
    # pyproject.toml
    [project]
    name = "ours"
    version = "1.0"
    dependencies = ["flask"]

    [tool.uv]
    exclude-newer = "P7D"
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Index, Project, Required, Source, Span
from pipway.audit.queries.cooldowns import cooldowns
from pipway.audit.queries.hosts import host, is_loopback
from pipway.findings import Severity

RULE = Rule(
    "PW414",
    "no-cooldown",
    "No cooldown",
    Severity.INFO,
    references=("pip: docs/html/user_guide.rst", "zizmor dependabot-cooldown"),
)
_KINDS = ("pip.conf", "uv.toml", "pyproject.toml", "poetry.toml", "requirements")


def check(project: Project) -> Iterator[Found]:
    """One finding for the whole project, at the file where a cooldown would be written."""
    if any(True for _ in cooldowns(project)) or not project.of(Required):
        return
    if any(is_loopback(host(index.url)) for index in project.of(Index)):
        return  # whatever answers there may hold new releases back itself
    source = _best(project)
    if source is not None:
        yield Found(
            Span(source, 0, 0),
            "no tool waits before it installs a new release",
            consequence="a release is installed minutes after its upload, before anybody looked at it",
            advice="set uv's exclude-newer or pip's uploaded-prior-to to \"P7D\"",
            strict=Severity.LOW,
        )


def _best(project: Project) -> Source | None:
    for kind in _KINDS:
        for source in project.sources:
            if source.kind == kind:
                return source
    return None
