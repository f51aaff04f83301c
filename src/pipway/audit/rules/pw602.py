"""A cache setting that does the opposite.

What
----
`no-cache-dir` has the value false, in pip's configuration or in `PIP_NO_CACHE_DIR`.

Why
---
pip switches its cache off by that, whatever the value is. Who meant to keep the cache has none, and downloads
everything again each time.

Bad
---
    # pip.conf
    [global]
    no-cache-dir = false

Good
----
    # pip.conf
    [global]
    timeout = 60
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.fix.edits import removal
from pipway.audit.queries.installs import is_on
from pipway.findings import Severity

RULE = Rule(
    "PW602",
    "inverted-cache-setting",
    "Cache setting that does the opposite",
    Severity.LOW,
    references=("pip: docs/html/topics/configuration.md",),
)


def check(project: Project) -> Iterator[Found]:
    """Files and variables; as a flag of a command it has no value."""
    for option in project.of(Option):
        if option.tool != "pip" or option.name != "no-cache-dir" or option.via not in ("file", "variable"):
            continue
        if not option.value.strip() or is_on(option.value):
            continue
        yield Found(
            option.span,
            f"{option.key} = {option.value.strip()[:10]} switches the cache off",
            consequence="pip downloads everything again each time",
            advice="take it out to keep the cache, or write true to say that there is none",
            repair=_repair(option),
        )


def _repair(option: Option) -> Repair | None:
    """In a file the line goes; in a variable, mostly an image's, the value says what pip does anyway."""
    if option.via == "variable":
        span = option.value_span
        return Repair("say what it does", (Edit(span, "1"),), safe=True) if span is not None else None
    edits = removal(option.span)
    return Repair("keep the cache", edits, safe=True) if edits else None
