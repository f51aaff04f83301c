"""The table of what each collector reads holds every collector, and loads none that no file needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipway.audit import collect
from pipway.audit.collect import collector, collectors
from pipway.audit.collect.files import FILES, modules

FOLDER = Path(collect.__file__).parent
COLLECT = """
import sys
from pathlib import Path
from pipway.audit.run import collect
from pipway.audit.walk import Tree
collect(Tree(Path(sys.argv[1])))
print(*sys.modules)
"""


def test_every_collector_is_in_the_table() -> None:
    """If this fails: give the new one a line in collect/files.py, in alphabetical order."""
    offered = {path.stem for path in FOLDER.glob("*.py") if "\nKIND = " in path.read_text(encoding="utf-8")}
    assert list(FILES) == sorted(offered)
    assert {each.__name__ for each in collectors()} == {f"{collect.__name__}.{name}" for name in FILES}  # type: ignore[attr-defined]
    assert all(files.names or files.suffixes for files in FILES.values())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/setup.cfg", ["setup_files"]),
        ("REQUIREMENTS.TXT", ["requirements"]),
        ("envs/conda.yml", ["conda"]),
        ("azure-pipelines.yml", ["azure"]),
        ("a/azure-pipelines.json", []),
        (".github/workflows/a.yml", ["github"]),
        ("x.github/workflows/a.yml", []),
        ("etc/systemd/pip.service.d/x.conf", ["systemd"]),
        ("etc/x.conf", []),
        ("Dockerfile.md", []),
        ("", []),
    ],
)
def test_a_name_says_who_reads_it(path: str, expected: list[str]) -> None:
    """Whatever its suffix is written like."""
    assert modules(path, "") == expected


def test_the_beginning_says_it_where_the_name_does_not() -> None:
    assert modules("bin/run", "#!/usr/bin/env bash\n") == ["scripts"]
    assert modules("bin/run", "#!/usr/bin/env python3\n") == []


def test_only_what_a_file_needs_is_loaded(tmp_path: Path) -> None:
    """A small project starts no faster than what is imported for it."""
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://index.example/simple\n")
    command = [sys.executable, "-c", COLLECT, str(tmp_path)]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    found = {name for name in FILES if f"{collect.__name__}.{name}" in loaded}
    assert found == {"pip_conf"}
    assert collector("pip_conf").KIND == "pip.conf"
