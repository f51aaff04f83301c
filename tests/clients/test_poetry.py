"""Poetry: sources, certificates and variables, and that the real one reads what is written."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.clients.around import around, found
from tests.e2e.clients import Poetry as RealPoetry

from pipway.clients.base import Setting, Wish
from pipway.clients.poetry import Poetry
from pipway.errors import UsageError
from pipway.findings import Place

URL = "http://127.0.0.1:3141/simple/"
CONFIG, LOCAL, PROJECT = "home/.config/pypoetry/config.toml", "work/poetry.toml", "work/pyproject.toml"
HEAD = '[project]\nname = "x"\nversion = "1"\n\n'


def source(name: str, url: str, more: str = "") -> str:
    return f'[[tool.poetry.source]]\nname = "{name}"\nurl = "{url}"\n{more}'


def test_without_a_source_the_default_index(tmp_path: Path) -> None:
    come_to = Poetry().effective(around(tmp_path), None)
    assert come_to[Setting.INDEX].value.startswith("https://") and come_to[Setting.INDEX].entries == ()
    assert (come_to[Setting.TIMEOUT].value, come_to[Setting.CA].value) == ("15", "bundled")


def test_sources_by_priority(tmp_path: Path) -> None:
    text = source("a", "http://a/", 'priority = "supplemental"\n') + source("b", "http://b/") + source("c", "http://c/")
    text += source("d", "http://d/", 'priority = "explicit"\n')
    come_to = Poetry().effective(around(tmp_path, {PROJECT: text}), None)
    assert come_to[Setting.INDEX].value == "http://b/"
    assert come_to[Setting.INDEX].entries[0].place == Place(str(tmp_path / PROJECT), 7)
    assert come_to[Setting.EXTRA_INDEXES].values == ("http://c/", "http://a/")


def test_a_supplemental_source_is_beside_the_default_index(tmp_path: Path) -> None:
    files = {PROJECT: source("a", "http://a/", 'priority = "supplemental"\n')}
    come_to = Poetry().effective(around(tmp_path, files), None)
    assert come_to[Setting.INDEX].entries == ()
    assert come_to[Setting.EXTRA_INDEXES].values == ("http://a/",)


def test_certificates_by_layer(tmp_path: Path) -> None:
    files = {
        PROJECT: source("my-repo", "https://c/"),
        CONFIG: '[certificates.my-repo]\ncert = "/user.pem"\nclient-cert = "/me.pem"\n',
        LOCAL: '[certificates.my-repo]\ncert = "/project.pem"\n',
    }
    environ = {"REQUESTS_CA_BUNDLE": "/variable.pem"}
    ca = Poetry().effective(around(tmp_path, files, environ), None)[Setting.CA]
    assert [entry.value for entry in (*ca.entries, *ca.shadows)] == ["/project.pem", "/user.pem", "/variable.pem"]
    stronger = environ | {"POETRY_CERTIFICATES_MY_REPO_CERT": "/strong.pem"}
    come_to = Poetry().effective(around(tmp_path, files, stronger), None)
    assert come_to[Setting.CA].value == "/strong.pem"
    assert come_to[Setting.CLIENT_CERTIFICATE].value == "/me.pem"


def test_verification_switched_off(tmp_path: Path) -> None:
    files = {PROJECT: source("c", "https://c/"), CONFIG: "[certificates.c]\ncert = false\n"}
    come_to = Poetry().effective(around(tmp_path, files), None)
    assert come_to[Setting.TRUSTED_HOSTS].values == ("c",) and come_to[Setting.CA].value == "bundled"


def test_variables_of_requests(tmp_path: Path) -> None:
    environ = {"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1", "no_proxy": "", "NO_PROXY": "h"}
    environ |= {"CURL_CA_BUNDLE": "/curl.pem", "POETRY_REQUESTS_TIMEOUT": "7"}
    come_to = Poetry().effective(around(tmp_path, {}, environ), None)
    assert come_to[Setting.PROXY].value == "http://low:1"
    assert come_to[Setting.NO_PROXY].value == "h"
    assert (come_to[Setting.CA].value, come_to[Setting.TIMEOUT].value) == ("/curl.pem", "7")
    assert Poetry().effective(around(tmp_path, {}, environ | {"https_proxy": ""}), None)[Setting.PROXY].value == ""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({PROJECT: source("c", URL), CONFIG: "[certificates.c]\ncert = '/a'\n"}, []),
        ({CONFIG: "a = [\n"}, [("PW702", "HIGH", f"{CONFIG}:2")]),
        ({PROJECT: "[tool.poetry.source]\nname = 'x'\n"}, [("PW703", "HIGH", f"{PROJECT}:1")]),
        ({PROJECT: source("c", URL, "default = true\n")}, [("PW703", "HIGH", f"{PROJECT}:4")]),
        ({CONFIG: "virtualenv.create = true\n"}, [("PW703", "LOW", f"{CONFIG}:1")]),
        ({CONFIG: "[certificates.pypi]\ncert = '/a'\n"}, [("PW706", "MEDIUM", f"{CONFIG}:1")]),
        ({CONFIG: "[repositories.c]\nurl = 'x'\n[certificates.c]\ncert = '/a'\n"}, []),
        ({"home/.config/poetry/config.toml": ""}, [("PW701", "MEDIUM", "home/.config/poetry/config.toml")]),
    ],
)
def test_findings(tmp_path: Path, files: dict[str, str], expected: list[tuple[str, str, str]]) -> None:
    assert found(Poetry(), around(tmp_path, files)) == expected


def test_change_of_the_project(tmp_path: Path) -> None:
    before = HEAD + source("corp", "https://corp/", "# ours\n") + "\n# tests\n[tool.x]\ny = 1\n"
    wish = Wish(index=URL, ca=Path("/ca.pem"))
    project, config = Poetry().change(around(tmp_path, {PROJECT: before}), wish, "project")
    assert project.after is not None
    assert project.after.decode() == (
        HEAD
        + source("corp", "https://corp/", 'priority = "explicit"\n# ours\n\n')
        + source("pipway", URL, 'priority = "primary"\n')
        + "\n# tests\n[tool.x]\ny = 1\n"
    )
    assert config.path == tmp_path / LOCAL
    assert config.after == b'[certificates.pipway]\ncert = "/ca.pem"\n'


def test_change_takes_the_default_index_out_and_is_done_once(tmp_path: Path) -> None:
    surroundings = around(tmp_path, {PROJECT: HEAD + '[[tool.poetry.source]]\nname = "PyPI"\npriority = "primary"\n'})
    (change,) = Poetry().change(surroundings, Wish(index=URL), "project")
    assert change.after is not None
    assert change.after.decode() == HEAD + source("pipway", URL, 'priority = "primary"\n')
    change.path.write_bytes(change.after)
    assert Poetry().change(surroundings, Wish(index=URL), "project") == []
    (other,) = Poetry().change(surroundings, Wish(index="https://other/simple/"), "project")
    assert other.after == change.after.replace(URL.encode(), b"https://other/simple/")


@pytest.mark.parametrize(
    ("wish", "scope", "fix"),
    [
        (Wish(proxy="http://p:1"), "user", "export HTTPS_PROXY=http://p:1"),
        (Wish(proxy="http://u:secret@p:1"), "user", "export HTTPS_PROXY=URL"),
        (Wish(timeout=5), "user", "export POETRY_REQUESTS_TIMEOUT=5"),
        (Wish(index=URL), "user", "--scope project"),
        (Wish(ca=Path("/ca.pem")), "user", "export REQUESTS_CA_BUNDLE=/ca.pem"),
        (Wish(index=URL), "venv", "--scope user or project"),
        (Wish(index="https://u:secret@h/"), "project", ".netrc"),
        (Wish(index=URL), "project", "in a project"),
    ],
)
def test_what_has_no_place(tmp_path: Path, wish: Wish, scope: str, fix: str) -> None:
    files = {PROJECT: HEAD} if "@" in (wish.index or "") else {}
    with pytest.raises(UsageError) as caught:
        Poetry().change(around(tmp_path, files), wish, scope)  # type: ignore[arg-type]
    assert fix in caught.value.fix and "secret" not in str(caught.value)


@pytest.mark.slow
def test_the_real_poetry_reads_what_is_written(tmp_path: Path) -> None:
    surroundings = around(tmp_path, {PROJECT: HEAD + source("corp", "https://corp.example/simple/")})
    for change in Poetry().change(surroundings, Wish(index=URL, ca=Path("/ca.pem")), "project"):
        assert change.after is not None
        change.path.write_bytes(change.after)
    environ = {"PATH": os.environ["PATH"], "HOME": str(surroundings.home)}
    said = ""
    for words in (["source", "show"], ["config", "--list"]):
        command = [*RealPoetry().command(), "--no-ansi", *words]
        done = subprocess.run(command, cwd=surroundings.cwd, env=environ, capture_output=True, text=True, check=True)
        said += done.stdout
    words = said.split()
    assert f"name : pipway url : {URL} priority : primary" in " ".join(words)
    assert "explicit" in words
    assert 'certificates.pipway.cert = "/ca.pem"' in said
