"""What the rules' documentation shows: the bad example is found by its rule, the good one is not, pedantic or not.

An example is one or several files, each after a line `# NAME` of its own; `<PyPI>` in it stands for PyPI's host, files
called pipway/… are what a server answers, and those called base/… what the base branch has.
"""

from __future__ import annotations

import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.audit.canned import answered, split
from tests.audit.casefile import PUBLIC, compared
from tests.servers.certificates import issue

from pipway.audit import configuration
from pipway.audit.base import Persona
from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.walk import Tree

NAME = re.compile(r"(?m)^# ([\w./-]+)\n")
LISTED = re.compile(r"(?m)^-([rwx-]{9}) .* (\S+)$")
BASE = "base/"
TODAY = datetime(2026, 11, 21, tzinfo=UTC)


def files(example: str) -> dict[str, str]:
    """Name → text, of an example that begins with a name."""
    before, *parts = NAME.split(example.replace("<PyPI>", PUBLIC) + "\n")
    assert not before, f"which file is this? {before!r}"
    return dict(zip(parts[::2], parts[1::2], strict=True))


def lay(example: str, root: Path) -> None:
    """Its files; one that only `ls -l` shows is a netrc with these permissions; certificates are as they are called."""
    listed = LISTED.search(example)
    if listed is not None:
        (root / listed[2]).write_text("machine nexus.corp login svc password hunter2\n")
        (root / listed[2]).chmod(mode(listed[1]))
        return
    for name, text in split(files(example))[0].items():
        if name.startswith(BASE):
            continue
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name in re.findall(r"(?m)^cert = ([\w-]+\.pem)$", example):
        until = TODAY.replace(year=2020 if "expired" in name else 2040)
        made = issue("corp ca", authority=True, begins=TODAY.replace(year=2010), ends=until)
        (root / name).write_text(made.pem)


def mode(shown: str) -> int:
    """rw-r--r-- as a number."""
    return sum(1 << (8 - place) for place, char in enumerate(shown) if char != "-")


def found(example: str, root: Path) -> set[str]:
    """Ids of the rules that find something in it."""
    lay(example, root)
    said = configuration.found(root)
    project = collect(Tree(root), configuration=said, today=TODAY.date())
    told = files(example) if NAME.match(example) else {}
    project = answered(project, split(told)[1])
    base = {name.removeprefix(BASE): text for name, text in told.items() if name.startswith(BASE)}
    project = compared(project, base, Tree(root))
    return {each.rule.id for each in check(project, rules(), persona=Persona.PEDANTIC, configuration=said).results}


@pytest.mark.parametrize("name", rules())
def test_the_bad_example_is_found_and_the_good_one_is_not(name: str, tmp_path: Path) -> None:
    """And they differ: what is good is the same thing, said better."""
    sections = rules()[name].sections
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.mkdir()
    good.mkdir()
    assert name in found(sections["Bad"], bad)
    assert name not in found(sections["Good"], good)
    assert any(good.iterdir()), "nothing was looked at"


def test_permissions_are_read() -> None:
    assert mode("rw-r--r--") == 0o644 == stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH
