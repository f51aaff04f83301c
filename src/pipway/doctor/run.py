"""Tries the steps in order and reports: what works, the first thing that fails, why, and the fix.

`cli.doctor` calls `examine`. One step that fails keeps those that need it from being tried, so nothing is blamed twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipway.doctor.base import FAILING, Case, Facts, Probe, Result, Status, fails, skipped
from pipway.doctor.probes import PROBES
from pipway.errors import PipwayError
from pipway.findings import Finding, Fix, Severity

_ALL = 28.0  # seconds for everything: a person waits


@dataclass(frozen=True, slots=True)
class Step:
    """A probe and how it went."""

    id: str
    title: str
    result: Result
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """The whole examination."""

    case: Case
    steps: tuple[Step, ...]
    facts: Facts

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, in the order of the steps."""
        return tuple(finding for step in self.steps for finding in step.result.findings)

    @property
    def first(self) -> Finding | None:
        """The first that stops an install."""
        return next((finding for finding in self.findings if finding.severity >= FAILING), None)


async def examine(
    case: Case,
    probes: Sequence[Probe] = PROBES,
    *,
    limit: float = _ALL,
    told: Callable[[Step], None] = lambda _: None,
) -> Report:
    """Run the probes in order, within `limit` seconds; `told` hears of each step as it ends."""
    facts = Facts()
    steps: list[Step] = []
    stopped: set[str] = set()
    end = time.monotonic() + limit
    for probe in probes:
        began = time.monotonic()
        # What says of itself that it has nothing to try, as the proxy's steps where there is none, stops nobody.
        blocked = next((name for name in probe.needs if name in stopped), None)
        if blocked is not None:
            result = skipped(f"not tried: needs {blocked}")
        elif end - began <= 0:
            result = skipped(f"not tried: the {limit:.0f} seconds are over")
        else:
            result = _explained(probe.id, await _result(probe, case, facts, end - began), facts)
        if blocked is not None or result.status is Status.FAILS:
            stopped.add(probe.id)
        steps.append(Step(probe.id, probe.title, result, time.monotonic() - began))
        told(steps[-1])
    return Report(case, tuple(_once(steps)), facts)


def _explained(step: str, result: Result, facts: Facts) -> Result:
    """What failed, with the suspicion that explains it in front."""
    failing = next((each for each in result.findings if each.severity >= FAILING), None)
    if result.status is not Status.FAILS or failing is None:
        return result
    fits = (each.finding for each in facts.suspicions if each.explains & {step, failing.id})
    reason = next(fits, failing)
    if reason.id == failing.id:
        return result
    return Result(result.status, result.says, (reason, *(each for each in result.findings if each.id != reason.id)))


def _once(steps: Sequence[Step]) -> list[Step]:
    """Without the remarks that turned out to be the reason for a failure: they are told there."""
    reasons = {each.id for step in steps for each in step.result.findings if each.severity >= FAILING}
    return [
        replace(
            step,
            result=replace(
                step.result,
                findings=tuple(
                    each for each in step.result.findings if each.severity >= FAILING or each.id not in reasons
                ),
            ),
        )
        for step in steps
    ]


async def _result(probe: Probe, case: Case, facts: Facts, seconds: float) -> Result:
    try:
        async with asyncio.timeout(seconds):
            return await probe.run(case, facts)
    except TimeoutError:
        finding = Finding(f"{probe.id}-too-slow", Severity.HIGH, f"this step did not end in {seconds:.0f} seconds")
        return fails("no end of it was seen", finding)
    except PipwayError as error:
        fix = Fix(error.fix) if error.fix else None
        return fails(error.what, Finding(error.code, Severity.HIGH, error.what, error.why, fix=fix))
