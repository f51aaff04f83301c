"""A page of links to packages is asked over http.

What
----
`find-links` names a page or a file, or a flat index a page, with http://, and its host is not this machine.

Why
---
Who sits on the way can answer with packages of their own, and what stands on such a page is as good to an installer as
what an index has: the highest version wins. pip leaves out a page whose host is not trusted, but takes a file that is
named itself.

Bad
---
    # pip.conf
    [global]
    find-links = http://wheels.corp/torch/

Good
----
    # pip.conf
    [global]
    find-links = https://wheels.corp/torch/
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Index, Project
from pipway.audit.queries.hosts import host, is_loopback
from pipway.audit.queries.indexes import over_https
from pipway.findings import Severity

RULE = Rule("PW105", "plain-http-find-links", "Plain-http find-links", Severity.HIGH)


def check(project: Project) -> Iterator[Found]:
    """Every such page; indexes are PW101's."""
    for index in project.of(Index):
        name = host(index.url)
        if index.role != "find-links" or not index.url.lower().startswith("http://") or not name or is_loopback(name):
            continue
        yield Found(
            index.url_span or index.span,
            f"links to packages are asked of {name} over plain http",
            consequence=f"{index.tool} may install what anybody on the way to {name} answers",
            advice=f"make {name} answer on https, or name a folder",
            repair=Repair("ask it over https", over_https(index)),
        )
