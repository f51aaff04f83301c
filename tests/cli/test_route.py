"""`pipway route`: the decision and its reason, as a person reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.e2e import forks

PARENT = "http://CORP%5Calice@proxy.example:8080"


def run(*arguments: str, code: int = 0, **environ: str) -> str:
    done = forks.run(["route", *arguments], env={**os.environ, **environ})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_nothing_configured_is_direct() -> None:
    assert run("files.example") == "files.example:443: nothing says otherwise\n  way: direct\n"


@pytest.mark.slow
def test_a_parent_with_its_login_and_an_exception() -> None:
    shown = run("files.example", PIPWAY_PARENT=PARENT, PIPWAY_PARENT_PASSWORD="s3cret")
    assert shown.splitlines() == [
        "files.example:443: parent (PIPWAY_PARENT)",
        "  way: http://proxy.example:8080  (CORP\\alice with the password from PIPWAY_PARENT_PASSWORD)",
    ]
    assert "excepted by localhost in no_proxy (default)" in run("http://localhost:8000/x", PIPWAY_PARENT=PARENT)


@pytest.mark.slow
def test_routes_from_a_file_with_a_chain(tmp_path: Path) -> None:
    file = tmp_path / "pipway.toml"
    file.write_text(
        '[[route]]\nmatch = "*.corp.example"\nvia = "direct"\n'
        '[[route]]\nmatch = "bad.example"\nvia = "refuse"\n'
        f'[[route]]\nmatch = "*"\nvia = [["socks5h://jump.example", "{PARENT}"], "direct"]\nprefer = "fastest"\n'
    )
    assert "route 1 (*.corp.example)" in run("a.corp.example", "--config", str(file))
    assert "refused: no way leads there" in run("bad.example", "--config", str(file))
    lines = run("files.example", "--config", str(file)).splitlines()
    assert lines[0] == f"files.example:443: route 3 (*) in {file}:1"
    assert lines[1].strip() == "way 1: socks5h://jump.example:1080"
    assert lines[2].strip().startswith("→ http://proxy.example:8080  (CORP\\alice: none kept (pipway credentials add")
    assert lines[3].strip() == "way 2: direct"
    assert "fastest" in lines[4]


def test_json_variables_and_no_secret() -> None:
    found = json.loads(run("https://files.example", "--json", https_proxy="http://alice:s3cret@proxy.example:8080"))
    assert found == {
        "target": "files.example:443",
        "reason": "https_proxy",
        "order": "listed",
        "ways": [[{"hop": "http://proxy.example:8080", "login": "alice with the password from the environment"}]],
        "remarks": [],
    }


@pytest.mark.slow
def test_what_may_not_have_been_meant_is_remarked() -> None:
    shown = run("files.example", PIPWAY_NO_PROXY="http://alice:s3cret@a.example", https_proxy="a:1", HTTPS_PROXY="b:1")
    assert "in NO_PROXY is neither a name nor an address and matches nothing" in shown
    assert "remark: https_proxy and HTTPS_PROXY differ; https_proxy is used" in shown
    assert "s3cret" not in shown
    assert "  remark: '-' in NO_PROXY is neither" in run("files.example", "--no-proxy", "a.example,-")


@pytest.mark.slow
def test_no_proxy_compared_with_other_tools() -> None:
    found = json.loads(run("a.corp.example", "--no-proxy", "*.corp.example", "--json"))
    assert found["bypass"] == {
        "pipway": True,
        "curl": False,
        "urllib": False,
        "requests": False,
        "go": True,
        "uv": False,
    }


@pytest.mark.slow
def test_a_pac_file_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "proxy.pac"
    file.write_text("function FindProxyForURL(url, host) { return 'PROXY proxy.example:8080; DIRECT'; }")
    assert "the PAC file answers" in run("files.example", PIPWAY_PAC=str(file))
    file.write_text("nonsense")
    shown = run("files.example", code=1, PIPWAY_PAC=str(file))
    assert "[pac-failed]" in shown
    assert "fix" in shown


@pytest.mark.slow
def test_a_broken_parent_is_explained_without_being_repeated() -> None:
    shown = run("files.example", code=2, PIPWAY_PARENT="http://CORP\\alice:s3cret@proxy.example:8080")
    assert "%5C" in shown
    assert "s3cret" not in shown


def test_a_target_that_is_none() -> None:
    assert "[bad-target]" in run("ftp://files.example", code=2)


def test_a_password_is_not_taken_from_the_command_line() -> None:
    shown = run("files.example", "--parent", "http://alice:s3cret@proxy.example:8080", code=2)
    assert "[password-in-argument]" in shown
    assert "s3cret" not in shown
