"""Advice on pip that is common and wrong: the audit names what is wrong with it, and has nothing against the good form.

Four of the twenty are outside of what an audit of files can say, and must stay so: a comment that does nothing,
`pip check`, a signature that somebody checks, and an action of a workflow that is not pinned (zizmor's).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.audit.advised import ADVICE, advice
from tests.audit.casefile import Case, lay

from pipway.audit.rules import rules
from pipway.audit.run import check
from pipway.findings import Severity

SILENT = {9, 13, 14, 17}

#: Advice whose good form mends the fault that is meant, and keeps another: a login for a proxy, however it is written.
KEPT = {20: {"PW111", "PW302", "PW303"}}


def named(case: Case, root: Path) -> dict[str, Severity]:
    """What is found, as in a `plant` line."""
    found = check(lay(case, root), rules(), persona=case.persona).results
    return {
        f"{each.rule.id} {each.found.span.place.name}:{each.found.span.place.line}": each.severity for each in found
    }


def loud(found: dict[str, Severity]) -> list[str]:
    """What is more than information."""
    return [each for each, severity in found.items() if severity > Severity.INFO]


@pytest.mark.parametrize("path", ADVICE, ids=lambda path: path.stem)
def test_wrong_advice_is_named_and_good_advice_is_not(path: Path, tmp_path: Path) -> None:
    case = advice(path)
    found = named(case, tmp_path / "wrong")
    assert not [plant for plant in case.plant if plant not in found], found
    if int(path.stem[:2]) in SILENT:
        assert not case.plant and loud(found) == []
        return
    assert case.plant and case.fixed
    case.files = case.fixed
    rest = {each.split()[0] for each in loud(named(case, tmp_path / "good"))}
    assert rest == KEPT.get(int(path.stem[:2]), set())


def test_there_are_twenty() -> None:
    assert [int(path.stem[:2]) for path in ADVICE] == list(range(1, 21))


@pytest.mark.parametrize(
    ("stem", "plant", "severity"),
    [
        ("15-http-index", "PW101 pip.conf:2", Severity.MEDIUM),  # pip leaves it out: broken, not exploited
        ("15-http-index", "PW101 trusted/pip.conf:2", Severity.HIGH),
        ("15-http-index", "PW102 trusted/pip.conf:3", Severity.CRITICAL),
        ("18-trust-the-public-index", "PW102 pip.conf:4", Severity.CRITICAL),
        ("02-backup-index", "PW201 pip.conf:4", Severity.CRITICAL),
    ],
)
def test_how_bad_it_is(stem: str, plant: str, severity: Severity, tmp_path: Path) -> None:
    case = advice(next(path for path in ADVICE if path.stem == stem))
    assert named(case, tmp_path)[plant] is severity
