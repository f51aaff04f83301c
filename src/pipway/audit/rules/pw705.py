"""An index URL does not lead to an index.

What
----
The URL is that of a repository or of a host, without the `/simple` under which the index lives; or a quote or a
comment belongs to it.

Why
---
pip adds the project's name to it and finds nothing. People then add PyPI as a second index, or trust a host, until it
works.

Bad
---
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/pypi

Good
----
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/pypi/simple/
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Index, Project
from pipway.audit.queries.hosts import host
from pipway.clients.index_urls import suspicious
from pipway.findings import Fix, Severity

RULE = Rule(
    "PW705",
    "index-without-simple",
    "Index URL without /simple",
    Severity.HIGH,
    references=("PEP 503",),
)

_INDEXES = frozenset({"primary", "extra", "default", "explicit", "supplemental", "secondary", "mirror"})
_QUOTES = "'\" "


def check(project: Project) -> Iterator[Found]:
    """Indexes of Python packages. Some servers have theirs at the root, so that one is for the pedantic."""
    for index in project.of(Index):
        if index.role not in _INDEXES or index.tool in ("conda", "easy_install"):
            continue
        bare = index.url.strip(_QUOTES)
        if not host(bare):
            continue
        for finding in suspicious(index.url, "", index.span.place):
            quoted = index.url != bare
            if quoted and index.via != "file":
                continue
            sure = finding.severity is Severity.HIGH
            yield Found(
                index.url_span or index.span,
                "quotes belong to this index URL" if quoted else f"this is no index of {host(bare)}",
                finding.severity,
                persona=Persona.REGULAR if sure else Persona.PEDANTIC,
                consequence=f"{index.tool} finds no project there",
                advice=finding.fix.text if finding.fix is not None and "@" not in index.url else "end it in /simple/",
                repair=_repair(index, finding.fix) if finding.fix is not None else None,
            )


def _repair(index: Index, fix: Fix) -> Repair | None:
    """The URL that is meant; nothing where a login stands in it, which that one leaves out."""
    meant = fix.text.removeprefix("write ")
    if index.url_span is None or meant == fix.text or "@" in index.url:
        return None
    return Repair("name the index", (Edit(index.url_span, meant),), safe=fix.safe)
