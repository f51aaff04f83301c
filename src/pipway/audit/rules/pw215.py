"""An index is on a host that the organisation does not know.

What
----
The configuration names the hosts that may be used (`hosts`), and an index, a requirement or a lock names another one.

Why
---
Whoever runs that host decides what is installed. PyPI's own index is PW221's.

Bad
---
    # pyproject.toml
    [tool.pipway.audit]
    hosts = ["nexus.corp"]

    [[tool.uv.index]]
    url = "https://mirror.example/simple"

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
from pipway.audit.facts import Index, Locked, Project, Required, Span
from pipway.audit.queries.hosts import host, is_loopback, is_public
from pipway.findings import Severity

RULE = Rule("PW215", "unknown-index-host", "Index host that is not on the list", Severity.HIGH)


def check(project: Project) -> Iterator[Found]:
    """Each host once in a lock, and everywhere else each time. Nothing where nobody made a list."""
    allowed = project.organisation.hosts
    if not allowed:
        return
    seen: set[tuple[str, str]] = set()
    for url, span, once in _asked(project):
        name = host(url)
        if not name or name in allowed or is_loopback(name) or is_public(name) or (span.source.path, name) in seen:
            continue
        if once:
            seen.add((span.source.path, name))
        yield Found(
            span,
            f"{name} is not on the organisation's list of hosts",
            consequence=f"whoever runs {name} decides what is installed",
            advice="use an index of the list, or add the host to `hosts`",
        )


def _asked(project: Project) -> Iterator[tuple[str, Span, bool]]:
    for index in project.of(Index):
        if index.role != "upload":
            yield index.url, index.url_span or index.span, False
    for required in project.of(Required):
        if required.url:
            yield required.url, required.span, False
    for locked in project.of(Locked):
        if locked.index:
            yield locked.index, locked.index_span or locked.span, True
