"""A trusted host that nothing asks.

What
----
`trusted-host` names a host, indexes are configured, and none of them nor any lock or link is there; or those that are
there are asked by other jobs, stages or commands than the one that trusts.

Why
---
It does nothing today. It is left from an index that has moved, and opens the way when somebody names that host again.

Bad
---
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/pypi/simple/
    trusted-host = old-mirror.corp

Good
----
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/pypi/simple/
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Project
from pipway.audit.fix.edits import removal
from pipway.audit.queries.hosts import is_loopback, named, trusts
from pipway.audit.queries.trusted_hosts import Trust
from pipway.findings import Severity

RULE = Rule("PW103", "useless-trusted-host", "Trusted host that no index uses", Severity.LOW)


def check(project: Project) -> Iterator[Found]:
    """Every trusted host that `Trust.useless` knows of."""
    trust = Trust(project)
    for option in trusts(project):
        name = named(option.value)
        if name and not is_loopback(name) and trust.useless(option):
            apart = trust.is_apart(option)
            yield Found(
                option.span,
                f"no index {'asked with it ' if apart else ''}is at {name}, which is trusted without a certificate",
                consequence=f"{option.tool} does nothing with it, until somebody names that host",
                advice="delete it",
                repair=Repair(f"delete the trust in {name}", removal(option.span), safe=not apart),
            )
