"""Routes that a person wrote down: patterns and the ways to take, first match first; and the parents of `--parent`.

`outbound` makes them from settings. Patterns are those of NO_PROXY; a leading `=` makes a name match itself alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipway.dial.base import Target
from pipway.dial.route.no_proxy import NoProxy, Pattern, first_match, pattern
from pipway.dial.route.plan import DIRECT, Plan, Way
from pipway.errors import UsageError


@dataclass(frozen=True, slots=True)
class Route:
    """One route. No ways: whatever matches is refused."""

    patterns: tuple[Pattern, ...]
    ways: tuple[Way, ...]
    fastest: bool = False


class Routes:
    """Conforms to `plan.Decider`."""

    def __init__(self, routes: Sequence[Route], *, source: str) -> None:
        """`source` is where a person finds them: pipway.toml:12."""
        self._routes = tuple(routes)
        self._source = source

    async def decide(self, target: Target) -> Plan | None:
        """The first route that matches."""
        for number, route in enumerate(self._routes, 1):
            found = first_match(route.patterns, target)
            if found is not None:
                return Plan(route.ways, f"route {number} ({found.text}) in {self._source}", route.fastest)
        return None


class Parents:
    """Conforms to `plan.Decider`: everything goes through these, but for what NO_PROXY excepts."""

    def __init__(self, ways: Sequence[Way], no_proxy: NoProxy, *, source: str, excepted_by: str) -> None:
        """`source` and `excepted_by` are where a person finds the parents and the exceptions."""
        self._ways = tuple(ways)
        self._no_proxy = no_proxy
        self._source = source
        self._excepted_by = excepted_by

    async def decide(self, target: Target) -> Plan | None:
        """The parents in order, or direct."""
        found = self._no_proxy.match(target)
        if found is not None:
            return Plan((DIRECT,), f"excepted by {found.text} in {self._excepted_by}")
        return Plan(self._ways, self._source)


def route_pattern(text: str) -> Pattern:
    """Read a route's pattern. UsageError when it means nothing."""
    found = pattern(text.removeprefix("="))
    if found is None:
        raise UsageError(
            "bad-route",
            f"the route pattern {text[:60]!r} means nothing",
            fix="write a host, *.domain, an address, a CIDR block, host:port or *",
        )
    return replace(found, text=text, exact=text.startswith("="))
