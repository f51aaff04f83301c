"""Every command of docs/how-to/audit-a-repository.md is run as it stands there, and what it shows is what comes out."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from tests.audit.test_action import action
from tests.audit.test_pre_commit import git
from tests.e2e import forks
from tests.e2e.lab import neutral_environment
from tests.e2e.served import Pipway, serving
from tests.servers.upstream import Upstream

from pipway.audit import configuration
from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.walk import Tree
from pipway.findings import Severity

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-to" / "audit-a-repository.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(TEXT)
COMMANDS = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]

#: Lines that leave with another code than 0 in the shop below, which has findings.
FINDS = re.compile(
    r"^pipway audit( docker ci\.yml| --diff.*| --fix.*| --online.*| --base (main|auto).*| --history.*)?\s*(#.*)?$"
)

SHOP = {
    "pip.conf": "[global]\nindex-url = https://nexus.corp/repository/ours/simple/\n"
    "extra-index-url = https://index.example/simple/\n",
    "Dockerfile": "FROM python:3.12\nCOPY pip.conf /etc/pip.conf\nCOPY requirements.txt .\n"
    "RUN pip install -r requirements.txt\n",
    "requirements.txt": "flask==3.0.3\n",
    "docker/Dockerfile": "FROM python:3.12\nRUN pip install flask\n",
    "ci.yml": "script: pip install flask\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    for name, text in SHOP.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def pipway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipway]:
    with Upstream().in_thread() as upstream:
        upstream.add_wheel("flask", "3.0.3")
        with serving(tmp_path_factory.mktemp("data"), f"main={upstream.url}") as server:
            yield server


def shell(line: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """In a home of its own, where the machine's clients are set up as they come; `> FILE` as a shell does it."""
    program, *words = shlex.split(line, comments=True)
    assert program == "pipway"
    words, file = (words[:-2], words[-1]) if ">" in words else (words, "")
    environ = {**neutral_environment(), "HOME": str(folder.parent), **more}
    done = forks.run(words, env=environ, cwd=folder)
    if file:
        (folder / file).write_text(done.stdout)
    return done


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_works(line: str, shop: Path, pipway: Pipway) -> None:
    if "--baseline" in line:
        assert shell("pipway audit --write-baseline pipway-baseline.json", shop).returncode == 0
    if "--base" in line or "--history" in line:
        git(shop, "init", "-q")
        git(shop, "add", ".")
        git(shop, "commit", "-qm", "all")
    address = "{}:{}".format(*pipway.address)
    done = shell(line.replace("127.0.0.1:3141", address), shop, PIPWAY_LISTEN=address)
    assert done.stderr.replace("\n", "") == "" or re.match(r"mended |\d+ findings written", done.stderr), done
    if "--machine" not in line:
        assert done.returncode == (1 if FINDS.match(line) else 0), done


def test_the_finding_that_is_shown_is_what_is_printed(shop: Path) -> None:
    (shown,) = (block for kind, block in BLOCKS if kind == "text" and block.startswith("critical[PW201]"))
    assert shown in shell("pipway audit", shop).stdout
    assert shown in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_configuration_that_is_shown_is_understood(tmp_path: Path) -> None:
    """Every key of it; and no key is left out."""
    (block,) = (block for kind, block in BLOCKS if kind == "toml")
    (tmp_path / "pyproject.toml").write_text(block)
    said = configuration.found(tmp_path)
    assert said.organisation.hosts == {"nexus.corp"}
    assert said.ignores("PW101", "tests/a/b.txt")
    for name in re.findall(r'known = \{"(.*?)", \*', Path(configuration.__file__).read_text())[0].split('", "'):
        assert re.search(rf"^{name} = ", block, re.MULTILINE), name


@pytest.mark.parametrize(
    "name", [".gitlab-ci.yml", "azure-pipelines.yml", "Jenkinsfile", ".github/workflows/audit.yml"]
)
def test_pipelines_are_clean_themselves_and_their_commands_work(name: str, shop: Path, tmp_path: Path) -> None:
    """Audited as a repository that has nothing else; what they say to pipway is run."""
    (block,) = (block for _, block in BLOCKS if re.match(rf"(#|//) {re.escape(name)}\n", block))
    alone = tmp_path / "alone"
    (alone / name).parent.mkdir(parents=True)
    (alone / name).write_text(block.replace("COMMIT", "0" * 40))
    found = check(collect(Tree(alone)), rules()).results
    assert [each.rule.id for each in found if each.severity > Severity.INFO] == []
    commands = re.findall(r"(pipway audit [^'\n]*?)(?='|$)", block, re.MULTILINE)
    assert len(commands) == (name != ".github/workflows/audit.yml")
    for command in commands:
        assert shell(command, shop).returncode == 1
    if name == ".gitlab-ci.yml":
        rows = json.loads((shop / "gl-code-quality.json").read_text())
        assert {"description", "fingerprint", "severity", "location", "check_name"} <= rows[0].keys()
    elif commands:
        assert ElementTree.parse(shop / "pipway.xml").getroot().tag in ("testsuites", "testsuite")
    else:
        (step,) = (each for each in yaml.safe_load(block)["jobs"]["audit"]["steps"] if "pipway" in each["uses"])
        assert step["with"].keys() <= action()["inputs"].keys()


def test_the_pre_commit_configuration_names_our_hook() -> None:
    (block,) = (block for _, block in BLOCKS if block.startswith("# .pre-commit-config.yaml"))
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [each["id"] for each in yaml.safe_load(block)["repos"][0]["hooks"]] == [hook["id"]]


def test_the_comment_that_is_shown_is_understood(tmp_path: Path) -> None:
    (line,) = (block for kind, block in BLOCKS if kind == "text" and block.startswith("trusted-host"))
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = https://old.corp/simple/\n{line}")
    with_comment = check(collect(Tree(tmp_path)), rules())
    assert "PW102" in {each.rule.id for each in with_comment.suppressed}
    assert not {"PW001", "PW002", "PW003"} & {each.rule.id for each in with_comment.results}


def test_commands_are_read_from_the_page() -> None:
    """An empty page would pass every other test."""
    assert len(COMMANDS) >= 20
    assert all(shlex.split(line, comments=True)[:2] == ["pipway", "audit"] for line in COMMANDS)
