"""A source of Poetry is written as Poetry does not take it.

What
----
`[tool.poetry.source]` with one pair of brackets, the keys `default` and `secondary` or priorities of these names, or
an address for the source called PyPI.

Why
---
Sources are a list, so the table is an error, beside a list even one of TOML. Poetry 2 has neither `default` nor
`secondary`; what it does with such a source is not what you wrote. PyPI's own address cannot be changed.

Bad
---
    # pyproject.toml
    [tool.poetry.source]
    name = "corp"
    url = "https://nexus.corp/simple"
    default = true

Good
----
    # pyproject.toml
    [[tool.poetry.source]]
    name = "corp"
    url = "https://nexus.corp/simple"
    priority = "primary"
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Index, Note, Project, Span
from pipway.audit.fix.edits import removal
from pipway.findings import Severity

RULE = Rule(
    "PW207",
    "obsolete-poetry-source",
    "Obsolete or invalid Poetry source",
    Severity.MEDIUM,
    references=("poetry: docs/repositories.md",),
)

_NOW = {"default": "primary", "secondary": "supplemental"}
_HEADER = "[tool.poetry.source]"


def check(project: Project) -> Iterator[Found]:
    """Tables that should be lists, then keys."""
    for note in project.of(Note):
        if note.what == "poetry-source-table":
            yield Found(
                note.span,
                "the sources of Poetry are a table, not a list",
                consequence="Poetry refuses the file",
                advice="write [[tool.poetry.source]]",
                repair=_brackets(note.span),
            )
    for index in project.of(Index):
        if index.tool == "poetry" and index.key.endswith("tool.poetry.source"):
            yield from _keys(index)


def _brackets(span: Span) -> Repair | None:
    start = span.source.text.find(_HEADER, span.start, span.start + len(_HEADER) + 4)
    if start < 0 or span.source.text[start - 1 : start] == "[":
        return None
    header = Span(span.source, start, start + len(_HEADER))
    return Repair("make it an element of the list", (Edit(header, f"[{_HEADER}]"),))


def _keys(index: Index) -> Iterator[Found]:
    for key, now in _NOW.items():
        span, old = index.trait_spans.get(key), index.traits.get("priority", "").lower() == key
        if span is not None and key in index.traits:
            on = index.traits[key] == "true" and "priority" not in index.traits
            edits = (Edit(span, f'priority = "{now}"'),) if on else removal(span)
        elif old:
            span = index.trait_spans["priority"]
            edits = (Edit(span, f'priority = "{now}"'),)
        else:
            continue
        yield Found(
            span,
            f"Poetry has no source that is {key}",
            consequence="Poetry 2 refuses the file, and older versions warn",
            advice=f'write priority = "{now}"',
            repair=Repair(f"make it {now}", edits),
        )
    url = index.trait_spans.get("url")
    if index.name.lower() == "pypi" and url is not None:
        yield Found(
            url,
            "the source PyPI has an address",
            consequence="Poetry refuses it: the address of PyPI cannot be changed",
            advice="leave the address out, or give the source another name",
            repair=Repair("leave PyPI's address out", removal(url)),
        )
