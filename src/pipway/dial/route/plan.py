"""A decision about the way out: ways in order, with the reason. And the protocol of whoever decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipway.dial.base import Target
from pipway.dial.parent import Parent


@dataclass(frozen=True, slots=True)
class Way:
    """The hops to go through, first one first; none is direct. `ViaHttp(b, ViaHttp(a, Direct()))` for (a, b)."""

    hops: tuple[Parent, ...] = ()

    def __str__(self) -> str:
        return " then ".join(str(hop) for hop in self.hops) if self.hops else "direct"


DIRECT = Way()


@dataclass(frozen=True, slots=True)
class Plan:
    """The ways to try, in order; none at all: refused. `equal`: what was measured may change the order."""

    ways: tuple[Way, ...]
    reason: str  #: who decided and by which entry, for people: "NO_PROXY: .corp.example"
    equal: bool = False


class Decider(Protocol):
    """One source of decisions."""

    async def decide(self, target: Target) -> Plan | None:
        """A plan, or None to let the next one decide. PipwayError when it should know and cannot tell."""
