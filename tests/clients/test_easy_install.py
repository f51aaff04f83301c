"""What is left of easy_install."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipway.clients.base import Change, Client, Setting, Surroundings, Wish
from pipway.clients.easy_install import EasyInstall
from pipway.errors import UsageError

EASY_INSTALL: Client = EasyInstall()
SETUP = """\
[metadata]
name = x

[easy_install]
index_url = https://old.example/simple
# why
find_links =
    a
    b

[aliases]
x = y
"""


def where(folder: Path) -> Surroundings:
    (folder / "work").mkdir(exist_ok=True)
    return Surroundings({}, folder, folder / "work")


def test_its_sections_are_found(tmp_path: Path) -> None:
    surroundings = where(tmp_path)
    assert EASY_INSTALL.findings(surroundings, None) == ()
    (tmp_path / ".pydistutils.cfg").write_text("[easy_install]\nindex_url = https://u:hidden@old.example/simple\n")
    (tmp_path / "work/setup.cfg").write_text(SETUP)
    one, two = EASY_INSTALL.findings(surroundings, None)
    assert (one.id, two.id) == ("PW220", "PW220")
    assert (str(one.place), str(two.place)) == (
        f"{tmp_path / '.pydistutils.cfg'}:2:1",
        f"{tmp_path / 'work/setup.cfg'}:5:1",
    )
    assert "hidden" not in repr((one, two))
    assert not any(finding.fix and (finding.fix.safe or finding.fix.commands) for finding in (one, two))
    index = EASY_INSTALL.effective(surroundings, None)[Setting.INDEX]
    assert (index.value, len(index.shadows)) == ("", 2)


def test_a_project_without_it_has_no_finding(tmp_path: Path) -> None:
    surroundings = where(tmp_path)
    (tmp_path / "work/setup.cfg").write_text("[metadata]\nname = x\n")
    assert EASY_INSTALL.findings(surroundings, None) == ()
    assert EasyInstall().mended(tmp_path / "work/setup.cfg") is None


def test_only_its_keys_go(tmp_path: Path) -> None:
    surroundings = where(tmp_path)
    path = tmp_path / "work/setup.cfg"
    path.write_text(SETUP)
    after = b"[metadata]\nname = x\n\n# why\n\n[aliases]\nx = y\n"
    assert EASY_INSTALL.change(surroundings, Wish(drop=frozenset({Setting.INDEX})), "project") == (
        Change(path, SETUP.encode(), after),
    )


def test_it_cannot_be_configured(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone"):
        EASY_INSTALL.change(where(tmp_path), Wish(index="https://index.example/simple"), "user")
