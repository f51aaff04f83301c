"""PDM: its layers, its sources, and changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients.around import around, found

from pipway.clients.base import Setting, Surroundings, Wish
from pipway.clients.pdm import Pdm
from pipway.errors import UsageError

URL = "http://127.0.0.1:3141/simple/"
SITE, USER, OWN, PROJECT = (
    "root/etc/xdg/pdm/config.toml",
    "home/.config/pdm/config.toml",
    "work/pdm.toml",
    "work/pyproject.toml",
)


def pypi(url: str, more: str = "") -> str:
    return f'[pypi]\nurl = "{url}"\n{more}'


def test_layers(tmp_path: Path) -> None:
    files = {SITE: pypi("http://s/"), USER: pypi("http://u/", 'ca_certs = "/u.pem"\n'), OWN: pypi("http://p/")}
    index = Pdm().effective(around(tmp_path, files, {"PDM_PYPI_URL": "http://e/"}), None)[Setting.INDEX]
    assert [entry.value for entry in (*index.entries, *index.shadows)] == [
        *("http://e/", "http://p/", "http://u/", "http://s/"),
    ]
    come_to = Pdm().effective(around(tmp_path, files, {"REQUESTS_CA_BUNDLE": "/r.pem"}), None)
    assert come_to[Setting.INDEX].value == "http://p/"
    assert come_to[Setting.CA].value == "/u.pem"
    for name in files:
        (tmp_path / name).unlink()
    assert Pdm().effective(around(tmp_path), None)[Setting.CA].value == "system"


def test_sources(tmp_path: Path) -> None:
    project = '[[tool.pdm.source]]\nname = "corp"\nurl = "http://c/"\n'
    files = {PROJECT: project, USER: pypi("http://u/", '[pypi.extra]\nurl = "http://x/"\n')}
    come_to = Pdm().effective(around(tmp_path, files), None)
    assert come_to[Setting.INDEX].value == "http://u/"
    assert come_to[Setting.EXTRA_INDEXES].values == ("http://c/", "http://x/")
    (tmp_path / PROJECT).write_text(project.replace("corp", "pypi"))
    assert Pdm().effective(around(tmp_path), None)[Setting.INDEX].value == "http://c/"
    (tmp_path / PROJECT).write_text(project)
    alone = Pdm().effective(around(tmp_path, {}, {"PDM_IGNORE_STORED_INDEX": "1"}), None)
    assert alone[Setting.INDEX].value == "http://c/" and alone[Setting.EXTRA_INDEXES].values == ()


def test_verification_switched_off(tmp_path: Path) -> None:
    files = {OWN: pypi("https://h/", "verify_ssl = false\n")}
    assert Pdm().effective(around(tmp_path, files), None)[Setting.TRUSTED_HOSTS].values == ("h",)
    environ = {"PDM_PYPI_VERIFY_SSL": "true"}
    assert Pdm().effective(around(tmp_path, files, environ), None)[Setting.TRUSTED_HOSTS].values == ()


def test_places_of_other_systems() -> None:
    windows = Surroundings({"LOCALAPPDATA": "/l", "PROGRAMDATA": "/p"}, Path("/h"), Path("/nowhere"), "windows")
    paths = [file.path.as_posix() for file in Pdm().files(windows)]
    assert paths[:2] == ["/p/pdm/pdm/config.toml", "/l/pdm/pdm/config.toml"]
    mac = Surroundings({}, Path("/h"), Path("/nowhere"), "darwin")
    assert Pdm().files(mac)[1].path == Path("/h/Library/Application Support/pdm/config.toml")


def test_findings(tmp_path: Path) -> None:
    files = {USER: pypi("http://u/"), OWN: "a = [\n"}
    assert found(Pdm(), around(tmp_path, files, {"PDM_PYPI_URL": URL})) == [
        ("PW702", "HIGH", f"{OWN}:2"),
        ("PW706", "MEDIUM", f"{USER}:2"),
    ]
    (tmp_path / OWN).unlink()
    assert found(Pdm(), around(tmp_path)) == []


@pytest.mark.parametrize(("scope", "name"), [("user", USER), ("project", OWN), ("global", SITE)])
def test_change(tmp_path: Path, scope: str, name: str) -> None:
    before = '# mine\nuse_uv = true\n\n[pypi]\nverify_ssl = false # old\n\n[pypi.extra]\nurl = "http://x/"\n'
    wish = Wish(index=URL, ca=Path("/ca.pem"), timeout=9)
    (change,) = Pdm().change(around(tmp_path, {name: before}), wish, scope)  # type: ignore[arg-type]
    assert change.path == tmp_path / name and not change.private
    assert change.after is not None
    assert change.after.decode() == (
        f'# mine\nuse_uv = true\nrequest_timeout = 9\n\n[pypi]\nurl = "{URL}"\nca_certs = "/ca.pem"\n\n'
    )
    change.path.write_bytes(change.after)
    come_to = Pdm().effective(around(tmp_path), None)
    assert [come_to[each].value for each in (Setting.INDEX, Setting.CA, Setting.TIMEOUT)] == [URL, "/ca.pem", "9"]
    assert Pdm().change(around(tmp_path), wish, scope) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wish", "scope", "fix"),
    [
        (Wish(proxy="http://u:secret@p:1"), "user", "export HTTPS_PROXY=URL"),
        (Wish(no_proxy="h"), "user", "export NO_PROXY=h"),
        (Wish(index=URL), "venv", "--scope user or project or global"),
    ],
)
def test_what_has_no_place(tmp_path: Path, wish: Wish, scope: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        Pdm().change(around(tmp_path), wish, scope)  # type: ignore[arg-type]
    assert fix in caught.value.fix


def test_no_login_in_what_a_project_shares(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds a login") as caught:
        Pdm().change(around(tmp_path), Wish(index="https://u:secret@h/simple/"), "project")
    assert "secret" not in str(caught.value)
