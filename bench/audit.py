"""`pipway audit` on one core: a repository of ten thousand files, a small one, a large lock, and its peers beside it.

zizmor reads workflows, hadolint Dockerfiles, and pip-audit's parser requirements files; each runs on the same tree as
pipway, once on the whole repository and once on one that has only what that peer reads. Nobody asks a network. What
counts is the CPU time: on a core of its own a run takes that long, and what else the machine does is not in it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import peers
import repository
from machine import SERVER_CORE

FILES = 10_000
LOCK = 10_000_000  #: bytes of the large lock
MEGABYTES = 150  #: resident at most, whatever the tree
TARGETS = {"whole": 2.0, "small": 0.2, "lock": 2.0}  #: tree → seconds
CLEAN = ("PIPWAY_", "PIP_", "UV_")  # variables that would change what is measured

#: pip-audit has no command that only parses: this is the parser that it uses, on every file that it would be given.
PARSE = """
import sys
from pathlib import Path
from pip_requirements_parser import RequirementsFile
found = [RequirementsFile.from_file(str(path)) for path in Path(sys.argv[1]).rglob("requirements*.txt")]
print(len(found), sum(len(each.requirements) for each in found))
"""


@dataclass(frozen=True)
class Run:
    """One process: seconds on the wall, seconds of CPU, resident bytes at most."""

    seconds: float
    cpu: float
    resident: int


@dataclass(frozen=True)
class Line:
    """One measurement, medians of its rounds."""

    name: str
    who: str
    files: int
    runs: list[Run]

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def cpu(self) -> float:
        return statistics.median(run.cpu for run in self.runs)

    @property
    def megabytes(self) -> float:
        """At most, of all rounds."""
        return max(run.resident for run in self.runs) / 1e6


#: A small process between: Linux gives a program the resident memory of the process that it was forked from.
MEASURE = """
import json, os, subprocess, sys, time
begun = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - begun
cpu = usage.ru_utime + usage.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, cpu, usage.ru_maxrss]))
"""


def once(command: Sequence[str | Path]) -> Run:
    """Run it on one core, with bytecode kept; RuntimeError when it fails (1 says that something was found)."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    whole = ["taskset", "-c", SERVER_CORE, sys.executable, "-I", "-S", "-c", MEASURE, *map(str, command)]
    said = subprocess.run(whole, env=env, capture_output=True, text=True, check=True).stdout
    code, seconds, cpu, resident = json.loads(said)
    if code not in (0, 1):
        raise RuntimeError(f"{command} ended with {code}")
    return Run(seconds, cpu, resident * (1 if sys.platform == "darwin" else 1024))


def commands(lab: Path) -> dict[str, Callable[[Path], list[str | Path]]]:
    """What each of them is asked to do with a tree."""

    def hadolint(tree: Path) -> list[str | Path]:
        return [peers.environment(lab, "hadolint") / "hadolint", "--no-fail", *sorted(tree.rglob("Dockerfile"))]

    return {
        "pipway": lambda tree: [sys.executable, "-m", "pipway", "audit", "--exit-zero", "--format", "json", tree],
        "zizmor": lambda tree: [
            peers.environment(lab, "zizmor") / "zizmor", "--offline", "--no-config", "--no-exit-codes",
            "--format", "json", tree,
        ],
        "hadolint": hadolint,
        "pip-audit's parser": lambda tree: [peers.environment(lab, "pip-audit") / "python", "-c", PARSE, tree],
    }  # fmt: skip


#: peer → the configuration that it reads
READS = {"zizmor": "workflow", "hadolint": "dockerfile", "pip-audit's parser": "requirements"}


def trees(folder: Path) -> dict[str, tuple[Path, int]]:
    """Every tree that is audited, with its number of files."""
    written = {}
    for name, count, kinds in (
        ("whole", FILES, None),
        ("small", 250, None),
        *((kind, FILES, frozenset({kind})) for kind in READS.values()),
    ):
        target = folder / name
        written[name] = (target, repository.write(target, count, kinds))
    large = folder / "lock" / "uv.lock"
    large.parent.mkdir()
    writer = repository.Writer()
    large.write_text(writer.lock(150 * LOCK // len(writer.lock(150))))
    (large.parent / "pyproject.toml").write_text(writer.pyproject())
    return {**written, "lock": (large.parent, 2)}


def compare(folder: Path, lab: Path, rounds: int, say: Callable[[str], None]) -> list[Line]:
    """All lines; in each round one after the other, so that what else the machine does meets all of them."""
    made, known = trees(folder), commands(lab)
    wanted = [(name, "pipway") for name in ("small", "whole", "lock", *READS.values())]
    wanted += [(tree, peer) for peer, kind in READS.items() for tree in ("whole", kind)]
    measured: dict[tuple[str, str], list[Run]] = {each: [] for each in wanted}
    for tree, who in wanted:  # warm: bytecode written, files in memory
        once(known[who](made[tree][0]))
    for number in range(rounds):
        say(f"  round {number + 1} of {rounds}")
        for tree, who in wanted:
            measured[tree, who].append(once(known[who](made[tree][0])))
    return [Line(tree, who, made[tree][1], runs) for (tree, who), runs in measured.items()]
