"""Collectors: one module per format, which turns a file into facts. Those that offer `KIND` are found by listing this
folder.

`run` asks each which files it knows. A collector parses and never executes; what it cannot read it says in a Note.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import PurePosixPath
from typing import Protocol, cast

from pipway.audit.facts import Fact, Source
from pipway.audit.walk import Tree

#: Files whose beginnings are looked at, because their names say too little.
HEADED = frozenset({"", ".sh", ".bash", ".txt", ".in", ".yml", ".yaml", ".cfg", ".conf", ".ini", ".env", ".json"})
HEAD = 1024  #: characters of a beginning


class Collector(Protocol):
    """A module of this folder. It may offer `WHERE`, where what it finds has its effect, as well."""

    KIND: str  #: becomes `Source.kind`

    def matches(self, path: PurePosixPath, head: str) -> bool:
        """Whether it reads this file. `head` is the beginning of files whose names do not say what they are."""

    def collect(self, source: Source, tree: Tree) -> Iterable[Fact]:
        """What stands there. `tree` reads what the file includes."""


@cache
def collectors() -> tuple[Collector, ...]:
    """All of them, by name."""
    modules = (importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__))
    return tuple(cast(Collector, module) for module in modules if hasattr(module, "KIND"))


def readers(path: PurePosixPath, beginning: Callable[[], str]) -> list[Collector]:
    """Those that read a file. What it begins with is asked only where its name says too little."""
    head = beginning() if path.suffix.lower() in HEADED else ""
    return [collector for collector in collectors() if collector.matches(path, head)]
