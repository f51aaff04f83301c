"""The GitHub Action: its steps run in bash as a runner runs them, and no input is ever taken for shell text."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.lab import neutral_environment

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
INSTALL, AUDIT = 0, 1


def action() -> dict[str, Any]:
    said = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    assert isinstance(said, dict)
    return said


@dataclass
class Runner:
    """What a runner gives to steps: a folder for things that go away, one with the repository, a file for outputs."""

    folder: Path

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def program(self, name: str, text: str) -> None:
        """Something in the place where the step before has installed it."""
        file = self.folder / "temp" / "pipway-audit" / "bin" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def run(self, step: int, **inputs: str) -> subprocess.CompletedProcess[str]:
        """One step, with the defaults of what is not given."""
        self.work.mkdir(exist_ok=True)
        said = action()
        values = {f"inputs.{name}": str(each["default"]) for name, each in said["inputs"].items()}
        values |= {f"inputs.{name.replace('_', '-')}": text for name, text in inputs.items()}
        values |= {"github.action_path": str(ROOT), "runner.temp": str(self.folder / "temp")}
        environ = {name: filled(text, values) for name, text in said["runs"]["steps"][step]["env"].items()}
        script = self.folder / "step.sh"
        script.write_text(said["runs"]["steps"][step]["run"])
        bash = shutil.which("bash")
        assert bash is not None
        return subprocess.run(
            [bash, "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.work,
            env={**neutral_environment(), **environ, "GITHUB_OUTPUT": str(self.output)},
            capture_output=True,
            text=True,
        )


def filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("${{ " + name + " }}", value)
    assert "${{" not in text
    return text


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    made = Runner(tmp_path)
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    made.program("pipway", f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" -m pipway "$@"\n')
    return made


def test_no_script_holds_an_expression() -> None:
    """Whatever an input is, the shell sees it as a variable's value."""
    steps = action()["runs"]["steps"]
    assert len(steps) == 2
    assert [step["run"] for step in steps if "${{" in step["run"]] == []
    assert [step for step in steps if "uses" in step] == [], "an action that is used is pinned by commit: check that"


@pytest.mark.slow
def test_findings_fail_the_step_and_mark_lines(runner: Runner) -> None:
    runner.work.mkdir()
    (runner.work / "pip.conf").write_text("[global]\nextra-index-url = https://nexus.corp/simple/\n")
    done = runner.run(AUDIT)
    assert done.returncode == 1, done
    assert "::error file=pip.conf,line=2" in done.stdout
    assert runner.output.read_text() == "exit-code=1\n"


@pytest.mark.slow
def test_inputs_are_arguments(runner: Runner) -> None:
    runner.work.mkdir()
    for name in ("a b", "c"):
        (runner.work / name).mkdir()
        (runner.work / name / "pip.conf").write_text("[global]\nextra-index-url = https://nexus.corp/simple/\n")
    done = runner.run(AUDIT, path="a b\nc\n", format="json", output="out.json", args="--ignore=PW201\n--exit-zero\n")
    assert done.returncode == 0, done
    assert '"PW201"' not in (runner.work / "out.json").read_text()
    assert '"findings"' in (runner.work / "out.json").read_text()
    assert runner.run(AUDIT, fail_on="worse").returncode == 2


@pytest.mark.parametrize("evil", ["$(touch pwned)", "`touch pwned`", "; touch pwned", '" ; touch pwned ; "', "$HOME"])
def test_an_input_is_never_shell_text(evil: str, tmp_path: Path) -> None:
    """Each input in turn; the program only writes down its arguments."""
    runner = Runner(tmp_path)
    runner.program("pipway", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
    for name in ("path", "fail_on", "format", "args"):
        assert evil in runner.run(AUDIT, **{name: evil}).stdout
    assert runner.run(AUDIT, output=evil).stdout == ""
    assert (runner.work / evil).is_file()
    assert runner.run(INSTALL, version=evil).returncode == 2
    assert not (runner.work / "pwned").exists()


def test_what_is_installed_is_the_checkout_or_a_version(tmp_path: Path) -> None:
    """pip itself is left out here: it would ask an index."""
    for version, what in (("", str(ROOT)), ("1.2.3", "pipway==1.2.3")):
        runner = Runner(tmp_path / (version or "none"))
        programs = runner.folder / "programs"
        programs.mkdir(parents=True)
        python = programs / "python3"
        python.write_text(
            '#!/bin/sh\nmkdir -p "$3/bin"\nprintf \'#!/bin/sh\\nprintf "%%s\\\\n" "$@"\\n\' > "$3/bin/python"\n'
            'chmod +x "$3/bin/python"\n'
        )
        python.chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
            done = runner.run(INSTALL, version=version)
        assert done.returncode == 0, done
        assert done.stdout.splitlines()[-2:] == ["--", what]


def test_zizmor_finds_nothing() -> None:
    """A judge that is not ours, as pedantic as it can be."""
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [str(zizmor), "--offline", "--no-progress", "--persona=auditor", str(ACTION)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
