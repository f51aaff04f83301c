"""`pipway access`: tokens are printed once and kept as hashes."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from tests.e2e import forks

from pipway import platforms
from pipway.tokens import load


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return forks.run(["access", *arguments], env={**os.environ, **environ})


@pytest.mark.slow
def test_a_token_is_printed_once(tmp_path: Path) -> None:
    """Alone on standard output, for scripts; the file has a hash and is its owner's."""
    path = tmp_path / "folder" / "tokens"
    done = run("add", "ci", PIPWAY_ACCESS_TOKENS_FILE=str(path))
    token = done.stdout.strip()
    assert done.returncode == 0
    assert load(path).owner(f"Bearer {token}") == "ci"
    assert token not in path.read_text() + done.stderr
    assert platforms.WINDOWS or stat.S_IMODE(path.stat().st_mode) == 0o600
    other = run("add", "alice", "--file", str(path)).stdout.strip()
    assert run("list", "--file", str(path)).stdout == "ci\nalice\n"
    assert run("remove", "ci", "--file", str(path)).returncode == 0
    assert load(path).owner(f"Bearer {token}") is None
    assert load(path).owner(f"Bearer {other}") == "alice"


@pytest.mark.slow
def test_mistakes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    assert "[no-tokens-file]" in run("add", "ci").stderr
    assert "[tokens-unreadable]" in run("list", "--file", str(path)).stderr
    assert run("add", "ci", "--file", str(path)).returncode == 0
    again = run("add", "ci", "--file", str(path))
    assert (again.returncode, again.stdout) == (2, "")
    assert "[name-taken]" in again.stderr
    assert "[no-such-token]" in run("remove", "alice", "--file", str(path)).stderr
    path.write_text("ci: plain-token\n")
    broken = run("add", "alice", "--file", str(path))
    assert "[bad-tokens]" in broken.stderr
    assert "plain-token" not in broken.stderr
    assert path.read_text() == "ci: plain-token\n"
