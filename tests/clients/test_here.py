"""The real machine: what is found on PATH, and that a version is asked for in peace."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

import pytest

from pipway.clients.base import Surroundings
from pipway.clients.here import here, on_path, running, version
from pipway.errors import UsageError


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def surroundings(tmp_path: Path, *folders: Path, **environ: str) -> Surroundings:
    path = os.pathsep.join(map(str, [*folders, "/usr/bin", "/bin"]))
    return Surroundings({"PATH": path} | environ, tmp_path, tmp_path)


def test_here_is_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    found = here({"HOME": "/home/somebody"}, command=["pip", "install", "idna"])
    assert (found.home, found.cwd, found.root) == (Path("/home/somebody"), tmp_path, Path("/"))
    assert found.command == ("pip", "install", "idna")
    assert found.system in {"linux", "darwin", "windows"}


def test_nowhere_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A container's user without an entry in passwd, and a folder that somebody removed."""

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(UsageError, match="no home"):
        here({})
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageError, match="working folder is gone"):
        here({"HOME": str(tmp_path)})


def test_programs_come_in_the_order_of_path_and_links_once(tmp_path: Path) -> None:
    first = program(tmp_path / "a", "tool", "true")
    second = program(tmp_path / "b", "tool", "true")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "tool").symlink_to(first)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "tool").write_text("not executable")
    where = surroundings(tmp_path, *(tmp_path / name for name in "abcd"))
    assert on_path(where, "tool") == (first, second)


def test_the_working_folder_is_not_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its programs belong to a project."""
    program(tmp_path, "tool", "true")
    monkeypatch.chdir(tmp_path)
    assert on_path(Surroundings({"PATH": ":."}, tmp_path, tmp_path), "tool") == ()


def test_what_a_program_says(tmp_path: Path) -> None:
    tool = program(tmp_path, "tool", 'echo "tool 1.2.3"')
    assert running(surroundings(tmp_path), [str(tool), "--version"]) == "tool 1.2.3\n"


@pytest.mark.parametrize("text", ["echo no; exit 1", "kill -9 $$"])
def test_a_program_that_fails_says_nothing(tmp_path: Path, text: str) -> None:
    assert running(surroundings(tmp_path), [str(program(tmp_path, "tool", text))]) == ""


def test_a_program_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert running(surroundings(tmp_path), [str(tmp_path / "tool")]) == ""


@pytest.mark.slow
def test_a_program_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    tool = program(tmp_path, "tool", f"sleep 60 & echo $! > {tmp_path}/child; echo 1.0; wait")
    began = time.monotonic()
    assert running(surroundings(tmp_path), [str(tool)], deadline=0.3) == ""
    assert time.monotonic() - began < 10
    child = int((tmp_path / "child").read_text())
    try:
        handle = os.pidfd_open(child)
    except ProcessLookupError:
        return
    try:  # it was told to end, and may not have got to it
        assert select.select([handle], [], [], 10)[0], "it lives on"
    finally:
        os.close(handle)


def test_an_endless_answer_is_cut(tmp_path: Path) -> None:
    tool = program(tmp_path, "tool", "yes 'tool 1.0'")
    assert len(running(surroundings(tmp_path), [str(tool)])) == 4096


def test_neither_secrets_nor_configuration_nor_a_project_reach_it(tmp_path: Path) -> None:
    tool = program(tmp_path, "tool", "env; pwd")
    environ = {"PIP_INDEX_URL": "https://user:hidden@index.example/", "TOKEN": "hidden", "PIP_CONFIG_FILE": "/x"}
    said = running(surroundings(tmp_path, **environ), [str(tool)]).splitlines()
    assert "hidden" not in "".join(said)
    assert f"PIP_CONFIG_FILE={os.devnull}" in said
    assert "https_proxy=http://127.0.0.1:9" in said
    assert said[-1] == "/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip 26.3 from /usr/lib/python3.11/site-packages/pip (python 3.11)", "26.3"),
        ("uv 0.13.8 (x86_64-unknown-linux-gnu)", "0.13.8"),
        ("Poetry (version 2.5.1)", "2.5.1"),
        ("PDM, version 2.26.0", "2.26.0"),
        ("tool v1.2rc1", "1.2rc1"),
        ("nothing", ""),
    ],
)
def test_version(text: str, expected: str) -> None:
    assert version(text) == expected


def test_the_real_python() -> None:
    """Not a script: what all of it is for."""
    said = running(Surroundings(dict(os.environ), Path.home(), Path.cwd()), [sys.executable, "--version"])
    assert version(said) == ".".join(map(str, sys.version_info[:3]))
