"""A client goes around the organisation's index.

What
----
The configuration names the hosts that may be used (`hosts`), PyPI is not among them, and an index or a lock names PyPI.
With `--online`: an index or a lock names what the pipway that is asked brings together with others.

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
from typing import TYPE_CHECKING

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.effective.installations import view
from pipway.audit.facts import Index, Locked, Organisation, Project
from pipway.audit.queries.hosts import host, is_private, is_public
from pipway.findings import Severity

if TYPE_CHECKING:
    from pipway.audit.online.answers import Answers

RULE = Rule("PW221", "goes-around-pipway", "Client that goes around pipway", Severity.MEDIUM)

_CONSEQUENCE = "what the organisation's index refuses is installed all the same"


def check(project: Project) -> Iterator[Found]:
    """Indexes, and each lock once. Nothing where nobody made a list of hosts, and no server was asked; an extra index
    beside one of these is PW201's."""
    for index in project.of(Index):
        if index.role == "upload" or (index.tool == "pip" and index.role == "extra" and _beside(index, project)):
            continue
        around = _around(project, index.url, index.tool)
        if around is not None:
            what, advice, persona = around
            span = index.url_span or index.span
            yield Found(span, what, persona=persona, consequence=_CONSEQUENCE, advice=advice)
    seen: set[str] = set()
    for locked in project.of(Locked):
        path = locked.span.source.path
        around = _around(project, locked.index, "the lock") if locked.index and path not in seen else None
        if around is not None:
            what, advice, persona = around
            seen.add(path)
            yield Found(
                locked.index_span or locked.span,
                what,
                persona=persona,
                consequence=_CONSEQUENCE,
                advice=f"{advice}, and lock again",
            )


def _around(project: Project, url: str, who: str) -> tuple[str, str, Persona] | None:
    """What is wrong with an address, and what to do; None where it is right or nobody knows."""
    allowed, answers = project.organisation.hosts, project.answers
    if host(url) in allowed:
        return None
    if allowed and is_public(host(url)):
        verb = "names" if who == "the lock" else "asks"
        return f"{who} {verb} PyPI itself", "point it at the organisation's index", Persona.REGULAR
    behind = None if answers is None or answers.is_server(url) else answers.behind(url)
    if answers is None or behind is None:
        return None
    what = f"{who} goes to {host(url)} itself, which is behind the pipway at {answers.server}"
    return what, f"point it at {answers.server}simple/", _persona(answers, project.organisation)


def _beside(extra: Index, project: Project) -> bool:
    """Whether an index that may be used is the first wherever this one is asked."""
    firsts = [each.primary for each in view(project).asking(extra)]
    return bool(firsts) and all(each is not None and host(each.url) in project.organisation.hosts for each in firsts)


def _persona(answers: Answers, organisation: Organisation) -> Persona:
    """A pipway before PyPI alone may be there for speed; one that brings indexes together decides whose names are."""
    decides = len(answers.indexes) > 1 or any(is_private(each.host, organisation) for each in answers.indexes)
    return Persona.REGULAR if decides else Persona.PEDANTIC
