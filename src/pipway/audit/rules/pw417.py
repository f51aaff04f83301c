"""A cooldown on an index that does not say when.

What
----
A cooldown is set, and the index is a repository manager that gives no upload times, or a page of links.

Why
---
The tools need the upload time of each file. Without it pip stops with an error, uv leaves the versions out, and Poetry
installs them as if no cooldown were set: there it only looks safe.

Bad
---
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/pypi/simple/
    uploaded-prior-to = P7D

Good
----
    # pip.conf
    [global]
    index-url = https://pipway.corp/simple/
    uploaded-prior-to = P7D
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType

from pipway.audit.base import Confidence, Found, Rule
from pipway.audit.facts import Index, Project
from pipway.audit.queries.cooldowns import cooldowns
from pipway.audit.queries.hosts import host
from pipway.findings import Severity

RULE = Rule(
    "PW417",
    "cooldown-without-times",
    "Cooldown that cannot work",
    Severity.HIGH,
    references=("PEP 700", "uv issues 10394 and 12449", "sonatype/nexus-public issue 998"),
)
#: how the addresses of managers look that give no upload times: Nexus, Artifactory, Azure Artifacts
_WITHOUT = re.compile(r"/repository/[^/]+/simple\b|/api/pypi/[^/]+/simple\b|/_packaging/[^/]+/pypi/simple\b")
_RESULTS = MappingProxyType(
    {"pip": "pip stops with an error", "poetry": "Poetry installs new releases all the same, and says nothing"}
)


def check(project: Project) -> Iterator[Found]:
    """Every cooldown beside such an index of its own tool and file, or of a configuration file."""
    indexes: dict[tuple[str, str], Index] = {}
    for each in project.of(Index):
        if _gives_none(each):
            indexes.setdefault((each.tool, each.span.source.path), each)
            if each.via == "file":
                indexes.setdefault((each.tool, ""), each)
    for option in cooldowns(project):
        index = indexes.get((option.tool, option.span.source.path))
        if index is None and option.via == "file":
            index = indexes.get((option.tool, ""))
        if index is None:
            continue
        name = host(index.url) or "the index"
        yield Found(
            option.span,
            f"the cooldown needs upload times, and {name} gives none",
            confidence=Confidence.MEDIUM,
            consequence=_RESULTS.get(option.tool, f"{option.tool} leaves out every version of that index"),
            advice="use an index that gives upload times (PEP 700), or ask whoever runs this one for them",
            related=((index.url_span or index.span, "the index"),),
        )


def _gives_none(index: Index) -> bool:
    return index.role != "upload" and _WITHOUT.search(index.url) is not None and "exclude-newer" not in index.traits
