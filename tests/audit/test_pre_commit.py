"""The hook for pre-commit: it is called for every file that the audit reads, and the real pre-commit runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.audit.casefile import read
from tests.e2e.lab import neutral_environment

from pipway.audit.collect import HEAD, collector, collectors
from pipway.audit.collect.files import HEADED, modules, suffix

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HERE = Path(__file__).parent
CASES = sorted([*HERE.glob("cases/*/*.case"), *HERE.glob("corpus/**/*.case")])

#: What nobody has to commit: the user's own folder, and what pip installed.
ELSEWHERE = re.compile(r"(^|/)(dependency_links\.txt|direct_url\.json|site-packages/.*)$")


def hook() -> dict[str, Any]:
    (only,) = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    assert isinstance(only, dict)
    return only


def named() -> Iterable[tuple[str, str]]:
    """Every file of every case, and its beginning."""
    for path in CASES:
        for name, text in read(path).files.items():
            yield name, text[:HEAD] if suffix(name) in HEADED else ""


def test_every_file_that_a_collector_reads_calls_the_hook() -> None:
    """If this fails: add to `files` what a collector has learned to read."""
    files = re.compile(hook()["files"])
    reading: dict[str, set[str]] = {collector.KIND: set() for collector in collectors()}
    for name, head in named():
        for module in modules(name, head):
            reading[collector(module).KIND].add(name)
    assert {kind for kind, names in reading.items() if not names} <= {"direct-url"}, "no case has such a file"
    missed = {name for names in reading.values() for name in names if not files.search(name)}
    assert {name for name in missed if not ELSEWHERE.search(name)} == set()


@pytest.mark.parametrize("name", ["src/shop/app.py", "README.md", "docs/logo.png", "web/package.json", "a/setup.pyc"])
def test_other_files_do_not(name: str) -> None:
    assert not re.search(hook()["files"], name)
    assert not modules(name, "")


def git(folder: Path, *words: str) -> str:
    """Without anybody's own configuration."""
    environ = {**neutral_environment(), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    own = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *own, *words], cwd=folder, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
def test_the_real_pre_commit_runs_it(tmp_path: Path) -> None:
    """A commit that brings an extra index is refused, and one that changes what is read by nobody asks no audit."""
    hooks, project = tmp_path / "hooks", tmp_path / "project"
    for folder in (hooks, project):
        folder.mkdir()
        git(folder, "init", "-q")
    (hooks / MANIFEST.name).write_bytes(MANIFEST.read_bytes())
    git(hooks, "add", ".")
    git(hooks, "commit", "-qm", "hooks")
    # What `language: python` does is an install from an index; the command is the same.
    config = {"repo": hooks.as_posix(), "rev": git(hooks, "rev-parse", "HEAD")}
    config["hooks"] = [{"id": hook()["id"], "language": "system", "entry": f"{sys.executable} -m pipway audit"}]  # type: ignore[assignment]
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [config]}))
    (project / "requirements.txt").write_text(
        "--index-url https://index.example/simple/\n--extra-index-url https://nexus.corp/simple/\nflask==3.0.0\n"
    )
    (project / "app.py").write_text("")
    git(project, "add", ".")
    environ = {**neutral_environment(), "PRE_COMMIT_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT / "src")}

    def run(*files: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pre_commit", "run", "--color=never", "--files", *files]
        return subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True)

    refused = run("requirements.txt", "app.py")
    assert refused.returncode == 1, refused
    assert "critical[PW201]" in refused.stdout
    assert "requirements.txt:2" in refused.stdout
    skipped = run("app.py")
    assert skipped.returncode == 0, skipped
    assert "no files to check" in skipped.stdout


@pytest.mark.slow
def test_the_manifest_is_valid() -> None:
    """As pre-commit judges it."""
    done = subprocess.run([sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST)], capture_output=True)
    assert done.returncode == 0, done.stdout
