"""pixi: configuration files, the workspace's options, and changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients.around import around, found

from pipway.clients.base import Setting, Surroundings, Wish
from pipway.clients.pixi import Pixi
from pipway.errors import UsageError

URL = "http://127.0.0.1:3141/simple/"
SYSTEM, USER, OWN = "root/etc/pixi/config.toml", "home/.config/pixi/config.toml", "work/.pixi/config.toml"
MANIFEST, PROJECT = "work/pixi.toml", "work/pyproject.toml"


def test_the_index_is_the_workspaces_alone(tmp_path: Path) -> None:
    config = '[pypi-config]\nindex-url = "http://config/"\n'
    without = around(tmp_path, {USER: config, MANIFEST: "[workspace]\n"})
    assert Pixi().effective(without, None)[Setting.INDEX].entries == ()
    assert found(Pixi(), without) == [("PW706", "MEDIUM", f"{USER}:2")]
    options = '[pypi-options]\nindex-url = "http://m/"\nextra-index-urls = ["http://x/", "http://y/"]\n'
    options += 'find-links = [{path = "./w"}]\n'
    there = around(tmp_path, {MANIFEST: options})
    come_to = Pixi().effective(there, None)
    assert come_to[Setting.INDEX].value == "http://m/"
    assert come_to[Setting.EXTRA_INDEXES].values == ("http://x/", "http://y/")
    assert come_to[Setting.FIND_LINKS].values == ("./w",)
    assert found(Pixi(), there) == []


def test_layers_and_variables(tmp_path: Path) -> None:
    files = {
        SYSTEM: 'tls-root-certs = "system"\n[proxy-config]\nhttps = "http://s:1"\n',
        USER: '[proxy-config]\nhttps = "http://u:1"\nnon-proxy-hosts = ["a", "b"]\n',
        OWN: '[proxy-config]\nhttp = "http://p:1"\n',
    }
    come_to = Pixi().effective(around(tmp_path, files), None)
    assert [entry.value for entry in (*come_to[Setting.PROXY].entries, *come_to[Setting.PROXY].shadows)] == [
        *("http://u:1", "http://s:1"),
    ]
    assert (come_to[Setting.NO_PROXY].value, come_to[Setting.CA].value) == ("a,b", "system")
    environ = {"https_proxy": "http://e:1", "SSL_CERT_FILE": "/c.pem"}
    come_to = Pixi().effective(around(tmp_path, files, environ), None)
    assert (come_to[Setting.PROXY].value, come_to[Setting.CA].value) == ("http://e:1", "/c.pem")
    assert Pixi().effective(around(tmp_path, files, {"PIXI_NO_CONFIG": "1"}), None)[Setting.CA].value == "bundled"


def test_places_of_other_systems() -> None:
    windows = Surroundings({"APPDATA": "/a"}, Path("/h"), Path("/nowhere"), "windows")
    assert Path("/a/pixi/config.toml") in [file.path for file in Pixi().files(windows)]
    mac = [file.path for file in Pixi().files(Surroundings({}, Path("/h"), Path("/nowhere"), "darwin"))]
    assert Path("/h/Library/Application Support/pixi/config.toml") in mac


def test_change_of_the_user(tmp_path: Path) -> None:
    before = '# mine\n[pypi-config]\nextra-index-urls = ["http://x/"]\nkeyring-provider = "subprocess" # keep\n'
    wish = Wish(index=URL, proxy="http://p:1", no_proxy="h")
    (change,) = Pixi().change(around(tmp_path, {USER: before}), wish, "user")
    assert change.after is not None
    assert change.after.decode() == (
        f'# mine\n[pypi-config]\nkeyring-provider = "subprocess" # keep\nindex-url = "{URL}"\n\n'
        '[proxy-config]\nhttps = "http://p:1"\nhttp = "http://p:1"\nnon-proxy-hosts = ["h"]\n'
    )


def test_change_of_the_workspace(tmp_path: Path) -> None:
    before = '[tool.pixi.workspace]\nname = "x" # it\n'
    surroundings = around(tmp_path, {PROJECT: before})
    manifest, config = Pixi().change(surroundings, Wish(index=URL, proxy="http://p:1"), "project")
    assert manifest.after == f'{before}\n[tool.pixi.pypi-options]\nindex-url = "{URL}"\n'.encode()
    assert config.path == tmp_path / OWN
    for change in (manifest, config):
        assert change.after is not None
        change.path.parent.mkdir(exist_ok=True)
        change.path.write_bytes(change.after)
    come_to = Pixi().effective(surroundings, None)
    assert (come_to[Setting.INDEX].value, come_to[Setting.PROXY].value) == (URL, "http://p:1")


def test_a_broken_file(tmp_path: Path) -> None:
    assert found(Pixi(), around(tmp_path, {USER: "a = [\n"})) == [("PW702", "HIGH", f"{USER}:2")]


@pytest.mark.parametrize(
    ("wish", "scope", "fix"),
    [
        (Wish(ca=Path("/c.pem")), "user", "export SSL_CERT_FILE=/c.pem"),
        (Wish(index=URL), "venv", "--scope user or project or global"),
    ],
)
def test_what_has_no_place(tmp_path: Path, wish: Wish, scope: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        Pixi().change(around(tmp_path), wish, scope)  # type: ignore[arg-type]
    assert fix in caught.value.fix


def test_no_login_in_what_a_project_shares(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds a login") as caught:
        Pixi().change(around(tmp_path), Wish(index="https://u:secret@h/simple/"), "project")
    assert "secret" not in str(caught.value)
