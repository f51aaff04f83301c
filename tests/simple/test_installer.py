"""Which Python asks, as pip and uv say it in their User-Agent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from packaging.tags import Tag

from pipway.simple.installer import read_user_agent

LINUX = {
    "python": "3.12.3",
    "implementation": {"name": "CPython", "version": "3.12.3"},
    "system": {"name": "Linux", "release": "6.1"},
    "cpu": "x86_64",
    "distro": {"name": "Debian GNU/Linux", "version": "12", "libc": {"lib": "glibc", "version": "2.36"}},
}


def agent(tool: str = "pip/26.0", **changes: Any) -> str:
    """A User-Agent of this kind."""
    return f"{tool} {json.dumps({'installer': {}, **LINUX, **changes})}"


def usable(agent: str, *tags: str) -> list[str]:
    """Those of the tags that its installer can use, best first."""
    installer = read_user_agent(agent)
    assert installer is not None
    known = {str(tag): rank for tag, rank in installer.tags.items()}
    return sorted((tag for tag in tags if tag in known), key=lambda tag: known[tag])


def test_pip_on_linux() -> None:
    installer = read_user_agent(agent())
    assert installer is not None
    assert (installer.tool, installer.python, installer.libc) == ("pip", (3, 12, 3), ("glibc", 36))
    assert installer.environment["python_version"] == "3.12"
    assert installer.environment["sys_platform"] == "linux"
    assert Tag("cp312", "cp312", "manylinux_2_17_x86_64") in installer.tags


def test_wheels_are_ranked_as_pip_ranks_them() -> None:
    native, older, stable, pure = (
        "cp312-cp312-manylinux_2_28_x86_64",
        "cp312-cp312-manylinux2014_x86_64",
        "cp39-abi3-manylinux_2_17_x86_64",
        "py3-none-any",
    )
    assert usable(agent(), pure, stable, older, native) == [native, older, stable, pure]
    others = ("cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-win_amd64", "cp312-cp312-musllinux_1_1_x86_64")
    assert usable(agent(), *others, "cp312-cp312-manylinux_2_38_x86_64") == []


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"system": {"name": "Windows"}, "cpu": "AMD64", "distro": None}, "cp312-cp312-win_amd64"),
        (
            {"system": {"name": "Darwin"}, "cpu": "arm64", "distro": {"name": "macOS", "version": "14.5"}},
            "cp312-cp312-macosx_11_0_arm64",
        ),
        ({"distro": {"libc": {"lib": "musl", "version": "1.2"}}}, "cp312-cp312-musllinux_1_2_x86_64"),
        ({"implementation": {"name": "PyPy", "version": "7.3"}}, "py3-none-any"),
        ({"distro": {"name": "Unknown"}}, "cp312-cp312-linux_x86_64"),
    ],
)
def test_other_systems(changes: dict[str, Any], tag: str) -> None:
    assert usable(agent(**changes), tag) == [tag]


@pytest.mark.parametrize(
    ("tool", "reads"), [("pip/20.3.4", False), ("pip/22.2.2", False), ("pip/22.3", True), ("uv/0.4.0", True)]
)
def test_who_reads_metadata_first(tool: str, reads: bool) -> None:
    installer = read_user_agent(agent(tool))
    assert installer is not None
    assert installer.reads_metadata is reads


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mozilla/5.0 (X11; Linux x86_64)",
        "pip/26.0",
        "pip/26.0 {",
        "pip/26.0 []",
        "pip/26.0 3",
        'pip/26.0 {"python": "three"}',
        'pip/26.0 {"python": "3.12"}',
        agent(cpu="x86_64")[:-5],
        agent(distro={"libc": {"lib": "glibc"}}),
        agent(distro=[1]),
        agent(system="Linux"),
        "x" * 5000,
    ],
)
def test_what_says_nothing_is_nobody(text: str) -> None:
    assert read_user_agent(text) is None


def test_absurd_versions_stay_small() -> None:
    installer = read_user_agent(agent(distro={"libc": {"lib": "glibc", "version": "2.9999"}}))
    assert installer is not None
    assert len(installer.tags) < 5000
