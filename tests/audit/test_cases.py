"""Every rule's cases, from plain files: what must be found where, what must not, and what a fix makes of it.

tests/audit/cases/PW101/NAME.case has, in this order: lines `# expect: PATH:LINE[:COLUMN] SEVERITY` (none for a close
call), `# see: PATH:LINE` (all further places of the findings), `# fix: safe` or `# fix: unsafe`, `# tracked: PATH …`,
`# mode: PATH 600`, `# persona: pedantic`, `# today: DATE`, `# organisation: KEY WORD …`; then files, each after a line
`--- path`; after `=== base` locks of the base branch, and after `=== fixed` the files that a fix changes. `\\r` at the
end of a line stands for a carriage return.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.audit.casefile import Case, lay, read

from pipway.audit.fix.apply import mended
from pipway.audit.rules import SECTIONS, rules
from pipway.audit.run import UNUSED, Result, check

HERE = Path(__file__).parent / "cases"
CASES = sorted(HERE.glob("*/*.case"))


def judged(case: Case, rule: str, root: Path) -> list[Result]:
    """What one rule finds. Whether a comment does nothing only all rules together tell."""
    wanted = rules() if rule == UNUSED else {rule: rules()[rule]}
    found = check(lay(case, root), wanted, persona=case.persona).results
    return [result for result in found if result.rule.id == rule]


def shown(result: Result, *, column: bool) -> str:
    """As in an `expect` line."""
    place = result.found.span.place
    where = f"{place.name}:{place.line}" + (f":{place.column}" if column else "")
    return f"{where} {result.severity.name.lower()}"


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_case(path: Path, tmp_path: Path) -> None:
    """The rule finds exactly what is expected, and its fix makes the files that are written there, which are clean."""
    case = read(path)
    results = judged(case, path.parent.name, tmp_path)
    columns = any(line.split()[0].count(":") == 2 for line in case.expect)
    assert sorted(shown(result, column=columns) for result in results) == sorted(case.expect)
    if case.see:
        places = (span.place for result in results for span, _ in result.found.related)
        assert sorted(f"{place.name}:{place.line}" for place in places) == sorted(case.see)
    for result in results:
        assert result.found.what and (result.found.advice or result.found.repair), "what to do is missing"
    if not case.fix:
        assert not case.fixed
        return
    after = mended([result.found for result in results], unsafe=case.fix == "unsafe")
    assert {each.source.path: each.after for each in after if each.after != each.source.text} == case.fixed
    case.modes |= {each.source.path: 0o600 for each in after if each.closed}
    if case.fix == "unsafe":
        assert mended([result.found for result in results], unsafe=False) == [], "it is safe as well"
    case.files |= case.fixed
    assert judged(case, path.parent.name, tmp_path) == [], "the fixed files are not clean"


@pytest.mark.parametrize("name", rules())
def test_rule_is_complete(name: str) -> None:
    """Documentation, a case that triggers it, a close call; and where a repair can be made a case that makes it."""
    explained = rules()[name]
    assert list(explained.sections) == list(SECTIONS), "the docstring needs What, Why, Bad, Good"
    assert all(explained.sections.values())
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", explained.rule.name)
    cases = [read(path) for path in CASES if path.parent.name == name]
    assert any(case.expect for case in cases), "no case triggers it"
    assert any(not case.expect for case in cases), "no close call"
    source = (Path(explained.check.__code__.co_filename)).read_text(encoding="utf-8")
    assert "repair=" not in source or any(case.fix for case in cases), "no case for its fix"


def test_names_and_titles_are_unique_and_cases_have_rules() -> None:
    """Two rules of one name could not be told apart; a folder without a rule is never read."""
    every = [each.rule for each in rules().values()]
    assert len({rule.name for rule in every}) == len(every)
    assert len({rule.title for rule in every}) == len(every)
    assert {path.parent.name for path in CASES} <= set(rules())
