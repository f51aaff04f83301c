"""pip, uv and Poetry as tests drive them: install these requirements from that index into this folder."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.e2e.lab import environment, neutral_environment, old_python


@dataclass(frozen=True)
class Outcome:
    """How a client's run ended."""

    code: int
    output: str  #: standard output and error together
    seconds: float

    def __str__(self) -> str:
        return f"exit code {self.code} after {self.seconds:.1f} s\n{self.output}"


def run(command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None, deadline: float = 110) -> Outcome:
    """Run to the end; after `deadline` seconds the process is killed and subprocess.TimeoutExpired raised."""
    began = time.monotonic()
    done = subprocess.run(
        command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=deadline, check=False
    )
    return Outcome(done.returncode, done.stdout.decode(errors="replace"), time.monotonic() - began)


def installed(folder: Path) -> set[str]:
    """Names of the distributions below `folder`, normalised."""
    return {path.name.split("-")[0].lower().replace("_", "-") for path in folder.rglob("*.dist-info")}


class Client(Protocol):
    """An installer. `prefix` is a command to run it under (strace, nsenter)."""

    name: str

    def install(
        self,
        index: str,
        requirements: Sequence[str],
        target: Path,
        *,
        prefix: Sequence[str] = (),
        options: Sequence[str] = (),
        env: Mapping[str, str] = ...,
        deadline: float = 110,
    ) -> Outcome:
        """Install from `index` (and nothing else) below `target`, without any cache of the client's own."""


@dataclass
class Pip:
    """One version of pip."""

    version: str
    python: str = ""
    more: str = ""  #: what else its environment holds, as a requirement
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"pip-{self.version.rstrip('.*')}" + (f"-{self.more.split('==')[0].lower()}" if self.more else "")

    def command(self) -> list[str]:
        """How to call it."""
        wanted = f"pip=={self.version} {self.more}".strip()
        folder = environment(self.name, wanted, python=self.python or sys.executable)
        return [str(folder / "bin" / "python"), "-m", "pip"]

    def install(
        self,
        index: str,
        requirements: Sequence[str],
        target: Path,
        *,
        prefix: Sequence[str] = (),
        options: Sequence[str] = (),
        env: Mapping[str, str] = {},
        deadline: float = 110,
    ) -> Outcome:
        """See `Client`."""
        command = [*prefix, *self.command(), "install", "--no-cache-dir", "--no-compile", "--progress-bar", "off"]
        command += ["--index-url", index, "--target", str(target), *options, *requirements]
        return run(command, env=neutral_environment() | dict(env), deadline=deadline)


@dataclass
class Uv:
    """The uv of the development environment."""

    name: str = "uv"

    def command(self) -> list[str]:
        """How to call it."""
        return [str(Path(sys.executable).parent / "uv")]

    def install(
        self,
        index: str,
        requirements: Sequence[str],
        target: Path,
        *,
        prefix: Sequence[str] = (),
        options: Sequence[str] = (),
        env: Mapping[str, str] = {},
        deadline: float = 110,
    ) -> Outcome:
        """See `Client`."""
        command = [*prefix, *self.command(), "pip", "install", "--no-cache", "--default-index", index]
        command += ["--python", sys.executable, "--target", str(target), *options, *requirements]
        return run(command, env=neutral_environment() | dict(env), deadline=deadline)


@dataclass
class Poetry:
    """Poetry, which locks and then installs a project of its own."""

    name: str = "poetry"

    def command(self) -> list[str]:
        """How to call it."""
        return [str(environment("poetry", "poetry==2.*") / "bin" / "poetry")]

    def install(
        self,
        index: str,
        requirements: Sequence[str],
        target: Path,
        *,
        prefix: Sequence[str] = (),
        options: Sequence[str] = (),
        env: Mapping[str, str] = {},
        deadline: float = 110,
    ) -> Outcome:
        """See `Client`. Requirements are plain names."""
        target.mkdir(parents=True, exist_ok=True)
        (target / "pyproject.toml").write_text(
            '[project]\nname = "consumer"\nversion = "1"\nrequires-python = ">=3.11,<4"\n'
            f"dependencies = {list(requirements)}\n"
            "[tool.poetry]\npackage-mode = false\n"
            f'[[tool.poetry.source]]\nname = "pipway"\nurl = "{index}"\npriority = "primary"\n'
        )
        own = {
            "POETRY_CACHE_DIR": str(target / "cache"),
            "POETRY_CONFIG_DIR": str(target / "config"),
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_KEYRING_ENABLED": "false",
            "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
        }
        command = [*prefix, *self.command(), "install", "--no-interaction", *options]
        return run(command, env=neutral_environment() | own | dict(env), cwd=target, deadline=deadline)


def matrix() -> list[Client]:
    """The installers every promise is checked with, oldest pip first."""
    return [Pip("20.3.4", old_python()), Pip("23.3.2"), Pip("25.0.1"), Pip("26.*"), Uv(), Poetry()]
