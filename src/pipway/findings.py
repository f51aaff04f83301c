"""The one anatomy for a verdict, an audit result and a doctor result.

Pure data: whoever finds something builds a `Finding`, whoever shows it renders one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is; ordered, so that `--fail-on` can compare."""

    INFO = 10
    LOW = 20
    MEDIUM = 30
    HIGH = 40
    CRITICAL = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is: a file (with 1-based line and column), a variable, a URL without secrets."""

    name: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.name, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do, as a sentence; `safe` when applying it cannot change what is installed.

    `commands` are what a person pastes into a shell, in order; words in capitals are theirs to fill in.
    """

    text: str
    safe: bool = False
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: id, severity, where, what, why, fix, link."""

    id: str
    severity: Severity
    what: str
    why: str = ""
    place: Place | None = None
    related: tuple[Place, ...] = ()
    fix: Fix | None = None
    link: str = ""
