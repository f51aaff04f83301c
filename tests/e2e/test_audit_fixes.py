"""What a fix leaves behind, and what `--explain` calls good, is read by the tool whose file it is.

Every file of the fix cases of tests/audit/cases/ and every good example of a rule is given to that tool, or to the part
of it that reads files: pip, uv, Poetry, PDM, pipenv, twine, setuptools, hadolint, zizmor, bash; every `pip` and `uv` of
a script, an image or a workflow to their own parsers of options. What cannot be had as a package (conda, pixi) is read
by a parser of its format only.
"""

from __future__ import annotations

import configparser
import json
import netrc
import re
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import pytest
from ruamel.yaml import YAML
from tests.audit.casefile import Case, lay, read
from tests.audit.test_cases import CASES
from tests.audit.test_examples import LISTED, files
from tests.e2e.clients import Outcome, Pip, Poetry, Uv, run
from tests.e2e.lab import neutral_environment, old_python
from tests.e2e.many import Run, at_home, audited, outcomes

from pipway.audit.facts import Command
from pipway.audit.rules import rules

OLDEST, NEWEST = Pip("20.3.4", old_python()), Pip("26.*")
KINDS = (
    *("pip.conf", "requirements.txt", "uv.toml", "pyproject.toml", "poetry.toml", "Pipfile", ".pypirc", "setup.cfg"),
    *("Dockerfile", "workflow", ".sh", ".env", ".condarc", ".yml", ".yaml", ".lock", "pixi.toml", ".netrc"),
    *("pylock.toml", "tox.ini"),
)
SERVER = ("pipway/", "base/")  #: what a server answers, and another branch has, in the examples of some rules
SCRIPTS = (".sh", "Dockerfile", ".yml", ".yaml")
PARTS = ("pip._internal.req.constructors", "pip._internal.req.req_file", "pip._internal.commands.install")  #: of pip
HEAD = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\n'


@dataclass(frozen=True)
class Specimen:
    """A file that some tool must be able to read."""

    label: str  #: where it is from
    name: str  #: its path in its project
    text: str

    @property
    def kind(self) -> str:
        """Its name without folders, or of what it is."""
        name = PurePosixPath(self.name).name
        return "workflow" if ".github/workflows" in self.name else name

    def put(self, root: Path, text: str | None = None) -> Path:
        """In a folder of its own."""
        path = root / self.label / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text if text is None else text, newline="")
        return path


@cache
def specimens() -> Sequence[Specimen]:
    """All of them, what is the same once."""
    found = []
    for path in CASES:
        case = read(path)
        found += [Specimen(f"{path.parent.name}-{path.stem}", name, text) for name, text in case.fixed.items()]
    for name, explained in rules().items():
        good = explained.sections["Good"]
        if not LISTED.search(good):
            found += [
                Specimen(f"{name}-good", each, text)
                for each, text in files(good).items()
                if not each.startswith(SERVER)
            ]
    return tuple({(each.name, each.text): each for each in found}.values())


def of(*kinds: str) -> list[Specimen]:
    """Those whose kind is one of these, or ends like one that begins with a dot."""
    return [each for each in specimens() if any(each.kind == kind or each.kind.endswith(f"{kind}") for kind in kinds)]


def complaints(asked: Sequence[Specimen], done: Sequence[Outcome], *, code: int = 0, says: str = "") -> list[str]:
    """What a tool had against them."""
    assert asked, "nothing was judged"
    return [
        f"{each.label} {each.name}: {outcome}"
        for each, outcome in zip(asked, done, strict=True)
        if outcome.code != code or says not in outcome.output
    ]


def judged(
    asked: Sequence[Specimen], python: Path | str, main: str, root: Path, loaded: Sequence[str] = ()
) -> list[Outcome]:
    """By a function of file_judges.py, which is told the path, in the file's folder."""
    paths = [each.put(root) for each in asked]
    runs = [Run([str(path)], str(path.parent), at_home(root / "home")) for path in paths]
    return outcomes(str(python), f"file_judges:{main}", runs, loaded)


