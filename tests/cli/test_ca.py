"""`pipway ca`: what it says of an authority that is there; tests/e2e/test_intercept.py has the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipway.cli.ca import app
from pipway.errors import UsageError
from pipway.server.ca import Authority

run = CliRunner().invoke


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Made by a server that ran before."""
    monkeypatch.setenv("PIPWAY_UPSTREAM", "https://index.example/simple/")
    monkeypatch.setenv("PIPWAY_DATA", str(tmp_path))
    (tmp_path / "hosts").write_text("https://late.example 443\n")
    made = Authority(tmp_path)
    made.ensure(["index.example", "files.example"])
    return made


def test_show(authority: Authority) -> None:
    """For people and for programs; hosts that came later are named."""
    text = run(app, ["show"]).output
    assert authority.current is not None
    assert authority.current.fingerprint in text
    assert "Not for      late.example" in text
    facts = json.loads(run(app, ["show", "--json"]).output)
    assert facts["hosts"] == ["index.example", "files.example"]
    assert facts["uncovered"] == ["late.example"]
    assert facts["successor"] is None
    assert "PRIVATE" not in text + str(facts)


def test_rotate_takes_in_what_came_later(authority: Authority) -> None:
    """And show tells when it signs."""
    done = run(app, ["rotate"])
    assert done.exit_code == 0, done.output
    assert authority.successor is not None
    assert set(authority.successor.names) == {"index.example", "files.example", "late.example"}
    assert "Successor" in run(app, ["show"]).output
    assert run(app, ["export"]).output.count("BEGIN CERTIFICATE") == 2


def test_export_writes_a_file(authority: Authority, tmp_path: Path) -> None:
    """Or says why it cannot."""
    assert run(app, ["export", str(tmp_path / "out.pem")]).exit_code == 0
    assert (tmp_path / "out.pem").read_text() == authority.bundle.read_text()
    for arguments, code in (
        (["export", str(tmp_path / "none" / "out.pem")], "export-unwritable"),
        (["export", "--full"], "export-where"),
    ):
        caught = run(app, arguments).exception
        assert isinstance(caught, UsageError)
        assert caught.code == code


def test_there_is_none(tmp_path: Path, authority: Authority) -> None:
    """Looking makes none."""
    caught = run(app, ["show", "--data", str(tmp_path / "other")]).exception
    assert isinstance(caught, UsageError)
    assert caught.code == "ca-missing"
    assert not (tmp_path / "other").exists()
