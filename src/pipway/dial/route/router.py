"""The dialer on top: decides which way a target takes, and tries the next one when a way does not lead out.

`outbound` builds it; `dial.http` and later the tunnels dial through it. It opens nothing itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from pipway.dial.base import Dialer, Stream, Target
from pipway.dial.route.health import Health
from pipway.dial.route.measured import Measured
from pipway.dial.route.plan import DIRECT, Decider, Plan, Way
from pipway.errors import BadUpstream, NoWayOut, PipwayError, Refused, Unavailable
from pipway.trace import Trace

_DIALERS = 256  # kept; PAC files can name any number
#: Failures of the target itself, as a parent tells them: another way is tried, and this one is not to blame.
_TARGETS_OWN = frozenset(
    {"parent-failed", "parent-forbids", "connection-refused", "host-unreachable", "name-not-found", "connect-timeout"}
)


class Router:
    """Conforms to `base.Dialer`."""

    def __init__(
        self,
        deciders: Sequence[Decider],
        *,
        build: Callable[[Way], Dialer],
        trace: Trace,
        limit: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`deciders` are asked in order; when none decides, it is direct. `build` makes the dialer of a way.

        `limit`: seconds that a way through parents may take, logins included, so that time is left for the next one.
        """
        self._deciders = tuple(deciders)
        self._build = build
        self._trace = trace
        self._limit = limit
        self._clock = clock
        self._dialers: dict[Way, Dialer] = {}
        self.health = Health(clock)

    async def plan(self, target: Target) -> Plan:
        """What would be done for a target, and why."""
        for decider in self._deciders:
            found = await decider.decide(target)
            if found is not None:
                return found
        return Plan((DIRECT,), "nothing says otherwise")

    async def key(self, target: Target) -> str:
        """Names the ways of a target: connections of other ways are not to be reused for it."""
        return " or ".join(str(way) for way in (await self.plan(target)).ways)

    async def dial(self, target: Target) -> Stream:
        """Open a stream by the first way that leads there. The most telling error when none does."""
        plan = await self.plan(target)
        if not plan.ways:
            raise Refused("route-refuses", f"no way leads to {target}", why=plan.reason, fix="change that route")
        failures: list[tuple[Way, PipwayError]] = []
        for way in self.health.order(plan.ways, equal=plan.equal):
            began = self._clock()
            try:
                stream = await self._by(way, target)
            except (Unavailable, BadUpstream) as error:
                failures.append((way, error))
                if error.code not in _TARGETS_OWN or not way.hops:
                    self.health.failed(way)
                self._trace.emit("route.failed", target=str(target), way=str(way), code=error.code)
                continue
            self.health.worked(way, self._clock() - began)
            self._trace.emit("route.dialled", target=str(target), way=str(way), reason=plan.reason)
            if len(plan.ways) > 1 or failures:
                self._trace.emit("route.used", target=str(target), way=str(way), failed=len(failures))
            return Measured(stream, partial(self.health.carried, way)) if plan.equal else stream
        raise _told(target, failures)

    async def _by(self, way: Way, target: Target) -> Stream:
        """One way. A parent that takes connections and never answers must not use up the time of the others."""
        if not way.hops:
            return await self._dialer(way).dial(target)
        try:
            async with asyncio.timeout(self._limit) as timer:
                return await self._dialer(way).dial(target)
        except TimeoutError:
            if not timer.expired():
                raise
            raise Unavailable(
                "parent-timeout",
                f"{way} did not lead to {target} within {self._limit:g} s",
                why="it takes connections and does not answer, or its own way out is stuck",
                fix="check that proxy, or name another one",
            ) from None

    def _dialer(self, way: Way) -> Dialer:
        found = self._dialers.get(way)
        if found is None:
            while len(self._dialers) >= _DIALERS:
                del self._dialers[next(iter(self._dialers))]
            found = self._dialers[way] = self._build(way)
        return found


def _told(target: Target, failures: Sequence[tuple[Way, PipwayError]]) -> PipwayError:
    """One error for all ways: what only a person can mend, else what the farthest one learned."""
    errors = [error for _, error in failures]
    got_through = [error for error in errors if error.code != "parent-unreachable"]
    first = next((error for error in errors if isinstance(error, NoWayOut)), (got_through or errors)[0])
    others = [f"{way}: {error.what}" for way, error in failures if error is not first]
    if others:
        first.why = "; ".join(
            part for part in (first.why, f"other ways to {target} fail too: {'; '.join(others)}") if part
        )
    return first
