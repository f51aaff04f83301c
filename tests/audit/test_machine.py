"""This machine's own configuration: files of the clients, and variables."""

from __future__ import annotations

from pathlib import Path

from pipway.audit import machine
from pipway.audit.facts import Where
from pipway.audit.report import entries
from pipway.audit.rules import rules
from pipway.audit.run import check
from pipway.clients.base import Surroundings


def test_files_and_variables_are_read(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "root"
    (home / ".config" / "pip").mkdir(parents=True)
    (root / "etc").mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").write_text("[global]\nindex-url = http://nexus.corp/simple\n")
    (root / "etc" / "pip.conf").write_text("[global]\ntrusted-host = nexus.corp\n")
    environ = {"PIP_EXTRA_INDEX_URL": "https://us:secret-word@other.corp/simple", "UNRELATED_TOKEN": "x"}
    project = machine.collect(Surroundings(environ, home, tmp_path, root=root))
    assert {source.where for source in project.sources} == {Where.MACHINE}
    assert not any(source.path == "UNRELATED_TOKEN" for source in project.sources)
    shown = entries(check(project, rules()).results, project)
    found = {(entry.rule, Path(entry.at.path).name, entry.severity) for entry in shown}
    assert ("PW101", "pip.conf", "high") in found
    assert ("PW102", "pip.conf", "critical") in found
    assert ("PW201", "PIP_EXTRA_INDEX_URL", "high") in found
    assert all(entry.outside for entry in shown)
    assert "secret-word" not in repr(shown)
