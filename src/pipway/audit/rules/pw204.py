"""uv takes a refused login for a project that is not there.

What
----
`ignore-error-codes` of a private index has 401 or 403.

Why
---
When the token has run out, the index answers 401 or 403. uv goes on to the next index then and asks PyPI for the names
of your own projects: whoever took one there runs code on your machines.

Bad
---
    # pyproject.toml
    [[tool.uv.index]]
    name = "corp"
    url = "https://nexus.corp/simple"
    ignore-error-codes = [401, 403]

Good
----
    # pyproject.toml
    [[tool.uv.index]]
    name = "corp"
    url = "https://nexus.corp/simple"
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Persona, Repair, Rule
from pipway.audit.facts import Index, Project, Span
from pipway.audit.fix.edits import removal
from pipway.audit.queries.hosts import host, is_private
from pipway.findings import Severity

RULE = Rule(
    "PW204",
    "ignored-login-errors",
    "Refused logins that lead to the next index",
    Severity.HIGH,
    references=("uv: concepts/indexes, ignoring error codes when searching across indexes",),
)

_REFUSED = frozenset({"401", "403"})
_KEY = "ignore-error-codes"


def check(project: Project) -> Iterator[Found]:
    """Indexes of uv that have a next one: explicit ones and the default have none."""
    for index in project.of(Index):
        span = index.trait_spans.get(_KEY)
        if index.tool != "uv" or index.role != "extra" or span is None:
            continue
        codes = re.findall(r"\d{3}", span.text.partition("=")[2])
        ignored = sorted(_REFUSED & set(codes))
        if not ignored:
            continue
        name = host(index.url)
        ours = is_private(name, project.organisation) or index.traits.get("authenticate") == "always"
        yield Found(
            span,
            f"uv takes {' and '.join(ignored)} of {name or 'this index'} for a project that is not there",
            persona=Persona.REGULAR if ours else Persona.PEDANTIC,
            consequence="without a good login, uv takes its projects from the next index, PyPI in the end",
            advice="leave these codes out",
            repair=Repair("stop at a refused login", _without(span, [code for code in codes if code not in _REFUSED])),
        )


def _without(span: Span, rest: list[str]) -> tuple[Edit, ...]:
    return (Edit(span, f"{_KEY} = [{', '.join(rest)}]"),) if rest else removal(span)
