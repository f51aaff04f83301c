"""PW701 to PW710 for pip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipway.clients.base import Installed, Surroundings
from pipway.clients.pip_findings import findings
from pipway.findings import Finding, Severity

HOME = "home/.config/pip/pip.conf"


def found(
    folder: Path, files: dict[str, str], environ: dict[str, str] | None = None, command: str = "", version: str = "26.3"
) -> list[Finding]:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    variables = {name: value.replace("@/", f"{folder}/") for name, value in (environ or {}).items()}
    where = Surroundings(variables, folder / "home", folder / "work", root=folder, command=tuple(command.split()))
    return findings(where, Installed("pip", (), version, "3.11", str(folder / "prefix")))


def ids(results: list[Finding]) -> list[str]:
    return [result.id for result in results]


def test_sound_configuration_has_none(tmp_path: Path) -> None:
    text = "[global]\nindex-url = https://index.example/simple/\ntimeout = 60\ntrusted_host =\n  a.example\n"
    environ = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://proxy.example:3128")
    assert found(tmp_path, {HOME: text}, environ | {"NO_PROXY": "localhost,.corp,10.0.0.0/8"}) == []


@pytest.mark.parametrize(
    "path", ["home/.pip.conf", "home/pip.conf", "work/pip.conf", "home/.config/pip/pip.ini", "home/.config/pip.conf"]
)
def test_pw701_a_file_never_read(tmp_path: Path, path: str) -> None:
    (one,) = found(tmp_path, {path: "[global]\ntimeout = 1\n"})
    assert (one.id, one.severity) == ("PW701", Severity.MEDIUM)
    assert one.place is not None
    assert one.place.name == str(tmp_path / path)
    assert one.fix is not None
    assert one.fix.commands[-1] == f"mv {tmp_path / path} {tmp_path / HOME}"


def test_pw701_never_moves_over_a_file(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {"home/.pip.conf": "[global]\n", HOME: "[global]\n"})
    assert one.fix is not None
    assert one.fix.commands == ()


def test_pw701_pip_config_file_is_missing(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {}, {"PIP_CONFIG_FILE": "@/none"})
    assert (one.id, one.fix and one.fix.commands) == ("PW701", ("unset PIP_CONFIG_FILE",))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[global]\ntrusted-host =\na.example\n", 3, "indented"),
        ("[global]\ntimeout = 1\nTimeout = 2\n", 3, "twice"),
        ("[global]\n[install]\n[global]\n", 3, "twice"),
        ("timeout = 1\n", 1, "before any"),
        ("[global]\ntimeout = soon\n", 2, "number"),
        ("[global]\nno-index = maybe\n", 2, "yes or no"),
        ("\ufeff[global]\n", 1, "byte order mark"),
    ],
)
def test_pw702_what_stops_pip(tmp_path: Path, text: str, line: int, words: str) -> None:
    (one,) = found(tmp_path, {HOME: text})
    assert (one.id, one.severity) == ("PW702", Severity.HIGH)
    assert one.place is not None
    assert one.place.line == line
    assert words in one.what
    assert one.fix is not None


def test_pw702_from_a_variable(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {}, {"PIP_TIMEOUT": "soon"})
    assert (one.id, str(one.place)) == ("PW702", "PIP_TIMEOUT")


def test_pw703_unknown_keys(tmp_path: Path) -> None:
    text = "[global]\nextra-index-urls = https://a.example/simple\ntrusted-hots = a\nweather = fine\n"
    one, two, three = found(tmp_path, {HOME: text})
    assert [one.id, two.id, three.id] == ["PW703"] * 3
    assert [finding.fix and finding.fix.text for finding in (one, two, three)] == [
        "write extra-index-url",
        "write trusted-host",
        "remove it",
    ]
    assert [finding.severity for finding in (one, three)] == [Severity.MEDIUM, Severity.LOW]


def test_pw703_a_url_at_the_margin(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {HOME: "[global]\nfind-links =\nhttps://a.example/wheels\n"})
    assert (one.id, one.place and one.place.line) == ("PW703", 3)


def test_pw703_variables(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {}, {"PIP_INDEX_ULR": "https://a.example/simple", "PIP_WEATHER": "fine"})
    assert one.fix is not None
    assert one.fix.commands == ('export PIP_INDEX_URL="$PIP_INDEX_ULR"', "unset PIP_INDEX_ULR")


@pytest.mark.parametrize(
    "text",
    [
        "[install]\nrequire-virtualenv = yes\n",
        "[global]\nrequire-hashes = true\n",
        "[check]\nindex-url = https://a.example/simple\n",
        "[Global]\ntimeout = 3\n",
        "[pip]\ntimeout = 3\n",
    ],
)
def test_pw704_the_wrong_section(tmp_path: Path, text: str) -> None:
    assert ids(found(tmp_path, {HOME: text})) == ["PW704"]


def test_pw704_hashes_from_a_variable(tmp_path: Path) -> None:
    assert ids(found(tmp_path, {}, {"PIP_REQUIRE_HASHES": "1"})) == ["PW704"]
    assert found(tmp_path, {}, {"PIP_REQUIRE_HASHES": "0"}) == []


def test_pw705_in_files_and_variables(tmp_path: Path) -> None:
    text = "[global]\nextra-index-url =\n  https://a.example/simple\n  https://nexus.example/repository/x\n"
    one, two = found(tmp_path, {HOME: text}, {"PIP_INDEX_URL": "https://u:hidden@nexus.example/repository/y/"})
    assert (one.id, two.id) == ("PW705", "PW705")
    assert two.fix is not None
    assert two.fix.text == "write https://nexus.example/repository/y/simple/"
    assert "hidden" not in repr((one, two))


@pytest.mark.parametrize(
    ("files", "environ", "command", "expected"),
    [
        ({HOME: "[global]\nindex-url = https://n.example/repository/x\n"}, {}, "",
         ("python -m pip config set global.index-url https://n.example/repository/x/simple/",)),
        ({"etc/pip.conf": "[global]\nindex-url = https://n.example/repository/x\n"}, {}, "", ()),
        ({HOME: "[global]\nindex-url = https://u:hidden@n.example/repository/x\n"}, {}, "", ()),
        ({}, {"PIP_INDEX_URL": "https://n.example/repository/x"}, "",
         ("export PIP_INDEX_URL=https://n.example/repository/x/simple/",)),
        ({}, {"PIP_INDEX_URL": "https://u:hidden@n.example/repository/x/"}, "",
         ('export PIP_INDEX_URL="${PIP_INDEX_URL%/}/simple/"',)),
        ({}, {}, "pip install -i https://n.example/repository/x idna", ()),
    ],
)  # fmt: skip
def test_pw705_commands(
    tmp_path: Path, files: dict[str, str], environ: dict[str, str], command: str, expected: tuple[str, ...]
) -> None:
    (one,) = found(tmp_path, files, environ, command)
    assert (one.id, one.fix and one.fix.commands) == ("PW705", expected)


def test_pw707_the_proxy_of_the_command(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {}, command="pip install --proxy proxy:3128 idna")
    assert (one.id, str(one.place), one.fix and one.fix.commands) == ("PW707", "--proxy", ())


def test_pw706_layers_disagree(tmp_path: Path) -> None:
    files = {
        "etc/pip.conf": "[global]\ntimeout = 3\n",
        HOME: "[global]\ntimeout = 4\nindex-url = https://u:hidden@a.example/simple\n",
    }
    results = found(tmp_path, files, {"PIP_INDEX_URL": "https://u:hidden@b.example/simple"})
    assert ids(results) == ["PW706", "PW706"]
    index, timeout = results
    assert "PIP_INDEX_URL wins over global.index-url" in index.what
    assert timeout.related[0].name == str(tmp_path / "etc/pip.conf")
    assert "hidden@" not in repr(results).replace("[hidden]@", "")


@pytest.mark.parametrize(("version", "expected"), [("24.0", 0), ("24.1", 1), ("26.3", 1)])
def test_pw706_a_bundle_that_is_not_read(tmp_path: Path, version: str, expected: int) -> None:
    environ = {"PIP_PROXY": "http://p.example:1", "REQUESTS_CA_BUNDLE": "/ca.pem"}
    results = [one for one in found(tmp_path, {}, environ, version=version) if one.id == "PW706"]
    assert len(results) == expected
    for one in results:
        assert one.fix is not None
        assert one.fix.commands == ('python -m pip config set global.cert "$REQUESTS_CA_BUNDLE"',)


def test_pw707_exceptions_that_are_not_read(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {}, {"PIP_PROXY": "http://p.example:1", "NO_PROXY": "a.example"})
    assert (one.id, one.what) == ("PW707", "pip does not read NO_PROXY")


def test_pw707_the_proxy_of_a_file(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {HOME: "[global]\nproxy = http://CORP\\ann:hidden@p.example:1\n"})
    assert (one.id, one.severity, one.place and one.place.line) == ("PW707", Severity.HIGH, 2)
    assert "ann" not in repr(one)


def test_pw708_for_root(tmp_path: Path) -> None:
    (tmp_path / "root/.config/pip").mkdir(parents=True)
    (tmp_path / "root/.config/pip/pip.conf").write_text("[global]\ntimeout = 3\n")
    where = Surroundings({}, tmp_path / "root", tmp_path, root=tmp_path, python=str(tmp_path / "bin/python"))
    assert [(one.id, one.severity) for one in findings(where, None)] == [("PW708", Severity.INFO)]


def test_pw710_all_files_off(tmp_path: Path) -> None:
    files = {HOME: "[global]\nindex-url = https://a.example/simple\n"}
    (one,) = found(tmp_path, files, {"PIP_CONFIG_FILE": os.devnull})
    assert (one.id, one.severity, one.related[0].name) == ("PW710", Severity.LOW, str(tmp_path / HOME))