@pytest.mark.slow
@pytest.mark.parametrize("pip", [OLDEST, NEWEST], ids=lambda pip: pip.name)
def test_pip_conf(pip: Pip, tmp_path: Path) -> None:
    """The options of `pip download` are what the file says."""
    asked = [each for each in of("pip.conf") if pip is NEWEST or "keyring-provider" not in each.text]
    runs = []
    for each in asked:
        home = tmp_path / each.label
        Specimen(each.label, ".config/pip/pip.conf", each.text).put(tmp_path)
        runs.append(Run(["download"], str(home), at_home(home)))
    done = outcomes(pip.command()[0], "file_judges:pip_options", runs, PARTS)
    assert complaints(asked, done) == []
    for each, outcome in zip(asked, done, strict=True):
        urls = re.findall(r"(?m)^(?:index-url|proxy|find-links) = (\S+)$", each.text)
        assert all(url in outcome.output for url in urls), f"{each.label}: {outcome}"


@pytest.mark.slow
def test_requirements(tmp_path: Path) -> None:
    asked = of("requirements.txt")
    assert complaints(asked, judged(asked, NEWEST.command()[0], "requirements", tmp_path, PARTS)) == []


@pytest.mark.slow
def test_uv(tmp_path: Path) -> None:
    """It warns of a pyproject.toml that it cannot read, and stops at a uv.toml."""
    asked = of("uv.toml") + [each for each in of("pyproject.toml") if "[tool.uv" in each.text]
    environ = at_home(tmp_path / "home") | {"UV_OFFLINE": "1", "UV_NO_CACHE": "1"}
    done = []
    for each in asked:
        path = each.put(tmp_path, each.text if each.kind == "uv.toml" or "[project]" in each.text else HEAD + each.text)
        done.append(run([*Uv().command(), "cache", "dir"], env=environ, cwd=path.parent))
    assert complaints(asked, done) == []
    assert [f"{each.label}: {done}" for each, done in zip(asked, done, strict=True) if "Failed" in done.output] == []


@pytest.mark.slow
def test_poetry(tmp_path: Path) -> None:
    """`poetry check` on projects that are completed, `poetry config` on settings."""
    projects = [each for each in of("pyproject.toml") if "[tool.poetry" in each.text or "[[tool.poetry" in each.text]
    settings = of("poetry.toml")
    runs = []
    for each in projects:
        text = each.text if "[project]" in each.text else HEAD + each.text
        if "[tool.poetry]" not in text:
            text += "\n[tool.poetry]\npackage-mode = false\n"
        runs.append(Run(["check"], str(each.put(tmp_path, text).parent), at_home(tmp_path / "home")))
    for each in settings:
        path = each.put(tmp_path)
        (path.parent / "pyproject.toml").write_text(HEAD)
        runs.append(Run(["config", "--list"], str(path.parent), at_home(tmp_path / "home")))
    python = Path(Poetry().command()[0]).parent / "python"
    done = outcomes(str(python), "poetry.console.application:main", runs)
    assert complaints(projects + settings, done) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "main"),
    [(("Pipfile",), "pipfile"), ((".pypirc",), "pypirc"), (("setup.cfg",), "setup_cfg"), (("pyproject.toml",), "pdm")],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_other_tools(kinds: tuple[str, ...], main: str, tmp_path: Path) -> None:
    asked = [each for each in of(*kinds) if main != "pdm" or "tool.pdm" in each.text]
    done = judged(asked, audited() / "python", main, tmp_path)
    assert complaints(asked, done) == []
    for each, outcome in zip(asked, done, strict=True):
        assert all(url in outcome.output for url in re.findall(r"(?m)^repository = (\S+)$", each.text)), outcome


