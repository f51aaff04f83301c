"""What a rule is, and what it gives: findings with exact spans and edits.

One module of `rules/` per rule: its docstring is its documentation (What, Why, Bad, Good), `RULE` its metadata, `check`
its check. Discovery lists the folder; nothing else has to be touched to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from pipway.audit.facts import Project, Source, Span
from pipway.findings import Severity


class Confidence(StrEnum):
    """How sure a rule is that this is what it says."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Persona(StrEnum):
    """Who wants to see it: `regular` has no false positives, `pedantic` everything."""

    REGULAR = "regular"
    PEDANTIC = "pedantic"


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace a piece of a file."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Repair:
    """Edits that mend one finding; `safe` when they cannot change what is installed."""

    title: str
    edits: tuple[Edit, ...] = ()
    safe: bool = False
    closes: Source | None = None  #: a file that only its owner may read from then on


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found. None of the texts may hold a secret."""

    span: Span
    what: str
    severity: Severity | None = None  #: None: the rule's own
    confidence: Confidence = Confidence.HIGH
    persona: Persona = Persona.REGULAR
    consequence: str = ""  #: what the tool will really do: "pip will send … to …"
    advice: str = ""  #: what to do, when no repair can be made
    related: tuple[tuple[Span, str], ...] = ()  #: further places and what they have to do with it
    repair: Repair | None = None
    strict: Severity | None = None  #: for pedants, where that is another one


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule's metadata; its documentation is its module's docstring."""

    id: str  #: PW101
    name: str  #: kebab-case, names the problem: "plain-http-index"
    title: str
    severity: Severity
    references: tuple[str, ...] = ()
    online: bool = False  #: needs a pipway server to ask (`--online`)
    base: bool = False  #: needs a branch to compare with (`--base`)


Check = Callable[[Project], Iterable[Found]]
