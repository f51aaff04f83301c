"""The folders of configuration: those that platformdirs names."""

from __future__ import annotations

import sys
from pathlib import Path

import platformdirs
import pytest

from pipway.clients.base import Surroundings
from pipway.clients.folders import ancestors, nearest, site_config, user_config


def test_the_same_as_platformdirs_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert sys.platform == "linux"
    environ = {"HOME": str(tmp_path)}
    for name in ("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    here = Surroundings(environ, tmp_path, tmp_path)
    assert user_config(here, "x") == Path(platformdirs.user_config_dir("x"))
    assert site_config(here, "x") == Path(platformdirs.site_config_dir("x"))
    more = {"XDG_CONFIG_HOME": "/xc", "XDG_CONFIG_DIRS": "/a:/b"}
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    here = Surroundings(environ | more, tmp_path, tmp_path)
    assert user_config(here, "x") == Path(platformdirs.user_config_dir("x"))
    assert site_config(here, "x") == Path(platformdirs.site_config_dir("x"))


def test_other_systems() -> None:
    mac = Surroundings({}, Path("/h"), Path("/w"), "darwin")
    assert user_config(mac, "x") == Path("/h/Library/Application Support/x")
    assert site_config(mac, "x") == Path("/Library/Application Support/x")
    environ = {"APPDATA": "/r", "LOCALAPPDATA": "/l", "PROGRAMDATA": "/p"}
    windows = Surroundings(environ, Path("/h"), Path("/w"), "windows")
    assert user_config(windows, "x") == Path("/l/x")
    assert user_config(windows, "x", roaming=True) == Path("/r/x")
    assert site_config(windows, "x") == Path("/p/x")


def test_folders_above(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "mark").touch()
    assert nearest(tmp_path / "a" / "b", lambda each: (each / "mark").is_file()) == tmp_path / "a"
    assert list(ancestors(tmp_path / "a" / "b", most=2)) == [tmp_path / "a" / "b", tmp_path / "a"]
