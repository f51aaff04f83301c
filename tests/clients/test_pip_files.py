"""Where pip reads, on each system; the real pips judge Linux in test_pip_effective."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Literal

import pytest
from tests.e2e.clients import Pip as RealPip
from tests.e2e.lab import neutral_environment, old_python

from pipway.clients.base import Installed, Surroundings
from pipway.clients.pip_files import files, load, never_read, prefix, prefix_of


def paths(surroundings: Surroundings, version: str = "26.3", *, isolated: bool = False) -> list[tuple[str, str]]:
    installed = Installed("pip", (), version, "3.11", "/prefix")
    root = str(surroundings.root)
    return [
        (file.layer, str(file.path).removeprefix(root).replace("\\", "/"))
        for file in files(surroundings, installed, isolated=isolated)
    ]


def where(folder: Path, system: Literal["linux", "darwin", "windows"], **environ: str) -> Surroundings:
    return Surroundings(environ, folder / "home", folder, system, root=folder)


def test_linux(tmp_path: Path) -> None:
    assert paths(where(tmp_path, "linux")) == [
        ("global", "/etc/xdg/pip/pip.conf"),
        ("global", "/etc/pip.conf"),
        ("user", "/home/.pip/pip.conf"),
        ("user", "/home/.config/pip/pip.conf"),
        ("site", "/prefix/pip.conf"),
    ]
    assert [layer for layer, _ in paths(where(tmp_path, "linux"), isolated=True)] == ["global", "global", "site"]


def test_macos(tmp_path: Path) -> None:
    """NEWS 26.2 (#14142): XDG_DATA_* since then."""
    surroundings = where(tmp_path, "darwin", XDG_DATA_HOME=str(tmp_path / "data"), XDG_DATA_DIRS=str(tmp_path / "dirs"))
    site = ("site", "/prefix/pip.conf")
    legacy = ("user", "/home/.pip/pip.conf")
    assert paths(surroundings, "26.1") == [
        ("global", "/Library/Application Support/pip/pip.conf"), legacy, ("user", "/home/.config/pip/pip.conf"), site,
    ]  # fmt: skip
    (tmp_path / "home/Library/Application Support/pip").mkdir(parents=True)
    (tmp_path / "data/pip").mkdir(parents=True)
    assert paths(surroundings, "26.1")[2] == ("user", "/home/Library/Application Support/pip/pip.conf")
    assert paths(surroundings, "26.2") == [
        ("global", "/dirs/pip/pip.conf"), legacy, ("user", "/data/pip/pip.conf"), site,
    ]  # fmt: skip


def test_windows(tmp_path: Path) -> None:
    surroundings = where(tmp_path, "windows", PROGRAMDATA=str(tmp_path / "All"), APPDATA=str(tmp_path / "Roaming"))
    assert paths(surroundings) == [
        ("global", "/All/pip/pip.ini"),
        ("user", "/home/pip/pip.ini"),
        ("user", "/Roaming/pip/pip.ini"),
        ("site", "/prefix/pip.ini"),
    ]
    assert files(where(tmp_path, "windows", PIP_CONFIG_FILE="nul"), None) == []


def test_scopes_belong_to_the_strongest_file_of_a_layer(tmp_path: Path) -> None:
    found = files(where(tmp_path, "linux"), None)
    assert [file.scope for file in found] == [None, "global", None, "user", "venv"]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/opt/venv/lib/python3.11/site-packages/pip", "/opt/venv"),
        ("/usr/lib/python3/dist-packages/pip", "/usr"),
        ("/usr/local/lib/python3.11/dist-packages/pip", "/usr"),
        ("/usr/local/lib/python3.11/site-packages/pip", "/usr/local"),
        ("C:\\venv\\Lib\\site-packages\\pip", "C:\\venv"),
        ("/somewhere/pip.zip/pip", ""),
    ],
)
def test_the_prefix_is_told_by_where_pip_lies(location: str, expected: str) -> None:
    assert prefix_of(location) == expected


def test_the_prefix_without_a_pip(tmp_path: Path) -> None:
    venv = Surroundings({"VIRTUAL_ENV": "/venv"}, tmp_path, tmp_path)
    assert prefix(venv, None) == Path("/venv")
    assert prefix(venv, Installed("pip", (), prefix="/other")) == Path("/other")
    assert prefix(Surroundings({}, tmp_path, tmp_path, python="/opt/bin/python"), None) == Path("/opt")


def test_a_folder_in_a_files_place_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "etc/pip.conf").mkdir(parents=True)
    assert list(load(files(where(tmp_path, "linux"), None), "26.3")) == []


def test_what_is_read_is_not_called_unread(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for name in ("home/pip.conf", "pip.conf"):
        (tmp_path / name).write_text("")
    surroundings = where(tmp_path, "linux", PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert never_read(surroundings, None) == [tmp_path / "home/pip.conf"]


@pytest.mark.slow
@pytest.mark.parametrize("version", ["20.3.4", "25.0.1", "26.*"])
@pytest.mark.parametrize("named", ["", "mine", "none", os.devnull])
def test_pip_looks_into_the_same_files(tmp_path: Path, version: str, named: str) -> None:
    """`pip config debug` lists what it reads, with PIP_CONFIG_FILE first or last by version."""
    (tmp_path / "home").mkdir()
    (tmp_path / "mine").write_text("")
    pip = RealPip(version, old_python() if version == "20.3.4" else "").command()
    environ = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": f"{tmp_path}/a:{tmp_path}/b"}
    if named:
        environ["PIP_CONFIG_FILE"] = named if named == os.devnull else str(tmp_path / named)
    given = {name: value for name, value in neutral_environment().items() if name not in ("PIP_CONFIG_FILE", "HOME")}
    given = {name: value for name, value in given.items() if not name.startswith("XDG_")} | environ
    done = subprocess.run([*pip, "config", "debug"], env=given, capture_output=True, text=True, timeout=60, check=True)
    listed = {match[1]: match[2] == "True" for match in re.finditer(r"^ +(/.*), exists: (\w+)$", done.stdout, re.M)}
    surroundings = Surroundings(environ, tmp_path / "home", tmp_path, python=pip[0])
    found = {str(file.path): file.exists for file in files(surroundings, Installed("pip", (), version.strip(".*")))}
    if named == os.devnull:
        assert found == {}
    else:
        assert found == listed
