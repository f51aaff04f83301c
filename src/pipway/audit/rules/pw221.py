"""A client goes around the organisation's index.

What
----
The configuration names the hosts that may be used (`hosts`), PyPI is not among them, and an index or a lock names PyPI.

Why
---
What your own index checks, holds back or answers for is not asked: the client takes it from PyPI itself.

Bad
---
    # pyproject.toml
    [tool.pipway.audit]
    hosts = ["nexus.corp"]

    [[tool.uv.index]]
    url = "https://<PyPI>/simple"

Good
----
    # pyproject.toml
    [tool.pipway.audit]
    hosts = ["nexus.corp"]

    [[tool.uv.index]]
    url = "https://nexus.corp/simple"
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.effective import view
from pipway.audit.facts import Index, Locked, Project
from pipway.audit.hosts import host, is_public
from pipway.findings import Severity

RULE = Rule("PW221", "goes-around-pipway", "Client that goes around pipway", Severity.MEDIUM)

_ADVICE = "point it at the organisation's index"


def check(project: Project) -> Iterator[Found]:
    """Indexes, and each lock once. Nothing where nobody made a list of hosts; an extra index beside one of these is
    PW201's."""
    allowed = project.organisation.hosts
    if not allowed:
        return
    for index in project.of(Index):
        name = host(index.url)
        extra = index.tool == "pip" and index.role == "extra"
        if (
            is_public(name)
            and name not in allowed
            and index.role != "upload"
            and not (extra and _beside(index, project))
        ):
            yield Found(
                index.url_span or index.span,
                f"{index.tool} asks PyPI itself",
                consequence="what the organisation's index refuses is installed all the same",
                advice=_ADVICE,
            )
    seen: set[str] = set()
    for locked in project.of(Locked):
        name, path = host(locked.index), locked.span.source.path
        if is_public(name) and name not in allowed and path not in seen:
            seen.add(path)
            yield Found(
                locked.index_span or locked.span,
                "the lock names PyPI itself",
                consequence="what the organisation's index refuses is installed all the same",
                advice=f"{_ADVICE}, and lock again",
            )


def _beside(extra: Index, project: Project) -> bool:
    """Whether an index that may be used is the first wherever this one is asked."""
    firsts = [each.primary for each in view(project).asking(extra)]
    return bool(firsts) and all(each is not None and host(each.url) in project.organisation.hosts for each in firsts)
