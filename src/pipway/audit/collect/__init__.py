"""Collectors: one module per format, which turns a file into facts, and `files`, which says what each of them reads.

Only those are loaded that a file needs. A collector parses and never executes; what it cannot read it says in a Note.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Protocol, cast

from pipway.audit.collect.files import FILES, HEADED, modules, suffix
from pipway.audit.facts import Fact, Source
from pipway.audit.walk import Tree

HEAD = 1024  #: characters of a beginning


class Collector(Protocol):
    """A module that `files` names. It may offer `WHERE`, where what it finds has its effect, as well."""

    KIND: str  #: becomes `Source.kind`

    def collect(self, source: Source, tree: Tree) -> Iterable[Fact]:
        """What stands there. `tree` reads what the file includes."""


def readers(path: str, beginning: Callable[[], str]) -> Sequence[Collector]:
    """Those that read a file. What it begins with is asked only where its name says too little."""
    return [collector(name) for name in modules(path, beginning() if suffix(path) in HEADED else "")]


def collectors() -> tuple[Collector, ...]:
    """All of them, by name."""
    return tuple(map(collector, sorted(FILES)))


@cache
def collector(name: str) -> Collector:
    """The one that `files` calls so."""
    return cast(Collector, importlib.import_module(f"{__name__}.{name}"))
