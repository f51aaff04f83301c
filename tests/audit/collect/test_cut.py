"""A collector that stops at a bound says so: a file of which only a beginning was looked at is no clean file."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from tests.audit.collect.reading import collected, of

from pipway.audit.collect import (
    certificates,
    conda,
    docker_lines,
    dockerfile,
    dotenv,
    makefile,
    netrc,
    pip_conf,
    powershell,
    pypirc,
    scripts,
    setup_files,
    shell,
    written,
)
from pipway.audit.collect import requirements as requirement_files
from pipway.audit.facts import Note
from pipway.audit.run import collect
from pipway.audit.walk import Tree

BOUND = 5
#: collector, where its bound is, a file, its beginning, and what stands in it again and again
KINDS = {
    "certificates": (certificates, (certificates, "_MOST"), "ca.pem", "", "{begin}\nAA==\n{end}\n"),
    "commands": (scripts, (shell, "MOST"), "x.sh", "", "pip install a\n"),
    "commands-in-a-shell": (scripts, (shell, "MOST"), "x.sh", "", 'sh -c "pip check; true"\n'),
    "conda": (conda, (conda, "_MOST"), "environment.yml", "dependencies:\n", "  - a\n"),
    "dockerfile": (dockerfile, (docker_lines, "MOST"), "Dockerfile", "", "USER a\n"),
    "dotenv": (dotenv, (dotenv, "_MOST"), ".env", "", "A=b\n"),
    "makefile": (makefile, (makefile, "MOST"), "Makefile", "", "all:\n"),
    "netrc": (netrc, (netrc, "_MOST"), ".netrc", "", "machine a login b password c\n"),
    "pip-conf": (pip_conf, (pip_conf, "_MOST"), "pip.conf", "[global]\n", "key{number} = a\n"),
    "powershell": (powershell, (powershell, "MOST"), "x.ps1", "", "pip install a\n"),
    "pypirc": (pypirc, (pypirc, "_MOST"), ".pypirc", "", "[a{number}]\nusername = b\n"),
    "setup": (setup_files, (setup_files, "_MOST_CALLS"), "setup.py", "", "setup()\n"),
    "setup-list": (setup_files, (setup_files, "_MOST"), "setup.py", "setup(install_requires=[", "'a',"),
    "written": (scripts, (written, "_MOST"), "x.sh", "", "echo a >> f{number}/pip.conf\n"),
}


def text_of(beginning: str, again: str, times: int) -> str:
    """A file; the marks of a certificate are put together here, so that nothing takes this one for a key."""
    begin, end = (f"-----{word} CERTIFICATE-----" for word in ("BEGIN", "END"))
    return beginning + "".join(
        again.replace("{number}", str(number)).replace("{begin}", begin).replace("{end}", end)
        for number in range(times)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_said(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One Note where there is more than is read, none where all of it is."""
    module, (holder, name), path, beginning, again = KINDS[kind]
    monkeypatch.setattr(holder, name, BOUND)
    if kind == "dockerfile":
        monkeypatch.setattr(dockerfile, "MOST", BOUND)
    ending = "])\n" if kind == "setup-list" else ""
    over = notes(module, path, text_of(beginning, again, BOUND + 1) + ending)
    under = notes(module, path, text_of(beginning, again, 2) + ending)
    assert len(over) == 1, over
    assert over[0].startswith("more than ")
    assert under == []


def notes(module: ModuleType, path: str, text: str) -> list[str]:
    """What is said of being cut."""
    return [note.text for note in of(collected(module, text, path), Note) if note.what == "cut"]


def test_exactly_the_bound_is_not_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one that is looked at is looked at."""
    for kind in ("commands", "dotenv", "dockerfile", "makefile", "netrc", "powershell"):
        module, (holder, name), path, beginning, again = KINDS[kind]
        monkeypatch.setattr(holder, name, BOUND)
        monkeypatch.setattr(dockerfile, "MOST", BOUND)
        assert notes(module, path, text_of(beginning, again, BOUND)) == [], kind


def test_includes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is included by one file, and the whole audit says it."""
    monkeypatch.setattr(requirement_files, "_MOST_FILES", 3)
    for number in range(9):
        (tmp_path / f"part{number}.lst").write_text(f"a{number}==1\n")
    (tmp_path / "requirements.txt").write_text("".join(f"-r part{number}.lst\n" for number in range(9)))
    tree = Tree(tmp_path, known=frozenset())
    collect(tree)
    assert tree.skipped == ["requirements.txt: more than 3 files are included"]
