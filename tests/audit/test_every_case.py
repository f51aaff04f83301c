"""What holds for the files of all cases, with all rules at once: no secret is shown, and mending once is enough."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from tests.audit.casefile import Case, lay, read
from tests.audit.test_cases import CASES

from pipway.audit import formats
from pipway.audit.base import Found, Persona
from pipway.audit.configuration import Configuration
from pipway.audit.facts import Project
from pipway.audit.fix.diff import unified
from pipway.audit.fix.rounds import finished
from pipway.audit.queries.logins import FILLED
from pipway.audit.report import Report, Veil, entries
from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.walk import Tree

#: passwords in URLs, in files and commands; and what stands alone
_WRITTEN = re.compile(
    r"//[^/\s:@\"']*:([^\s@\"']+)@(?=[\w.-]+)|//([\w-]{30,})@|"
    r"(?i:password|passwd|token)[\"']?[ \t]*(?:[=: ]|: \")[ \t]*([^\s$\"',{]{5,})"
)
_A_SECRET = re.compile(r"\S*(?:hunter|pypi-|gh[ps]_|glpat-|100%25)\S*")


FIXES = [path for path in CASES if read(path).fix]


def secrets(case: Case) -> set[str]:
    """Those that are written in its files."""
    texts = "\n".join(case.files.values())
    said = {next(filter(None, found.groups())) for found in _WRITTEN.finditer(texts)}
    return {each for each in said if not FILLED.search(each) and _A_SECRET.fullmatch(each)}


def looked(root: Path, before: Project, instead: Mapping[str, str]) -> tuple[Project, list[Found]]:
    tree = Tree(root, known=frozenset(each.path for each in before.sources if each.tracked), instead=instead)
    said = Configuration(organisation=before.organisation)
    project = replace(collect(tree, configuration=said, today=before.today), answers=before.answers)
    return project, [result.found for result in check(project, rules(), persona=Persona.PEDANTIC).results]


def told(name: str, report: Report) -> str:
    """In a format; the examples in a rule's own documentation are nobody's."""
    text = formats.write(name, report)
    if name != "sarif":
        return text
    run = json.loads(text)["runs"][0]
    run["tool"]["driver"].pop("rules")
    return json.dumps(run)


@pytest.mark.slow
@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_case(path: Path, tmp_path: Path) -> None:
    """Fixed again, nothing changes; and whatever is shown shows no secret."""
    case = read(path)
    project = lay(case, tmp_path)
    results = check(project, rules(), persona=Persona.PEDANTIC).results
    tree, first = Tree(tmp_path), [result.found for result in results]
    report = Report(tuple(entries(results, project)), 1)
    shown = [told(name, report) for name in formats.NAMES]
    for unsafe in (False, True):
        changed = finished(tree, first, lambda instead: looked(tmp_path, project, instead)[1], unsafe=unsafe)
        instead = {place: each.after for place, each in changed.items()}
        after, found = looked(tmp_path, project, instead)
        veils = Veil(project), Veil(after)
        shown.append(unified(changed.values(), lambda text: veils[1](veils[0](text))))  # noqa: B023
        tree_after = Tree(tmp_path, instead=instead)
        again = finished(tree_after, found, lambda instead: looked(tmp_path, project, instead)[1], unsafe=unsafe)
        # Nothing is written here, so permissions stay as they were and are mended again: only texts count.
        assert [one.after for place, one in again.items() if one.after != instead.get(place, one.source.text)] == []
    for secret in secrets(case) | {"hunter"}:
        assert not any(secret in text for text in shown), secret


@pytest.mark.slow
@pytest.mark.parametrize("path", FIXES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_line_ends_marks_and_last_lines_stay(path: Path, tmp_path: Path) -> None:
    """A fix of the same file with the ends of Windows, a byte order mark, or no last line's end is the same fix."""
    case = read(path)
    plain = mended_all(case, tmp_path / "plain")
    if not any("\r" in text for text in case.files.values()):
        other = replace(case, files={name: text.replace("\n", "\r\n") for name, text in case.files.items()})
        for name, text in mended_all(other, tmp_path / "crlf").items():
            assert text == plain[name].replace("\n", "\r\n"), name
    marked = replace(case, files={name: f"\ufeff{text}" for name, text in case.files.items()})
    for name, text in mended_all(marked, tmp_path / "mark").items():
        assert text.startswith("\ufeff") or PurePosixPath(name).name in ("pip.conf", "pip.ini"), name
    ended = replace(case, files={name: text.removesuffix("\n") for name, text in case.files.items()})
    for name, text in mended_all(ended, tmp_path / "ended").items():
        assert text.rstrip("\n") == plain[name].rstrip("\n"), name


def mended_all(case: Case, root: Path) -> dict[str, str]:
    """Every file after all its fixes."""
    project = lay(case, root)
    results = check(project, rules()).results
    first = [result.found for result in results]
    changed = finished(Tree(root), first, lambda instead: looked(root, project, instead)[1], unsafe=True)
    after = {each.source.path: each.after for each in changed.values()}
    return {name: after.get(name, text) for name, text in case.files.items()}
