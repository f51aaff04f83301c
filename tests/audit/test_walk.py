"""The walk: what is looked at, what is not, and that nothing leads out of the tree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipway.audit import walk
from pipway.audit.facts import Index
from pipway.audit.git import tracked
from pipway.audit.run import collect
from pipway.audit.walk import Tree


def lay(root: Path, *names: str, **texts: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(texts.get(name, "x\n"))


def git(root: Path, *arguments: str) -> None:
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *arguments], cwd=root, env=environ, check=True, capture_output=True)


def test_ignored_and_made_folders_are_passed(tmp_path: Path) -> None:
    """gitignore(5), with negation, folders and inner files; outside of a repository none holds."""
    (tmp_path / ".git").mkdir()
    lay(tmp_path, "a/pip.conf", "b.log", "a/keep.log", "build/x", "c/d/e")
    lay(tmp_path, "venv/pyvenv.cfg", "venv/y", "node_modules/z")
    (tmp_path / ".gitignore").write_text("*.log\nbuild/\n/c/d\n")
    (tmp_path / "a" / ".gitignore").write_text("!keep.log\n")
    assert list(Tree(tmp_path).files()) == [".gitignore", "a/.gitignore", "a/keep.log", "a/pip.conf"]
    assert list(Tree(tmp_path).files(["build", "b.log"])) == ["build/x", "b.log"]
    assert list(Tree(tmp_path / "c").files()) == []


def test_what_is_tracked_is_not_ignored(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    lay(tmp_path, "build/x", "build/y")
    (tmp_path / ".gitignore").write_text("build/\n")
    assert list(Tree(tmp_path, known=frozenset({"build/x"})).files()) == [".gitignore", "build/x"]


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    """Nor in circles; asked for, they do, once."""
    lay(tmp_path, "out/secret", "root/in/file")
    root = tmp_path / "root"
    (root / "file").symlink_to(tmp_path / "out" / "secret")
    (root / "folder").symlink_to(tmp_path / "out")
    (root / "loop").symlink_to(root)
    (root / "near").symlink_to(root / "in" / "file")
    (root / "broken").symlink_to(root / "nothing")
    (root / "self").symlink_to(root / "self")
    tree = Tree(root)
    assert list(tree.files()) == ["file", "near", "in/file"]
    assert tree.read("file") is None
    assert tree.read("folder/secret") is None
    assert tree.read("near") is not None
    everything = list(Tree(root, follow=True).files())
    assert "folder/secret" in everything
    assert len(everything) < 20
    assert Tree(root, follow=True).read("file") is not None


@pytest.mark.parametrize(
    "path", ["../out", "/etc/passwd", "a/../../out", "a\0b", "..", "..\\out", "", "gone", "x" * 5000]
)
def test_nothing_outside_is_read(tmp_path: Path, path: str) -> None:
    lay(tmp_path, "out", "root/a/b")
    assert Tree(tmp_path / "root").read(path) is None


def test_what_cannot_be_text_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "LARGEST", 100)
    (tmp_path / "big").write_text("x" * 101)
    (tmp_path / "binary").write_bytes(b"a\0b")
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    os.mkfifo(tmp_path / "pipe")
    tree = Tree(tmp_path)
    assert list(tree.files()) == ["big", "binary", "latin"]
    assert tree.read("big") is tree.read("binary") is tree.read("pipe") is None
    source = tree.read("latin")
    assert source is not None
    assert source.text.encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_bounds_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, "a/b/c/d", "e", "f", "g")
    monkeypatch.setattr(walk, "DEEPEST", 1)
    tree = Tree(tmp_path)
    assert list(tree.files()) == ["e", "f", "g"]
    assert tree.skipped == ["a/b: too many folders within folders"]
    monkeypatch.setattr(walk, "MOST", 3)
    tree = Tree(tmp_path)
    assert len(list(tree.files())) < 4
    assert tree.skipped == [".: more than 3 files and folders"]


def test_what_is_not_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "LARGEST", 1 << 20)
    monkeypatch.setattr(walk, "LARGEST_LOCK", 2 << 20)
    (tmp_path / "pip.conf").write_text("#" * (1 << 20) + "\n")
    (tmp_path / "uv.lock").write_text("#" * (1 << 20) + "\n")
    (tmp_path / "poetry.lock").write_text("#" * (2 << 20) + "\n")
    (tmp_path / "Pipfile").write_bytes(b"\0")
    (tmp_path / "uv.toml").write_text("a = [")
    tree = Tree(tmp_path)
    assert [source.path for source in collect(tree).sources] == ["uv.lock", "uv.toml"]
    assert sorted(tree.skipped)[:3] == [
        "Pipfile: it is no text",
        "pip.conf: it is larger than 1 MiB",
        "poetry.lock: it is larger than 2 MiB",
    ]
    assert sorted(tree.skipped)[-1].startswith("uv.toml: ")


def test_more_facts_than_anybody_writes_are_told(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("--extra-index-url https://a.corp/\n" * 501)
    tree = Tree(tmp_path)
    assert len(collect(tree).of(Index)) == 500
    assert tree.skipped == ["requirements.txt: more than 500 indexes"]


@pytest.mark.needs("git")
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_gits_index_is_read_as_git_reads_it(tmp_path: Path, version: str) -> None:
    """gitformat-index(5), all versions; a linked work tree has its index elsewhere."""
    names = ["a", "a/b".replace("/", "_") * 40, "dir/ä.txt", "dir/other", "x" * 200, "requirements.txt"]
    git(tmp_path, "init", "-q")
    lay(tmp_path, *names, "untracked")
    git(tmp_path, "add", *names)
    if version == "3":
        (tmp_path / "later").write_text("")
        git(tmp_path, "add", "-N", "later")  # an extended flag: only version 3 has those
        names.append("later")
    else:
        git(tmp_path, "update-index", "--index-version", version)
    assert tracked.tracked(tmp_path) == frozenset(names)
    assert tracked.repository(tmp_path / "dir") == tmp_path
    assert Tree(tmp_path / "dir").tracked == {"ä.txt", "other"}
    source = Tree(tmp_path).read("requirements.txt")
    assert source is not None
    assert source.tracked


@pytest.mark.parametrize(
    "raw", [b"", b"DIRC", b"DIRC\0\0\0\2\xff\xff\xff\xff", b"DIRC\0\0\0\4\0\0\0\1" + b"\xff" * 100, b"x" * 500]
)
def test_a_broken_index_knows_nothing(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_bytes(raw)
    assert tracked.tracked(tmp_path) == frozenset()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".git").write_text("gitdir: ../gone\n")
    assert tracked.tracked(tmp_path / "sub") == frozenset()


def test_a_repository_runs_nothing(tmp_path: Path) -> None:
    """A monitor or a hook that a repository configures would run with git, so git is not run."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(f'[core]\n\tfsmonitor = "touch {tmp_path}/ran"\n')
    (tmp_path / "requirements.txt").write_text("flask\n")
    collect(Tree(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_patterns_that_take_long_match_nothing(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    lay(tmp_path, "a" * 250)
    (tmp_path / ".gitignore").write_text("*a" * 50 + "b\n" + "[\n[z-a]\n" + "x" * 1000 + "\n!\n*.log\n")
    lay(tmp_path, "x.log")
    assert list(Tree(tmp_path).files()) == [".gitignore", "a" * 250]


def test_slow_patterns_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    lay(tmp_path, "a.log", "b.log")
    (tmp_path / ".gitignore").write_text("*.log\n")
    monkeypatch.setattr(walk, "PATIENCE", 0.0)
    tree = Tree(tmp_path)
    assert list(tree.files()) == [".gitignore", "a.log", "b.log"]
    assert len(tree.skipped) == 1
