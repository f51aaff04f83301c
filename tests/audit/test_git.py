"""What git knows: secrets of all commits, locks of the base branch; and that a repository gets nothing run by it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from pipway.audit import formats
from pipway.audit.configuration import Configuration
from pipway.audit.facts import Project
from pipway.audit.git import base_branch, history, objects
from pipway.audit.git.history import Past
from pipway.audit.machine import joined
from pipway.audit.report import Entry, Report, entries
from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.walk import Tree
from pipway.errors import UsageError

SCHEMAS = Path(__file__).parent / "schemas"
SECRET = "correct-horse-battery"
CONF = f"[global]\nindex-url = https://svc:{SECRET}@nexus.corp/simple\n"
CLEAN = "[global]\nindex-url = https://nexus.corp/simple\n"
LOCK = """lock-version = "1.0"
created-by = "pip"
[[packages]]
name = "flask"
version = "3.0.3"
[[packages.attestation-identities]]
kind = "GitHub"
repository = "{0}/flask"
"""
ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "x@y.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(root: Path, *arguments: str, given: str = "") -> str:
    """Of the test itself: the repository is still its own."""
    done = subprocess.run(
        ["git", *arguments], cwd=root, env=ENVIRON, input=given.encode(), capture_output=True, check=True
    )
    return done.stdout.decode()


def repository(root: Path, *commits: dict[str, str]) -> list[str]:
    """One made of commits of whole files, all on `main`; the last is checked out."""
    root.mkdir(exist_ok=True)
    git(root, "init", "-q", "-b", "main")
    said = ""
    for number, files in enumerate(commits, 1):
        said += (
            f"commit refs/heads/main\nmark :{number}\ncommitter x <x@y.example> {number}000000000 +0000\ndata 1\nx\n"
        )
        for path, text in files.items():
            said += f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n"
    git(root, "fast-import", "--quiet", given=said)
    git(root, "reset", "-q", "--hard", "main")
    return git(root, "rev-list", "--reverse", "main").split()


def past(root: Path) -> tuple[Past, tuple[Entry, ...]]:
    """What its history gives away, as it is shown."""
    project = collect(Tree(root), today=date(2026, 11, 21))
    found = history.secrets(objects.opened(root, ENVIRON), root, rules(), Configuration(), project)
    return found, tuple(entries(found.results, joined(project, found.project)))


def test_history_tells_a_secret_that_is_gone(tmp_path: Path) -> None:
    """With the commit that brought it, once, and never the secret; what is there now is told as ever."""
    root = tmp_path / "r"
    one, two, *_ = repository(
        root,
        {"a b/pip.conf": CLEAN, "README.md": SECRET},
        {"a b/pip.conf": CONF},
        {"a b/pip.conf": CONF + "timeout = 5\n", "deploy.sh": "#!/bin/sh\necho\n"},
        {"a b/pip.conf": CLEAN, "pip.conf": CONF},
    )
    found, shown = past(root)
    assert [(each.rule, f"{each.at.path}:{each.at.line}") for each in shown] == [
        ("PW301", f"{two[:12]}:a b/pip.conf:2")
    ]
    assert one != two and found.skipped == []
    assert shown[0].outside and shown[0].fix is None
    assert "history" in shown[0].advice
    report = Report(shown, 4)
    for name in formats.NAMES:
        assert SECRET not in formats.write(name, report)
    said = json.loads(formats.write("sarif", report))
    jsonschema.Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())).validate(said)
    assert said["runs"][0]["results"] == []
    assert two[:12] in formats.write("text", report)


def test_history_of_a_folder_within(tmp_path: Path) -> None:
    """Only what is below it, by its own paths; merges and other branches count."""
    root = tmp_path / "r"
    repository(root, {"app/pip.conf": CLEAN, "other/pip.conf": CONF})
    git(root, "checkout", "-q", "-b", "side")
    (root / "app" / "pip.conf").write_text(CONF)
    git(root, "commit", "-qam", "side")
    git(root, "checkout", "-q", "main")
    _, shown = past(root / "app")
    assert [each.at.path.partition(":")[2] for each in shown] == ["pip.conf"]


def test_what_the_configuration_leaves_out(tmp_path: Path) -> None:
    """Files, and rules for files, also of the past."""
    root = tmp_path / "r"
    repository(root, {"a/pip.conf": CONF, "b/pip.conf": CONF, "c/pip.conf": CONF}, {})
    opened = objects.opened(root, ENVIRON)
    said = Configuration(exclude=("a/",), per_file={"b/*": frozenset({"PW301"})})
    found = history.secrets(opened, root, rules(), said, Project((), ()))
    assert [each.source.name for each in found.results] == ["c/pip.conf"]


def evil(root: Path, marker: Path) -> None:
    """Everything in a repository's configuration by which git would run a program."""
    script = root / "evil.sh"
    script.write_text(f"#!/bin/sh\necho $0 $@ >> {marker}\nexit 0\n")
    script.chmod(0o755)
    hooks = root / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
        shutil.copy(script, hooks / name)
    shutil.copy(script, root / "git")
    (root / ".gitattributes").write_text("* diff=evil filter=evil\n")
    (root / ".git" / "info" / "attributes").write_text("* diff=evil filter=evil\n")
    with (root / ".git" / "config").open("a") as config:
        config.write(
            f"""
[core]
    repositoryformatversion = 1
    fsmonitor = {script}
    hooksPath = {hooks}
    pager = {script}
    editor = {script}
    sshCommand = {script}
    askPass = {script}
    gitProxy = {script}
    alternateRefsCommand = {script}
[diff]
    external = {script}
[diff "evil"]
    command = {script}
    textconv = {script}
[filter "evil"]
    smudge = {script}
    clean = {script}
    process = {script}
    required = true
[log]
    showSignature = true
[gpg]
    program = {script}
[pager]
    rev-list = {script}
[credential]
    helper = !{script}
[alias]
    rev-parse = !{script}
    cat-file = !{script}
[extensions]
    partialClone = origin
[remote "origin"]
    url = ext::{script}
    promisor = true
    fetch = +refs/heads/*:refs/remotes/origin/*
[protocol]
    allow = always
[protocol "ext"]
    allow = always
"""
        )


