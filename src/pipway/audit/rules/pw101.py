"""An index is asked over http.

What
----
An index URL begins with http:// and its host is not this machine.

Why
---
Who sits on the way can answer with packages of their own, and their code runs at installation. pip leaves such an
index out, so that installs fail, until somebody writes a `trusted-host` that holds for the same installation: then the
attack works. uv, Poetry and conda ask it without a word.

Bad
---
    # pip.conf
    [global]
    index-url = http://nexus.corp/repository/pypi/simple/

Good
----
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/pypi/simple/
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Index, Project
from pipway.audit.queries.hosts import REFUSE_HTTP, host, is_loopback
from pipway.audit.queries.indexes import over_https
from pipway.audit.queries.trusted_hosts import Trust
from pipway.findings import Severity

RULE = Rule("PW101", "plain-http-index", "Plain-http index", Severity.MEDIUM)


def check(project: Project) -> Iterator[Found]:
    """Every index on http but those of this machine; http `find-links` are PW105's, uploads PW901's."""
    trust = Trust(project)
    for index in project.of(Index):
        name = host(index.url)
        if (
            not index.url.lower().startswith("http://")
            or index.role in ("find-links", "upload")
            or not name
            or is_loopback(name)
        ):
            continue
        opened = trust.opened_by(index)
        refuses = index.tool in REFUSE_HTTP
        severity = Severity.HIGH if opened or not refuses else Severity.MEDIUM
        if not refuses:
            consequence = f"{index.tool} asks {name} without TLS and installs what anybody on the way answers"
        elif opened:
            consequence = f"{index.tool} trusts {name} and installs what anybody on the way answers"
        else:
            consequence = f"{index.tool} leaves out the index at {name}, because nothing proves who answers"
        yield Found(
            index.url_span or index.span,
            f"the index at {name} is asked over plain http",
            severity,
            consequence=consequence,
            advice=f"make {name} answer on https, and write https://",
            related=tuple((option.span, f"trusts {name}") for option in opened),
            repair=Repair("ask it over https", over_https(index), safe=name in project.organisation.https),
        )
