"""Every scenario: what the client prints is recorded, `doctor` and `explain` name the cause, and the printed fix works.

`PIPWAY_RECORD=1` writes what the clients print to recorded/, from which the documentation's table is made.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import forks
from tests.scenarios.stage import Scenario, Stage, scenarios
from tests.scenarios.world import without_machine_files

from pipway.redact import redact

Done = subprocess.CompletedProcess[str]
RECORDED = Path(__file__).parent / "recorded"
_RECORD = bool(os.environ.get("PIPWAY_RECORD"))  # now: tests run without variables of ours
_PIPWAY = f'exec {shlex.quote(sys.executable)} -m pipway "$@"\n'

#: What differs from run to run in everybody's output.
_CHANGING = {
    r"(?<=127\.0\.0\.1:)\d{2,5}|(?<=localhost:)\d{2,5}|(?<=port=)\d{4,5}": "PORT",
    r"(?<=Using )CPython \S+ interpreter at: \S+": "PYTHON",
    r"(?<=\.example:)\d{2,5}\b": "PORT",
    r"0x[0-9a-f]{6,}": "0x…",
    r"(?:/tmp|/var/folders)/[^\s'\":,]*": "FOLDER",
    r"(?<=File \")/[^\"]*/(?=(?:pip|urllib3|requests)/)": "",
    r"(?<=File \")/[^\"]*/lib/python3\.\d+/": "",
    r"in \d+(?:\.\d+)?m?s\b": "in TIME",
    r"\d+(?:\.\d+)? [kM]?B/s": "SPEED",
}


@contextlib.contextmanager
def _staged(case: Scenario, request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    play = contextlib.contextmanager(case.play)
    with play(request, folder) as stage:
        yield replace(stage, inside=[*without_machine_files(folder), *stage.inside])


@contextlib.contextmanager
def _held(stage: Stage) -> Iterator[int]:
    """The id of a process that is where everything of this stage is, 0 for here."""
    if not stage.inside:
        yield 0
        return
    words = [*stage.inside, "sh", "-c", "echo ready && exec sleep infinity"]
    with subprocess.Popen(words, env=dict(stage.env), stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            yield holder.pid
        finally:
            holder.kill()


def _pipway(stage: Stage, within: int, *words: str, text: str = "") -> Done:
    """`pipway`, forked off a process that has it loaded, unless a library has to be in it from its beginning."""
    if "LD_PRELOAD" not in stage.env:
        return forks.run(words, env=stage.env, text=text, cwd=stage.cwd, within=within, seconds=60)
    return subprocess.run(
        [*stage.inside, sys.executable, "-m", "pipway", *words],
        env=dict(stage.env),
        cwd=stage.cwd,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _run(words: Sequence[str], stage: Stage, *, text: str = "", seconds: float = 100) -> Done:
    return subprocess.run(
        [*stage.inside, *words],
        env=dict(stage.env),
        cwd=stage.cwd,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )


def _failed(stage: Stage) -> Done:
    """The client's command, ended by the person when it takes too long."""
    try:
        return _run(stage.command, stage, seconds=stage.patience)
    except subprocess.TimeoutExpired as ended:
        said = ended.output.decode(errors="replace") if isinstance(ended.output, bytes) else ended.output or ""
        return subprocess.CompletedProcess(stage.command, 130, said)


def _normal(text: str, changing: Mapping[str, str]) -> str:
    for pattern, name in {**changing, **_CHANGING}.items():
        text = re.sub(pattern, name, text)
    return text


def _telling(lines: Sequence[str]) -> list[str]:
    """The last lines, which people paste into a search: without what depends on a client's patch version."""
    return [line.strip() for line in lines if line.strip()][-2:]


def _timeless(line: str) -> str:
    """Without what another patch version of Python prints."""
    return re.sub(r"_ssl\.c:\d+", "_ssl.c", line).strip()


