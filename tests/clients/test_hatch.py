"""hatch: what its installer comes to, and the honest answer that it has no settings of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients.around import around, found

from pipway.clients.base import Setting, Wish
from pipway.clients.hatch import Hatch
from pipway.errors import UsageError
from pipway.findings import Place

CONFIG, PROJECT, OWN = "home/.config/hatch/config.toml", "work/pyproject.toml", "work/hatch.toml"


def test_pip_fills_environments_unless_uv_is_named(tmp_path: Path) -> None:
    environ = {"PIP_INDEX_URL": "http://p/", "UV_DEFAULT_INDEX": "http://u/", "PIP_CERT": "/p.pem"}
    come_to = Hatch().effective(around(tmp_path, {PROJECT: ""}, environ), None)
    assert (come_to[Setting.INDEX].value, come_to[Setting.CA].value) == ("http://p/", "/p.pem")
    files = {PROJECT: '[tool.hatch.envs.default]\ninstaller = "uv"\n'}
    assert Hatch().effective(around(tmp_path, files, environ), None)[Setting.INDEX].value == "http://u/"


def test_variables_of_an_environment_are_in_its_file(tmp_path: Path) -> None:
    files = {
        PROJECT: '[tool.hatch.envs.default.env-vars]\nPIP_INDEX_URL = "http://shared/"\n',
        OWN: '[envs.default.env-vars]\nPIP_INDEX_URL = "http://own/"\n',
    }
    index = Hatch().effective(around(tmp_path, files, {"PIP_INDEX_URL": "http://shell/"}), None)[Setting.INDEX]
    assert index.value == "http://own/"
    assert index.entries[0].place == Place(str(tmp_path / OWN), 2)


def test_findings(tmp_path: Path) -> None:
    assert found(Hatch(), around(tmp_path, {CONFIG: "mod = 1\n", OWN: "a = [\n"})) == [
        ("PW702", "HIGH", f"{OWN}:2"),
        ("PW703", "LOW", f"{CONFIG}:1"),
    ]


def test_it_says_where_to_change_it(tmp_path: Path) -> None:
    for files, tool in (({PROJECT: ""}, "pip"), ({PROJECT: '[tool.hatch.envs.default]\ninstaller = "uv"\n'}, "uv")):
        with pytest.raises(UsageError) as caught:
            Hatch().change(around(tmp_path, files), Wish(index="http://h/"), "user")
        assert caught.value.fix == f"pipway configure {tool}"
