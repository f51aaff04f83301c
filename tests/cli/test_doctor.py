"""`pipway doctor` as a person calls it: what it reports, its exit code, and that nothing changes without `--fix`."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.scenarios.world import World, environment, pip_install, without_machine_files, world

from pipway.cli.doctor_fix import carry_out
from pipway.clients.base import Surroundings
from pipway.clients.changes import Journal
from pipway.findings import Finding, Fix, Place, Severity

STOPS = "[global]\ntimeout = 20\nretries = 2\nretries = 2\n"
FINDING = Finding("x", Severity.HIGH, "it is odd")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world"), secure=False) as made:
        yield made


def doctor(*words: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [*without_machine_files(cwd), sys.executable, "-m", "pipway", "doctor", *words]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=60)


def written(folder: Path) -> dict[Path, bytes]:
    """What there is, but for caches, our own data folder, and what pip's question for rustc's version leaves."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    others = {".cache", ".rustup", "pipway", "empty"}
    return {name: path.read_bytes() for name, path in files.items() if not others & set(name.parts)}


@pytest.mark.slow
def test_all_is_well_in_ten_seconds_and_nothing_is_changed(here: World, tmp_path: Path) -> None:
    env = environment(tmp_path, {"PIP_INDEX_URL": here.index("127.0.0.1"), "UV_DEFAULT_INDEX": here.index("127.0.0.1")})
    before = written(tmp_path)
    began = time.monotonic()
    done = doctor("parcel", env=env, cwd=tmp_path)
    assert time.monotonic() - began <= 10 + 5, "ten seconds, and five for a busy machine"
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything that was tried works." in done.stdout
    assert "got parcel" in done.stdout
    assert done.stderr == ""
    assert written(tmp_path) == before


@pytest.mark.slow
def test_what_fails_comes_with_its_fix_and_without_secrets(here: World, tmp_path: Path) -> None:
    env = environment(tmp_path, {"HTTPS_PROXY": "http://alice:hunter2@127.0.0.1:9", "NO_COLOR": "1"})
    command = pip_install(tmp_path, "--index-url", "https://index.example/simple/")
    done = doctor("--", *command, env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert "This is what fails:" in done.stdout
    assert "[proxy-unreachable]" in done.stdout
    assert "$ " in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    as_json = doctor("--json", "--", *command, env=env, cwd=tmp_path)
    report = json.loads(as_json.stdout)
    assert (report["version"], report["client"], report["first"]) == (1, "pip", "proxy-unreachable")
    assert "hunter2" not in as_json.stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_whoever_ends_it_ends_what_it_started(here: World, tmp_path: Path, number: signal.Signals) -> None:
    started, temporary, programs = tmp_path / "started", tmp_path / "tmp", tmp_path / "programs"
    os.mkfifo(started)
    temporary.mkdir()
    programs.mkdir()
    hanging = f"touch $TMPDIR/unpacked; echo $$ > {started}; exec sleep 60"
    (programs / "pip").write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo pip 26.0 from /x && exit\n{hanging}\n')
    (programs / "pip").chmod(0o755)
    env = environment(tmp_path, {"PIP_INDEX_URL": here.index("127.0.0.1"), "TMPDIR": str(temporary)})
    env["PATH"] = f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin"
    command = [*without_machine_files(tmp_path), sys.executable, "-m", "pipway", "doctor", "--client", "pip", "parcel"]
    running = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, start_new_session=True)
    with open(os.open(started, os.O_RDWR | os.O_NONBLOCK), encoding="ascii") as told:
        assert select.select([told], [], [], 20)[0], "it never came to the installers"
        child = int(told.readline())
    running.send_signal(number)
    assert running.wait(timeout=20) == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ls", "-l"), "not a command of an installer"),
        (("--client", "cargo"), "cargo is no tool that pipway"),
        (("http://[",), "cannot be"),
        (("http://alice:hunter2@index.example/",), "TARGET"),
        (("not a project",), "neither"),
    ],
)
@pytest.mark.slow
def test_what_cannot_be_examined_is_an_error_with_its_fix(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = doctor(*words, env=environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert "fix" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def _carried_out(folder: Path, *findings: Finding) -> list[str]:
    surroundings, journal = Surroundings({}, folder, folder), Journal(folder / "journal")
    return carry_out(findings, surroundings, journal, now=datetime.now(UTC), back="pipway configure --undo")


def test_only_safe_fixes_of_our_own_are_carried_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made"
    safe = Fix("do", safe=True, commands=(f"touch {shlex.quote(str(made))}", "pipway --version"))
    found = [replace(FINDING, fix=safe), replace(FINDING, fix=replace(safe, safe=False)), FINDING]
    assert _carried_out(tmp_path, *found) == ["pipway --version"]
    assert not made.exists()
    assert "$ pipway --version" in capfd.readouterr().err


@pytest.mark.slow
def test_a_fix_that_fails_ends_it(tmp_path: Path) -> None:
    failing = replace(FINDING, fix=Fix("do", safe=True, commands=("pipway no-such-verb", "pipway --version")))
    assert _carried_out(tmp_path, failing) == []


def test_it_does_not_call_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    itself = replace(FINDING, fix=Fix("do", safe=True, commands=("pipway doctor --fix",)))
    assert _carried_out(tmp_path, itself) == []
    assert capfd.readouterr() == ("", "")


def test_no_file_but_an_installers_own_is_mended(tmp_path: Path) -> None:
    other = tmp_path / "notes.conf"
    other.write_text(STOPS)
    assert _carried_out(tmp_path, replace(FINDING, place=Place(str(other), 4), fix=Fix("do", safe=True))) == []
    assert other.read_text() == STOPS


@pytest.mark.slow
def test_a_file_that_stops_pip_is_mended_and_taken_back(here: World, tmp_path: Path) -> None:
    env = environment(tmp_path, {"PIP_INDEX_URL": here.index("127.0.0.1")})
    file = Path(env["XDG_CONFIG_HOME"]) / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(STOPS)
    command = pip_install(tmp_path)
    done = doctor("--", *command, env=env, cwd=tmp_path)
    assert (done.returncode, file.read_text()) == (1, STOPS)
    assert "$ pipway doctor --fix" in done.stdout
    done = doctor("--fix", "--", *command, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_text() == STOPS.replace("retries = 2\nretries = 2\n", "retries = 2\n")
    assert "-retries = 2" in done.stderr
    assert "undo with: pipway configure --undo" in done.stderr
    undo = [*without_machine_files(tmp_path), sys.executable, "-m", "pipway", "configure", "--undo"]
    subprocess.run(undo, env=env, cwd=tmp_path, check=True, capture_output=True)
    assert file.read_text() == STOPS


@pytest.mark.slow
def test_what_needs_a_person_is_left_alone(here: World, tmp_path: Path) -> None:
    """An index that a misspelt key meant is not switched on by itself, nor is a host trusted."""
    index = here.index("127.0.0.1")
    text = f"[global]\nindex-url = {index}\nextra-index-urls = https://e.example\ntrusted-hosts = e\n"
    env = environment(tmp_path)
    file = Path(env["XDG_CONFIG_HOME"]) / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    done = doctor("--fix", "--client", "pip", "parcel", env=env, cwd=tmp_path)
    assert file.read_text() == text
    assert "without a person" in done.stderr
