"""`pipway audit --history` and `--base` on the command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.cli.test_audit import run

from pipway.errors import UsageError

LOCK = """lock-version = "1.0"
created-by = "pip"
[[packages]]
name = "flask"
version = "3.0.3"
[[packages.attestation-identities]]
kind = "GitHub"
repository = "{}/flask"
"""
CONF = "[global]\nindex-url = https://svc:secret-word@nexus.corp/simple\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "pylock.toml").write_text(LOCK.format("pallets"))
    (tmp_path / "pip.conf").write_text(CONF)
    person = ("-c", "user.name=x", "-c", "user.email=x@y.example")
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "x"), ("tag", "v1")):
        subprocess.run(["git", *person, *arguments], check=True)
    return tmp_path


def test_history_is_looked_at_on_request_only(here: Path) -> None:
    """Also where no file is left that would be audited."""
    (here / "pip.conf").unlink()
    assert "PW301" not in run("--only", "PW301")
    said = run("--only", "PW301", "--history", code=1)
    assert "critical[PW301]: the URL of nexus.corp holds a password" in said
    assert ":pip.conf:2:13\n" in said
    assert "secret-word" not in said
    (here / "pylock.toml").unlink()
    assert ":pip.conf:2:13\n" in run("--only", "PW301", "--history", code=1)


def test_a_baseline_knows_the_history(here: Path) -> None:
    (here / "pip.conf").unlink()
    run("--history", "--write-baseline", "known.json")
    assert "secret-word" not in (here / "known.json").read_text()
    assert "PW301" not in run("--history", "--baseline", "known.json")


def test_a_base_to_compare_with(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "pylock.toml").write_text(LOCK.format("somebody"))
    assert "PW807" not in run("--only", "PW807")
    assert "flask comes from another publisher" in run("--only", "PW807", "--base", "v1", code=1)
    for name in ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert "not looked at: the base branch" in run("--only", "PW807", "--base", "auto")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    with pytest.raises(UsageError, match="knows no origin/main"):
        run("--only", "PW807", "--base", "auto")
    with pytest.raises(UsageError, match="knows no"):
        run("--base=--upload-pack=x")
