"""`pipway settings`: what people and programs read from it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import trustme
from tests.e2e import forks

from pipway.settings.schema import json_schema
from pipway.settings.table import options


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return forks.run(["settings", *arguments], env={**os.environ, **environ})


def test_show_lists_every_setting_with_its_origin(tmp_path: Path) -> None:
    """And hides the password of an upstream."""
    path = tmp_path / "pipway.toml"
    path.write_text('offline = true\nupstreams = ["corp=https://alice:hunter2@index.example/simple/"]\n')
    done = run("show", "--config", str(path), PIPWAY_LISTEN="127.0.0.1:0")
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert list(rows) == [option.name for option in options()]
    assert rows["offline"].split()[1:] == ["true", f"{path}:1"]
    assert rows["server.listen"].split()[1:] == ["127.0.0.1:0", "PIPWAY_LISTEN"]
    assert rows["cache.page_ttl"].split()[1:] == ["10m", "default"]
    assert "corp=https://[hidden]@index.example/simple/" in rows["upstreams"]
    assert "hunter2" not in done.stdout + done.stderr


def test_show_json_is_for_programs() -> None:
    """Name → value and origin."""
    shown = json.loads(run("show", "--json", PIPWAY_UPSTREAM="https://alice:hunter2@index.example/").stdout)
    assert shown["upstreams"] == {
        "value": ["index.example=https://[hidden]@index.example/"],
        "origin": "PIPWAY_UPSTREAM",
    }
    assert shown["offline"] == {"value": False, "origin": "default"}
    assert set(shown) == {option.name for option in options()}


def test_check_is_content_with_the_defaults() -> None:
    """Exit code 0 and one line."""
    done = run("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "settings are fine\n", "")


@pytest.mark.slow
def test_check_remarks_and_still_succeeds() -> None:
    """What works is no failure."""
    done = run("check", PIPWAY_UPSTREAM="http://index.example/simple/")
    assert done.returncode == 0
    assert "[clear-text-upstream]" in done.stderr
    assert done.stdout == "settings are usable, 1 remark(s)\n"


@pytest.mark.slow
def test_check_fails_when_the_server_would_not_start() -> None:
    """As when everybody could use it."""
    done = run("check", PIPWAY_LISTEN="0.0.0.0:3141")
    assert (done.returncode, done.stdout) == (2, "")
    assert "[open-to-others]" in done.stderr
    assert run("check", PIPWAY_LISTEN="0.0.0.0:3141", PIPWAY_ACCESS_ALLOW_FROM="private").returncode == 0


@pytest.mark.slow
def test_check_fails_for_what_cannot_be_opened_or_read() -> None:
    """With the same error that would stop the server."""
    for setting, code in (
        ({"PIPWAY_FORWARD_ALLOW": "169.254.169.254:80"}, "closed-for-good"),
        ({"PIPWAY_ACCESS_TOKENS_FILE": os.devnull + "/none"}, "tokens-unreadable"),
        ({"PIPWAY_ACCESS_TOKENS_FILE": os.devnull, "PIPWAY_LISTEN": "0.0.0.0:0"}, "open-to-everyone"),
    ):
        done = run("check", **setting)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"[{code}]" in done.stderr


def test_check_fails_with_every_fault() -> None:
    """Exit code 2, one finding each."""
    done = run("check", PIPWAY_LISTN="x", PIPWAY_OFFLINE="perhaps")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "[unknown-setting]" in done.stderr
    assert "Did you mean PIPWAY_LISTEN?" in done.stderr
    assert "[bad-value]" in done.stderr


@pytest.mark.slow
def test_show_fails_alike() -> None:
    """With the faults in one block."""
    done = run("show", PIPWAY_LISTN="x")
    assert (done.returncode, done.stdout) == (2, "")
    assert "1 setting is wrong [bad-settings]" in done.stderr


@pytest.mark.slow
def test_schema_is_the_tables() -> None:
    """Ready to be written to a file."""
    assert json.loads(run("schema").stdout) == json_schema()


@pytest.mark.slow
def test_trust_says_whose_roots_are_believed_and_who_said_so(tmp_path: Path) -> None:
    """The system's stay; a variable adds to them; one that names nothing is told."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "corp.pem"))
    none = str(tmp_path / "none.pem")
    done = run("trust", PIPWAY_EXTRA_CA=str(tmp_path / "corp.pem"), PIP_CERT=none)
    system, extra, pip_cert = done.stdout.splitlines()
    assert system.startswith("the operating system")
    assert extra == f"trust.extra_ca  {tmp_path / 'corp.pem'}  1 roots"
    assert pip_cert.startswith(f"PIP_CERT  {none}")
    assert "cannot be read" in pip_cert