def test_a_repository_gets_nothing_run(tmp_path: Path) -> None:
    """By no setting of its configuration, not for an object that it lacks, and by no program that lies in it."""
    root, marker = tmp_path / "r", tmp_path / "marker"
    commits = repository(
        root, {"pip.conf": CONF, "pylock.toml": LOCK.format("a")}, {"pip.conf": CLEAN}, {"setup.cfg": "[x]\ny = 1\n"}
    )
    missing = git(root, "rev-parse", "main:setup.cfg").strip()
    for pack in (root / ".git" / "objects" / "pack").glob("*.pack"):
        moved = pack.replace(tmp_path / "it.pack")
        with moved.open("rb") as pack_file:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=root, env=ENVIRON, stdin=pack_file, check=True)
    (root / ".git" / "objects" / missing[:2] / missing[2:]).unlink()
    evil(root, marker)
    environ = {**ENVIRON, "PATH": f"{root}{os.pathsep}{ENVIRON['PATH']}", "GIT_EXTERNAL_DIFF": str(root / "evil.sh")}
    opened = objects.opened(root, environ)
    project = collect(Tree(root), today=date(2026, 11, 21))
    found = history.secrets(opened, root, rules(), Configuration(), project)
    assert [result.source.commit for result in found.results] == [commits[0]]
    assert found.skipped == ["history: 1 versions that are too large or not here"]
    assert base_branch.facts(opened, base_branch.base(opened, "main"), root, project)
    assert not marker.exists(), marker.read_text()


def test_a_repository_of_somebody_else_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git's own check of the owner is not gone around."""
    root = tmp_path / "r"
    repository(root, {"pip.conf": CONF})
    monkeypatch.setitem(objects._STILL, "GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UsageError, match=r"safe\.directory"):
        objects.opened(root, {**ENVIRON, "HOME": str(tmp_path)})


def test_git_that_hangs_or_says_too_much_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within its time, and without reading on."""
    root, folder = tmp_path / "r", tmp_path / "bin"
    repository(root, {"pip.conf": CLEAN})
    opened = objects.opened(root, ENVIRON)
    monkeypatch.setattr(objects, "MOST", 10)
    with pytest.raises(UsageError, match="prints more"):
        opened.output("rev-list", "--all")
    folder.mkdir()
    (folder / "git").write_text("#!/bin/sh\nsleep 600\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setattr(objects, "DEADLINE", 0.1)
    with pytest.raises(UsageError, match="does not read"):
        objects.opened(root, {**ENVIRON, "PATH": f"{folder}{os.pathsep}{ENVIRON['PATH']}"})


def test_no_repository_and_no_git(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in no git repository"):
        objects.opened(tmp_path, ENVIRON)
    repository(tmp_path / "r", {"pip.conf": CLEAN})
    with pytest.raises(UsageError, match="not on PATH"):
        objects.opened(tmp_path / "r", {"PATH": str(tmp_path / "r")})


def compared(root: Path, name: str) -> list[str]:
    """What PW807 says against a base."""
    opened = objects.opened(root, ENVIRON)
    project = collect(Tree(root), today=date(2026, 11, 21))
    old = base_branch.facts(opened, base_branch.base(opened, name), root, project)
    told = Project(project.sources, project.facts, today=project.today, base_locks=old)
    return [result.found.what for result in check(told, {"PW807": rules()["PW807"]}).results]


def test_locks_are_compared_with_where_the_branch_began(tmp_path: Path) -> None:
    """Not with what came to the base since."""
    root = tmp_path / "r"
    repository(root, {"pylock.toml": LOCK.format("pallets")})
    git(root, "checkout", "-q", "-b", "change")
    (root / "pylock.toml").write_text(LOCK.format("somebody"))
    git(root, "checkout", "-q", "-b", "later", "main")
    (root / "pylock.toml").write_text(LOCK.format("elsewhere"))
    git(root, "commit", "-qam", "later")
    git(root, "checkout", "-q", "change")
    (root / "pylock.toml").write_text(LOCK.format("somebody"))
    assert compared(root, "later") == [
        "flask comes from another publisher: GitHub somebody/flask, and not GitHub pallets/flask"
    ]
    (root / "pylock.toml").write_text(LOCK.format("pallets"))
    assert compared(root, "later") == []


@pytest.mark.parametrize("name", ["nothing", "--output=x", "main:pylock.toml", "", "-x"])
def test_a_base_that_is_none(name: str, tmp_path: Path) -> None:
    root = tmp_path / "r"
    repository(root, {"pylock.toml": LOCK.format("pallets")})
    with pytest.raises(UsageError, match="knows no"):
        base_branch.base(objects.opened(root, ENVIRON), name)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"GITHUB_BASE_REF": "main"}, "origin/main"),
        ({"CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}, "abc"),
        ({"SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"}, "origin/main"),
        ({"GITHUB_BASE_REF": ""}, ""),
    ],
)
def test_the_base_of_a_merge_request(environ: dict[str, str], name: str) -> None:
    assert base_branch.target(environ) == name
