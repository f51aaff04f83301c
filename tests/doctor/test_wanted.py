"""What a command wants of a project's files."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.doctor.probes.asked import case

from pipway.doctor.room import temporary
from pipway.doctor.spelling import near
from pipway.doctor.wanted import listed, wanted
from pipway.simple.page import File

INDEX = "https://index.example/simple/"


@pytest.mark.parametrize(
    ("command", "specifier", "text"),
    [
        ("pip install 'parcel[x]>=1,<2'", "<2,>=1", "'parcel[x]>=1,<2'"),
        ("pip install other parcel==1.5", "==1.5", "parcel==1.5"),
        ("pip install -r needs.txt", "==1.0", ""),
        ("pip install --requirement=none.txt parcel", "", "parcel"),
    ],
)
def test_the_requirement_is_found(command: str, specifier: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text(f"# what we need\nparcel==1.0 --hash=sha256:{'A' * 64}  # why\n")
    wish = wanted(case(INDEX, tmp_path, command=command))
    assert (str(wish.specifier), wish.text) == (specifier, text)
    assert wish.hashes == (frozenset({"a" * 64}) if "needs" in command else frozenset())


def test_the_python_is_that_of_the_command_or_of_the_installer(tmp_path: Path) -> None:
    new = File(filename="parcel-2.0-py3-none-any.whl", url="https://files.example/p", requires_python=">=3.12")
    assert not wanted(case(INDEX, tmp_path)).takes_python(new)
    assert wanted(case(INDEX, tmp_path, command="pip install --python-version 3.13 parcel")).takes_python(new)


def test_the_first_project_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text("--index-url https://index.example/simple\n\nParcel_X>=1\nother\n")
    assert listed(tmp_path, ["-r", "needs.txt"]) == "parcel-x"
    assert listed(tmp_path, ["parcel"]) == ""


def test_a_name_that_is_nearly_the_same() -> None:
    assert near("parcell", ["letter", "parcel"]) == "parcel"
    assert near("parcell", ["letter", "stamp"]) == ""


def test_the_folder_that_tempfile_would_take(tmp_path: Path) -> None:
    asked = case(INDEX, tmp_path, environ={"TMPDIR": str(tmp_path / "away"), "TEMP": str(tmp_path)})
    room = temporary(asked.surroundings)
    assert (room.path, room.writable) == (tmp_path, True)
    assert room.free > 0
    assert room.better(1 << 62) is None
