"""The engine: the order of the steps, what a failed one keeps from being tried, and the time for all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipway.clients.base import Surroundings
from pipway.doctor.base import Case, Facts, Probe, Result, Status, Subject, Suspicion, fails, skipped, works
from pipway.doctor.run import examine
from pipway.errors import Unavailable
from pipway.findings import Finding, Severity

CASE = Case(Surroundings({}, Path(), Path()), Subject("pip", None, {}), (), "https://index.example/simple/", "parcel")


@dataclass(frozen=True)
class Fixed:
    """A probe that does what the test says."""

    id: str
    needs: tuple[str, ...] = ()
    result: Result | Exception | None = None
    seconds: float = 0
    title: str = "it works"

    async def run(self, case: Case, facts: Facts) -> Result:
        await asyncio.sleep(self.seconds)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result or works("yes")


HIGH = Finding("broken", Severity.HIGH, "it is broken")
LOW = Finding("odd", Severity.LOW, "it is odd")


async def test_what_needs_a_failed_step_is_not_tried_and_the_rest_is() -> None:
    probes = [Fixed("a", result=fails("no", HIGH)), Fixed("b", ("a",)), Fixed("c", ("b",)), Fixed("d")]
    report = await examine(CASE, probes)
    assert [step.result.status for step in report.steps] == ["fails", "skipped", "skipped", "works"]
    assert report.first is HIGH


async def test_a_step_with_nothing_to_try_stops_nobody() -> None:
    report = await examine(CASE, [Fixed("proxy", result=skipped("no proxy is used")), Fixed("index", ("proxy",))])
    assert [step.result.status for step in report.steps] == ["skipped", "works"]


async def test_the_first_failing_finding_is_the_first_that_stops_an_install() -> None:
    report = await examine(CASE, [Fixed("a", result=works("well", LOW)), Fixed("b", result=fails("no", LOW, HIGH))])
    assert report.findings == (LOW, LOW, HIGH)
    assert report.first is HIGH
    assert (await examine(CASE, [Fixed("a", result=works("well", LOW))])).first is None


async def test_an_error_of_ours_is_a_finding_with_its_fix() -> None:
    report = await examine(CASE, [Fixed("a", result=Unavailable("no-route", "it is away", why="so", fix="go"))])
    assert report.first is not None
    assert (report.first.id, report.first.why) == ("no-route", "so")
    assert report.first.fix is not None
    assert report.first.fix.text == "go"


async def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        await examine(CASE, [Fixed("a", result=ZeroDivisionError())])


async def test_the_time_for_all_is_bounded() -> None:
    told: list[str] = []
    report = await examine(
        CASE, [Fixed("a", seconds=60), Fixed("b")], limit=0.05, told=lambda step: told.append(step.id)
    )
    assert [step.result.status for step in report.steps] == [Status.FAILS, Status.SKIPPED]
    assert report.first is not None
    assert report.first.id == "a-too-slow"
    assert told == ["a", "b"]


SUSPECTED = Finding("suspected", Severity.HIGH, "this may be why")


@dataclass(frozen=True)
class Suspecting:
    """A probe that remarks something, and suspects it of what fails later."""

    explains: frozenset[str]
    id: str = "first"
    title: str = "it works"
    needs: tuple[str, ...] = ()

    async def run(self, case: Case, facts: Facts) -> Result:
        suspicion = Suspicion(SUSPECTED, self.explains)
        facts.suspicions.append(suspicion)
        return works("well", suspicion.remark)


@pytest.mark.parametrize("explains", ["second", "broken"], ids=["a step", "a cause"])
async def test_a_suspicion_is_the_reason_for_the_failure_that_it_explains(explains: str) -> None:
    probes: list[Probe] = [Suspecting(frozenset({explains})), Fixed("second", result=fails("no", LOW, HIGH))]
    report = await examine(CASE, probes)
    assert report.first is SUSPECTED
    assert report.findings == (SUSPECTED, LOW, HIGH), "its remark is not told as well"


async def test_a_suspicion_stays_a_remark_when_it_explains_nothing() -> None:
    probes: list[Probe] = [Suspecting(frozenset({"third"})), Fixed("second", result=fails("no", HIGH))]
    report = await examine(CASE, probes)
    assert report.first is HIGH
    assert [each.severity for each in report.findings] == [Severity.MEDIUM, Severity.HIGH]
    assert (await examine(CASE, [Suspecting(frozenset({"second"})), Fixed("second")])).first is None
