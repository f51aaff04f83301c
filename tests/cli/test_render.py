"""Findings and errors on a terminal and elsewhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipway.cli.render import show_error, show_findings
from pipway.errors import PipwayError
from pipway.findings import Finding, Fix, Place, Severity


def test_a_finding_says_where_what_why_and_the_fix(capsys: pytest.CaptureFixture[str]) -> None:
    """The same anatomy for everything that is found."""
    show_findings(
        [
            Finding(
                "open-door", Severity.MEDIUM, "the door is open", "wind", Place("house.toml", 3), fix=Fix("close it")
            ),
            Finding("no-house", Severity.HIGH, "there is no house"),
        ]
    )
    assert capsys.readouterr().err == (
        "medium  house.toml:3: the door is open [open-door]\n"
        "  why  wind\n"
        "  fix  close it\n"
        "high  there is no house [no-house]\n"
    )


def test_several_lines_stay_in_their_column(capsys: pytest.CaptureFixture[str]) -> None:
    """So the block reads as one."""
    show_error(PipwayError("x", "what", why="one\ntwo", fix=""))
    assert capsys.readouterr().err == "error  what [x]\n  why  one\n       two\n"


def test_nobody_reading_is_no_second_error() -> None:
    """Standard error may be closed; the exit code still tells."""
    script = (
        "from pipway.cli.render import *; from pipway.errors import *; show_error(PipwayError('x', 'y')); print('ok')"
    )
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" 2>&-', sys.executable, script], stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "ok\n"


def test_what_a_file_says_does_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A key of somebody's pip.conf, repeated in a finding."""
    show_findings([Finding("PW703", Severity.LOW, "pip has no option \x1b[2J", "\x9b0m", Place("\x07pip.conf", 3))])
    show_error(PipwayError("x", "\x1b[2Jwhat", why="\x1bwhy", fix="\x1bfix"))
    assert not {"\x1b", "\x9b", "\x07"} & {*capsys.readouterr().err}
