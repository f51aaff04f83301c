"""pipenv: the Pipfile's sources, the mirror, and changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients.around import around, found

from pipway.clients.base import Setting, Wish
from pipway.clients.layers import default_index
from pipway.clients.pipenv import Pipenv
from pipway.errors import UsageError

URL = "http://127.0.0.1:3141/simple/"
PIPFILE = "work/Pipfile"


def source(url: str, name: str = "a", more: str = "verify_ssl = true\n") -> str:
    return f'[[source]]\nurl = "{url}"\n{more}name = "{name}"\n\n'


def test_the_first_source_is_the_index(tmp_path: Path) -> None:
    files = {
        PIPFILE: source("https://1/") + source("https://2/", "b", "verify_ssl = false\n") + source("https://3/", "c")
    }
    come_to = Pipenv().effective(around(tmp_path, files, {"PIP_INDEX_URL": "http://pip/"}), None)
    assert come_to[Setting.INDEX].value == "https://1/"
    assert come_to[Setting.EXTRA_INDEXES].values == ("https://2/", "https://3/")
    assert come_to[Setting.TRUSTED_HOSTS].values == ("2",)


def test_a_mirror_stands_in_for_the_default_index_only(tmp_path: Path) -> None:
    environ = {"PIPENV_PYPI_MIRROR": "http://m/"}
    default = around(tmp_path, {PIPFILE: source(default_index())}, environ)
    assert Pipenv().effective(default, None)[Setting.INDEX].value == "http://m/"
    assert found(Pipenv(), default) == []
    other = around(tmp_path, {PIPFILE: source("http://corp/")}, environ)
    index = Pipenv().effective(other, None)[Setting.INDEX]
    assert index.value == "http://corp/" and [entry.key for entry in index.shadows] == ["PIPENV_PYPI_MIRROR"]
    assert found(Pipenv(), other) == [("PW706", "MEDIUM", "PIPENV_PYPI_MIRROR")]


def test_pipfiles_above_and_elsewhere(tmp_path: Path) -> None:
    files = {PIPFILE: source("http://up/"), "work/sub/x": "", "other": source("http://other/")}
    assert Pipenv().effective(around(tmp_path, files, cwd="work/sub"), None)[Setting.INDEX].value == "http://up/"
    environ = {"PIPENV_PIPFILE": str(tmp_path / "other")}
    assert Pipenv().effective(around(tmp_path, {}, environ), None)[Setting.INDEX].value == "http://other/"


def test_variables_of_pip(tmp_path: Path) -> None:
    environ = {
        "PIP_CERT": "/p.pem",
        "REQUESTS_CA_BUNDLE": "/r.pem",
        "https_proxy": "http://e:1",
        "PIP_PROXY": "http://p:1",
    }
    come_to = Pipenv().effective(around(tmp_path, {}, environ), None)
    assert (come_to[Setting.CA].value, come_to[Setting.PROXY].value) == ("/p.pem", "http://p:1")


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("a = [\n", {}, [("PW702", "HIGH", f"{PIPFILE}:2")]),
        ("[source]\nurl = 'x'\n", {}, [("PW703", "HIGH", f"{PIPFILE}:1")]),
        (source(URL, "a", "verify-ssl = true\n"), {}, [("PW703", "LOW", f"{PIPFILE}:3")]),
        (source(URL), {"PIP_INDEX_URL": "x"}, [("PW706", "MEDIUM", "PIP_INDEX_URL")]),
    ],
)
def test_findings(tmp_path: Path, text: str, environ: dict[str, str], expected: list[tuple[str, str, str]]) -> None:
    assert found(Pipenv(), around(tmp_path, {PIPFILE: text}, environ)) == expected


def test_change_keeps_the_name_that_packages_refer_to(tmp_path: Path) -> None:
    before = (
        "# ours\n" + source("https://old/", "corp", "verify_ssl = false # bad\n") + '[packages]\nx = {index = "corp"}\n'
    )
    (change,) = Pipenv().change(around(tmp_path, {PIPFILE: before}), Wish(index=URL), "project")
    assert change.after == before.replace("https://old/", URL).replace("false", "true").encode()
    (new,) = Pipenv().change(around(tmp_path, {PIPFILE: "[packages]\n"}), Wish(index=URL), "project")
    assert new.after == f"[packages]\n\n{source(URL, 'pipway')[:-1]}".encode()


@pytest.mark.parametrize(
    ("wish", "scope", "fix"),
    [
        (Wish(index=URL), "user", "--scope project"),
        (Wish(ca=Path("/ca.pem")), "project", "export PIP_CERT=/ca.pem"),
        (Wish(proxy="http://u:secret@p:1"), "project", "export HTTPS_PROXY=URL"),
    ],
)
def test_what_has_no_place(tmp_path: Path, wish: Wish, scope: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        Pipenv().change(around(tmp_path), wish, scope)  # type: ignore[arg-type]
    assert fix in caught.value.fix


def test_no_login_in_what_a_project_shares(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds a login") as caught:
        Pipenv().change(around(tmp_path), Wish(index="https://u:secret@h/simple/"), "project")
    assert "secret" not in str(caught.value)