@pytest.mark.slow
def test_dockerfiles(tmp_path: Path) -> None:
    """hadolint's DL1000: what is no Dockerfile. Its opinions about good ones are its own."""
    asked = of("Dockerfile")
    paths = [each.put(tmp_path, each.text if "FROM " in each.text else f"FROM scratch\n{each.text}") for each in asked]
    command = [str(audited() / "hadolint"), "--no-fail", "--format", "json", *map(str, paths)]
    done = run(command, env=neutral_environment())
    found = json.loads(done.output)
    assert asked and [each for each in found if each["code"] == "DL1000"] == []


@pytest.mark.slow
def test_workflows(tmp_path: Path) -> None:
    """zizmor refuses what is no workflow, and no configuration of pre-commit."""
    asked = of("workflow", ".pre-commit-config.yaml")
    for each in asked:
        each.put(
            tmp_path, each.text if each.text.startswith("on:") or each.kind != "workflow" else f"on: push\n{each.text}"
        )
    command = [str(audited() / "zizmor"), "--offline", "--no-exit-codes", "--no-config", "--strict-collection", "-q"]
    for each in asked:
        done = run([*command, "--format", "json", str(tmp_path / each.label / each.name)], env=neutral_environment())
        assert done.code == 0, f"{each.label} {each.name}: {done}"


@pytest.mark.slow
def test_scripts(tmp_path: Path) -> None:
    asked = of(".sh", ".env")
    for each in asked:
        path = each.put(tmp_path)
        done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), f"{each.label} {each.name}"


def commands(tool: str, root: Path) -> list[tuple[Specimen, list[str]]]:
    """Every command of a tool in scripts, images and workflows: what stands behind its name."""
    found = []
    for each in of(*SCRIPTS, "workflow"):
        laid = lay(Case(files={each.name: each.text}), root / each.label)
        for command in laid.of(Command):
            words = [word.text for word in command.words]
            if command.tool == tool and command.verb and all(word.known for word in command.words):
                found.append((each, words[words.index(command.verb.split()[0]) :]))
    return found


@pytest.mark.slow
def test_commands_of_pip(tmp_path: Path) -> None:
    """Its newest version knows every option that is left in a command."""
    asked = commands("pip", tmp_path)
    home = at_home(tmp_path / "home")
    runs = [Run(words, str(tmp_path), home) for _, words in asked]
    done = outcomes(NEWEST.command()[0], "file_judges:pip_options", runs, PARTS)
    assert complaints([each for each, _ in asked], done) == []


@pytest.mark.slow
def test_commands_of_uv(tmp_path: Path) -> None:
    """`--help` behind a command shows help unless something before it is unknown."""
    asked = commands("uv", tmp_path)
    environ = at_home(tmp_path / "home")
    done = [run([*Uv().command(), *words, "--help"], env=environ, cwd=tmp_path) for _, words in asked]
    assert complaints([each for each, _ in asked], done) == []


@pytest.mark.parametrize(
    ("kinds", "parse"),
    [
        ((".toml", ".lock", "Pipfile"), tomllib.loads),
        ((".condarc", ".yml", ".yaml", "workflow"), YAML(typ="safe").load),
    ],
    ids=["TOML", "YAML"],
)
def test_formats(kinds: tuple[str, ...], parse: Callable[[str], object]) -> None:
    """Of every file; for conda's and pixi's it is all that is tried."""
    asked = of(*kinds)
    assert asked and all(parse(each.text) is not None for each in asked)


def test_tox_ini() -> None:
    """tox reads it with this parser."""
    asked = of("tox.ini")
    for each in asked:
        configparser.ConfigParser(interpolation=None).read_string(each.text)
    assert asked


def test_netrc(tmp_path: Path) -> None:
    asked = of(".netrc")
    assert asked and all(netrc.netrc(str(each.put(tmp_path))).hosts for each in asked)


def test_every_file_has_a_judge() -> None:
    """A fix for a kind of file that nobody above reads fails here."""
    known = of(*KINDS)
    assert [f"{each.label} {each.name}" for each in specimens() if each not in known] == []
