"""What the score says of folders that nobody wrote for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.audit import real_world


def lay(folder: Path, clean: int) -> Path:
    """Packages with `clean` files of configuration, and an http index in one more, which makes two findings."""
    for number in range(clean):
        package = folder / f"package{number}"
        package.mkdir()
        (package / "pyproject.toml").write_text('[build-system]\nrequires = ["flit_core"]\n')
    (folder / "pip.conf").write_text("[global]\nindex-url = http://nexus.corp/simple\ntrusted-host = nexus.corp\n")
    return folder


def test_each_finding_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert real_world.main([str(lay(tmp_path, 3))]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{tmp_path.name}: 4 files, 2 findings at regular (PW101 1, PW102 1)"
    assert [line.split()[:2] for line in out[1:]] == [["PW101", "pip.conf:2:13:"], ["PW102", "pip.conf:3:1:"]]


def test_few_findings_in_many_files_are_quiet(tmp_path: Path) -> None:
    assert real_world.main([str(lay(tmp_path, 2 * real_world.LEAST))]) == 0


def test_a_folder_without_configuration_is_quiet(tmp_path: Path) -> None:
    assert real_world.look(tmp_path).is_quiet


def test_it_looks_into_installed_packages() -> None:
    """Though a walk from above passes by folders of that name."""
    assert (real_world.installed() / "pytest").is_dir()
