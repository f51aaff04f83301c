"""What an installer will ask for next."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simple.test_installer import agent

from pipway.simple.guess import Wanted, dependencies, likely_file
from pipway.simple.installer import Installer, read_user_agent
from pipway.simple.names import normalize
from pipway.simple.page import File, NormalizedName, Page


def installer(**changes: Any) -> Installer:
    found = read_user_agent(agent(**changes))
    assert found is not None
    return found


def page(*files: str | File, name: str = "foo") -> Page:
    made = [
        file if isinstance(file, File) else File(filename=file, url=f"https://files.example/{file}") for file in files
    ]
    return Page(name=normalize(name), files=tuple(made))


def picked(page: Page, versions: str = "", **changes: Any) -> str | None:
    file = likely_file(page, installer(**changes), versions)
    return file.filename if file else None


def test_the_newest_version_and_its_best_wheel() -> None:
    files = [
        "foo-1.9-py3-none-any.whl",
        "foo-1.10-py3-none-any.whl",
        "foo-1.10-cp312-cp312-manylinux_2_17_x86_64.whl",
        "foo-1.10-cp311-cp311-manylinux_2_17_x86_64.whl",
        "foo-1.10.tar.gz",
    ]
    assert picked(page(*files)) == "foo-1.10-cp312-cp312-manylinux_2_17_x86_64.whl"
    assert picked(page(*files), cpu="riscv64") == "foo-1.10-py3-none-any.whl"


def test_what_the_requirement_allows() -> None:
    files = [f"foo-{version}-py3-none-any.whl" for version in ("1.0", "1.5", "2.0", "3.0rc1")]
    assert picked(page(*files)) == "foo-2.0-py3-none-any.whl"
    assert picked(page(*files), "<2") == "foo-1.5-py3-none-any.whl"
    assert picked(page(*files), ">=3.0rc0") == "foo-3.0rc1-py3-none-any.whl"
    assert picked(page(*files), ">4") is None
    assert picked(page(*files), "not a specifier") == "foo-2.0-py3-none-any.whl"


def test_a_project_with_nothing_but_prereleases() -> None:
    assert picked(page("foo-1.0a1-py3-none-any.whl")) == "foo-1.0a1-py3-none-any.whl"


def test_yanked_files_and_other_pythons_are_left_out() -> None:
    newest = File(filename="foo-3-py3-none-any.whl", url="https://files.example/3", yanked="broken")
    newer = File(filename="foo-2-py3-none-any.whl", url="https://files.example/2", requires_python=">=3.13")
    assert picked(page("foo-1-py3-none-any.whl", newer, newest)) == "foo-1-py3-none-any.whl"
    assert picked(page("foo-1-py3-none-any.whl", newer, newest), python="3.13.1") == "foo-2-py3-none-any.whl"


def test_an_sdist_where_no_wheel_fits() -> None:
    assert picked(page("foo-1.0-cp312-cp312-win_amd64.whl", "foo-1.0.tar.gz")) == "foo-1.0.tar.gz"
    assert picked(page("foo-1.0-cp312-cp312-win_amd64.whl")) is None
    assert picked(page("foo-1.0.exe", "bar-1.0-py3-none-any.whl", "foo-x-y-z.whl", "foo-1.0-1-2-3-4-5.whl")) is None


METADATA = b"""Metadata-Version: 2.1
Name: foo
Requires-Dist: plain
Requires-Dist: Ranged.Name>=1,<2
Requires-Dist: old; python_version < "3.9"
Requires-Dist: windows; sys_platform == "win32"
Requires-Dist: linux; sys_platform == "linux"
requires-dist: fancy[a,B]>=3
Requires-Dist: extra-one; extra == "one"
Requires-Dist: by-url @ https://files.example/by-url.whl
Requires-Dist: ???
Requires-Dist: strange; nonsense == "1"

Requires-Dist: in-the-description
"""


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_dependencies_that_apply(newline: bytes) -> None:
    found = dependencies(METADATA.replace(b"\n", newline), installer())
    assert found == [
        Wanted(NormalizedName("plain")),
        Wanted(NormalizedName("ranged-name"), "<2,>=1"),
        Wanted(NormalizedName("linux")),
        Wanted(NormalizedName("fancy"), ">=3", frozenset({"a", "B"})),
    ]


def test_dependencies_of_extras() -> None:
    names = [wanted.name for wanted in dependencies(METADATA, installer(), {"one"})]
    assert "extra-one" in names


def test_hostile_metadata_is_bounded() -> None:
    many = b"".join(b"Requires-Dist: p%d\n" % number for number in range(10_000))
    assert len(dependencies(many, installer())) == 300
    assert dependencies(b"\xff\xfe" + b"Requires-Dist: " + b"a" * 100_000, installer()) == []
