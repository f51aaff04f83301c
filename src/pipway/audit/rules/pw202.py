"""uv takes a version from whichever index has it.

What
----
`index-strategy` is `unsafe-best-match` or `unsafe-first-match`.

Why
---
By default uv takes a project from the first index that has it, so that nobody can offer a higher version elsewhere.
These two strategies ask all indexes: whoever takes the name of your project on PyPI is chosen, as with pip.

Bad
---
    # pyproject.toml
    [tool.uv]
    index-strategy = "unsafe-best-match"

Good
----
    # pyproject.toml
    [tool.uv]
    index-strategy = "first-index"
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.queries.indexes import cut, unread_tables
from pipway.findings import Severity

RULE = Rule(
    "PW202",
    "unsafe-index-strategy",
    "Unsafe index strategy",
    Severity.HIGH,
    references=("uv: concepts/indexes, searching across multiple indexes",),
)


def check(project: Project) -> Iterator[Found]:
    """Every such option, of uv and of pixi, which hands it to uv."""
    unread = unread_tables(project)
    for option in project.of(Option):
        value = option.value.strip().lower()
        if option.name != "index-strategy" or not value.startswith("unsafe-"):
            continue
        edits = cut(option.span, option.command)
        if option.tool == "uv" and option.span.source.path in unread:
            yield Found(
                option.span,
                "the index strategy is unsafe, where uv does not read it",
                Severity.LOW,
                consequence="uv reads the uv.toml beside it and nothing of [tool.uv]; this holds when that file goes",
                advice="leave it out",
                repair=Repair("leave it out", edits) if edits else None,
            )
            continue
        yield Found(
            option.span,
            f"the index strategy is {value}" if value.isascii() and len(value) < 40 else "the index strategy is unsafe",
            consequence=f"{option.tool} takes a project from any index, whoever uploaded it there",
            advice="leave it out: the default is first-index",
            repair=Repair("use the first index that has a project", edits) if edits else None,
        )
