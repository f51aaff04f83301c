"""A forked pipway is what a started one would be."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e import forks
from tests.e2e.lab import neutral_environment
from tests.e2e.served import launch

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["--version"], ""),
        (["settings", "check"], ""),
        (["no-such-verb"], ""),
        (["cache", "verify"], ""),
        (["credentials", "add", "alice@proxy.example:8080", "--stdin"], "s3cret\nsecond line"),
    ],
)
def test_streams_and_exit_code_are_the_same(
    arguments: list[str], given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = neutral_environment() | {"XDG_CONFIG_HOME": os.devnull, "PIPWAY_LISTEN": "nonsense", "PIPWAY_DATA": "x"}
    command = [sys.executable, "-m", "pipway", *arguments]
    started = subprocess.run(command, env=environ, input=given, capture_output=True, text=True, timeout=60)
    forked = forks.run(arguments, env=environ, text=given)
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_signals_end_it(number: signal.Signals, code: int, tmp_path: Path) -> None:
    server = launch(tmp_path / "data", "http://127.0.0.1:9/simple/")
    assert server.process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(0.01)
    server.process.send_signal(number)
    assert server.process.wait(20) == code
    server.process.kill()
    assert server.process.poll() == code
    with pytest.raises(ProcessLookupError):
        os.kill(server.process.pid, 0)


def sockets_of(pid: int) -> set[str]:
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # it was for the listing
            found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return {what for what in found if what.startswith("socket:")}


def test_it_has_nobody_elses_sockets(tmp_path: Path) -> None:
    """Neither a connection of the test's nor another server's."""
    servers = [launch(tmp_path / name, "http://127.0.0.1:9/simple/") for name in ("one", "two")]
    sockets = [sockets_of(pid) for pid in (os.getpid(), *(server.process.pid for server in servers))]
    for server in servers:
        assert server.stop() == 0
    assert sockets[1]
    for one, other in itertools.combinations(sockets, 2):
        assert not one & other


def test_it_is_where_another_process_is(tmp_path: Path) -> None:
    """In its mounts and its network, and in the folder that it is told."""
    settings, empty = tmp_path / "settings.toml", tmp_path / "empty.toml"
    settings.write_text('listen = "nonsense"\n')
    empty.touch()
    script = f"mount --bind {empty} {settings} && echo ready && exec sleep infinity"
    holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        check = ["settings", "check", "--config", settings.name]
        environ = neutral_environment()
        there, here = (forks.run(check, env=environ, cwd=tmp_path, within=pid) for pid in (holder.pid, 0))
        holder.kill()
    assert (there.returncode, here.returncode) == (0, 2), there.stdout + there.stderr + here.stdout + here.stderr


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    environ = neutral_environment() | {"PIPWAY_DATA": str(tmp_path), "XDG_CONFIG_HOME": os.devnull}
    assert forks.run(["serve", "--listen", "127.0.0.1:0"], env=environ, seconds=0.5).returncode == -signal.SIGKILL