def _recorded(case: Scenario, stage: Stage, output: str, finding: Mapping[str, Any], proof: str) -> None:
    """What the documentation's table is made of; what people paste into a search, and what shows the cause, must still
    be what is printed."""
    says = redact(_normal(output, stage.changing)).splitlines()
    now = {
        "title": case.title,
        "client": case.client,
        "cause": case.cause,
        "fix": _normal(finding["fix"]["text"], stage.changing),
        "commands": [
            _normal(command.replace(shlex.join(stage.command), "THE SAME COMMAND"), stage.changing)
            for command in finding["fix"]["commands"]
        ],
        "says": says,
    }
    file = RECORDED / f"{case.id}.json"
    if _RECORD:
        RECORDED.mkdir(exist_ok=True)
        file.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    then = json.loads(file.read_text(encoding="utf-8"))
    assert _telling(then["says"]) == _telling(says), output
    shown = _timeless(redact(_normal(proof, stage.changing)))
    assert not shown or shown in map(_timeless, then["says"]), f"not recorded: {shown}"
    assert {**then, "says": []} == {**now, "says": []}, "PIPWAY_RECORD=1 records it anew"


def _examined(case: Scenario, stage: Stage, within: int) -> dict[str, Any]:
    """The finding that `doctor` names first."""
    began = time.monotonic()
    done = _pipway(stage, within, "doctor", "--json", *stage.doctor, "--", *stage.command)
    assert time.monotonic() - began <= stage.seconds + 3, "too slow"
    assert done.returncode == 1, done.stdout + done.stderr
    for secret in stage.secrets:
        assert secret not in done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["first"] == case.cause, done.stdout + done.stderr
    finding: dict[str, Any] = next(
        each for step in report["steps"] for each in step["findings"] if each["id"] == case.cause
    )
    assert finding["fix"], f"{case.cause} has no fix"
    return finding


def _explained(case: Scenario, stage: Stage, within: int, log: str) -> str:
    """The line that `explain` shows as its proof, "" when the log holds none."""
    done = _pipway(stage, within, "explain", "--json", text=log)
    report = json.loads(done.stdout)
    cause = stage.symptom or (case.cause if not stage.hidden else "cause-hidden" if log.strip() else None)
    assert report["cause"] == cause, done.stdout + "\n--- the log was\n" + log
    for secret in stage.secrets:
        assert secret not in done.stdout + done.stderr
    return str(report["causes"][0]["line"]) if report["causes"] else ""


def _mended(stage: Stage, text: str, commands: Sequence[str]) -> Done:
    """Do as printed, in one shell, as a person would; then the command again, unless the fix was the command itself."""
    assert commands or stage.carried_out, f"nobody can carry this out: {text}"
    if stage.carried_out is not None:
        stage.carried_out()
    script = "\n".join(["set -e", *commands])
    for word, value in stage.words.items():
        script = re.sub(rf"(?<![A-Z_]){word}(?![A-Z_])", value.replace("\\", r"\\"), script)
    command = shlex.join(stage.command)
    if command not in script and not stage.instead:
        script += f"\n{command}"
    shim = stage.cwd / ".bin" / "pipway"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text(f"#!/bin/sh\n{_PIPWAY}")
    shim.chmod(0o755)
    path = f"{shim.parent}{os.pathsep}{stage.env.get('PATH', '')}"
    words = ["env", f"PATH={path}", "bash", "-c", script]
    return _typing(words, stage) if stage.typed else _run(words, stage)


def _typing(words: Sequence[str], stage: Stage) -> Done:
    """On a terminal, where a person types the password each time it is asked for."""
    command = [*stage.inside, *words]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(stage.cwd)
        os.execvpe(command[0], command, dict(stage.env))
    said = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # EIO: the other side has closed it
            break
        if not data:
            break
        said += data
        if (said.rstrip().endswith(b":") and b"assword" in said.splitlines()[-1]) or said.endswith(b"Once more: "):
            os.write(terminal, stage.typed.encode() + b"\n")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return subprocess.CompletedProcess(words, os.waitstatus_to_exitcode(status), said.decode(errors="replace"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [pytest.param(each, id=each.id, marks=pytest.mark.xdist_group(each.group)) for each in scenarios()]
)
def test_it_is_named_and_mended(case: Scenario, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with _staged(case, request, tmp_path) as stage, _held(stage) as within:
        log = _failed(stage)
        assert not (log.returncode == 0 and stage.installed()), f"it works by itself:\n{log.stdout}"
        proof = _explained(case, stage, within, log.stdout)
        finding = _examined(case, stage, within)
        assert not stage.installed(), "doctor changed something"
        done = _mended(stage, finding["fix"]["text"], finding["fix"]["commands"])
        assert done.returncode == 0 and stage.installed(), f"{finding['fix']}\n{done.stdout}"
        _recorded(case, stage, log.stdout, finding, proof)


def test_there_are_at_least_thirty() -> None:
    assert len(scenarios()) >= 30
