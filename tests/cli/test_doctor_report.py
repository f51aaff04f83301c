"""The report for a person: short where nothing is to be said, and without trifles where something fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.doctor.probes.asked import case

from pipway.cli.doctor_report import Screen, as_dict
from pipway.doctor.base import Facts, Result, fails, skipped, works
from pipway.doctor.run import Report, Step
from pipway.findings import Finding, Fix, Place, Severity

BROKEN = Finding("broken", Severity.HIGH, "it is broken")
REMARK = Finding("remark", Severity.MEDIUM, "it is odd")
TRIFLE = Finding("trifle", Severity.LOW, "it is a trifle")


def shown(folder: Path, capsys: pytest.CaptureFixture[str], *results: Result) -> str:
    steps = tuple(Step(f"step{number}", f"title {number}", each, 0.0) for number, each in enumerate(results))
    screen, report = Screen(), Report(case("https://index.example/simple/", folder), steps, Facts())
    for step in steps:
        screen.step(step)
    screen.end(report)
    assert len(as_dict(report)["steps"]) == len(results)
    return capsys.readouterr().out


def test_what_was_not_tried_for_one_reason_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = [skipped(f"not tried: needs {name}") for name in ("names", "names", "reach")]
    said = shown(tmp_path, capsys, skipped("no PAC"), works("well"), fails("no", BROKEN), *blocked)
    assert [line.split()[:3] for line in said.split("\n\n")[0].splitlines()] == [
        ["·", "title", "0"],
        ["✓", "title", "1"],
        ["✗", "title", "2"],
        ["·", "title", "3"],
    ]
    assert "(and 2 more)" in said


def test_trifles_are_told_only_where_nothing_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(tmp_path, capsys, works("well", REMARK, TRIFLE))
    assert "[remark]" in said
    assert "[trifle]" in said
    said = shown(tmp_path, capsys, works("well", REMARK, TRIFLE), fails("no", BROKEN))
    assert "[remark]" in said
    assert "[trifle]" not in said
    assert said.index("[broken]") < said.index("[remark]")


@pytest.mark.slow
def test_what_others_chose_says_something_and_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;title\x07 \x9b31m [red]x[/red] \u202e \x7f\r\n  $ forged"
    fix = Fix(evil, commands=(f"pip install '{evil}'",))
    found = Finding("broken", Severity.HIGH, evil, evil, place=Place(evil), fix=fix)
    said = shown(tmp_path, capsys, works(evil), skipped(evil), fails(evil, found))
    assert all(sign == "\n" or sign.isprintable() for sign in said)
    assert "[red]x[/red]" in said  # no markup of ours
    assert not [line for line in said.splitlines() if line.startswith("  $ forged")]
