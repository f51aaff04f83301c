"""How many facts of a kind one file may have: rules compare them with each other.

`run` asks. What is more is said, never passed over in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pipway.audit.facts import Command, Copied, Fact, Index, Locked, Note, Option, Required, Scope, Variable

#: Facts of one file, far beyond what anybody writes.
MOST: Mapping[type[Fact], int] = MappingProxyType(
    {
        Index: 500,
        Option: 5000,
        Variable: 5000,
        Command: 20_000,
        Copied: 5000,
        Scope: 5000,
        Note: 5000,
        Required: 50_000,
        Locked: 200_000,
    }
)
_CALLED: Mapping[type[Fact], str] = MappingProxyType(
    {
        Index: "indexes",
        Option: "options",
        Variable: "variables",
        Command: "commands",
        Copied: "copies",
        Scope: "scopes",
        Note: "oddities",
        Required: "requirements",
        Locked: "locked files",
    }
)


def bounded(facts: Iterable[Fact]) -> tuple[list[Fact], list[str]]:
    """The facts of one file that are looked at, and of what there are more."""
    kept: list[Fact] = []
    counts = dict.fromkeys(MOST, 0)
    over: dict[type[Fact], None] = {}
    for fact in facts:
        kind = type(fact)
        counts[kind] += 1
        if counts[kind] <= MOST[kind]:
            kept.append(fact)
        else:
            over[kind] = None
    return kept, [f"more than {MOST[kind]} {_CALLED[kind]}" for kind in over]
