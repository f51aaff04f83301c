"""A cooldown that is off for some, for ever.

What
----
A project or an index is left out of the cooldown: `exclude-newer-package` far in the future or false, an index with
`exclude-newer = false`, Poetry's `min-release-age-exclude`, or an exclusion of everything.

Why
---
The exception was for one release on one day. It stays, and the next release of that project, whoever uploaded it, is
installed at once.

Bad
---
    # pyproject.toml
    [tool.uv.exclude-newer-package]
    mypkg = "2099-01-01"

Good
----
    # pyproject.toml
    [tool.uv.exclude-newer-package]
    mypkg = "2026-11-03"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Index, Option, Project, Span, Variable
from pipway.audit.queries.cooldowns import fixed
from pipway.findings import Severity

RULE = Rule(
    "PW416",
    "endless-cooldown-exception",
    "Cooldown switched off by an exception",
    Severity.LOW,
    references=("uv: concepts/resolution",),
)
_EXCLUDED = re.compile(r"min-release-age-(?:exclude|excludes|exclude-source|exclude-sources)$")
_EVERYTHING = re.compile(r"SAFE_CHAIN_\w*EXCLUSIONS")
_NEVER = frozenset({"false", "p0d", "0 days", "pt0s"})


def check(project: Project) -> Iterator[Found]:
    """Exceptions without an end; what a date ends soon is none."""
    for option in project.of(Option):
        if option.name == "exclude-newer-package":
            name, _, until = option.value.partition("=")
            if _endless(until, project.today):
                yield _found(option.span, name.strip())
        elif _EXCLUDED.fullmatch(option.name) and option.value.strip():
            yield _found(option.span, option.value.strip())
    for index in project.of(Index):
        if index.traits.get("exclude-newer", "").lower() in _NEVER:
            yield _found(index.trait_spans.get("exclude-newer", index.span), index.name or "an index")
    for variable in project.of(Variable):
        if _EVERYTHING.fullmatch(variable.name) and variable.value.strip() == "*":
            yield _found(variable.span, "everything")


def _endless(text: str, today: date) -> bool:
    bare = text.strip().strip("\"'").lower()
    day = fixed(bare.upper())
    return bare in _NEVER or (day is not None and today != date.min and day > today)


def _found(span: Span, what: str) -> Found:
    return Found(
        span,
        f"{what} is left out of the cooldown, without an end",
        consequence="each new release of it is installed at once",
        advice="name the day of the release that was meant instead",
    )
