"""`pipway serve` as a service manager sees it: one line when ready, exit code 0 when told to stop."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

READY = re.compile(r"pipway is ready at (http://127\.0\.0\.1:\d+/) \(index: \1simple/\)\n")


@contextmanager
def serving(data: Path, *arguments: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server and its URL; it is killed at the end if it still runs."""
    command = [sys.executable, "-m", "pipway", "serve", "--data", str(data), "--upstream", "http://127.0.0.1:9/simple/"]
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environ}
    )
    assert process.stdout is not None
    with process:
        try:
            line = process.stdout.readline()
            found = READY.fullmatch(line)
            if not found:
                process.kill()
                raise AssertionError((line, process.communicate()[1]))
            yield process, found[1]
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_ready_line_and_clean_end(tmp_path: Path, stop: signal.Signals) -> None:
    """Exactly one line on standard output, with a port that answers; logs go elsewhere."""
    with serving(tmp_path / "data", "--listen", "127.0.0.1:0") as (process, url):
        with urllib.request.urlopen(f"{url}health", timeout=30) as answer:
            assert "status" in json.load(answer)
        process.send_signal(stop)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out == ""
        assert all(json.loads(line)["event"] for line in err.splitlines())
        assert '"target":"/health"' in err


@pytest.mark.slow
def test_settings_reach_the_server(tmp_path: Path) -> None:
    """From file, variable and argument alike."""
    path = tmp_path / "pipway.toml"
    path.write_text(f'offline = true\n[log]\nfile = "{tmp_path / "log"}"\n')
    options = ("--config", str(path), "--log-format", "human")
    with serving(tmp_path / "data", *options, PIPWAY_LISTEN="127.0.0.1:0") as (process, url):
        with urllib.request.urlopen(f"{url}health", timeout=30) as answer:
            assert json.load(answer)["offline"] is True
        process.terminate()
        assert process.communicate(timeout=30) == ("", "")
    assert " GET /health " in (tmp_path / "log").read_text()
    assert (tmp_path / "data").is_dir()


@pytest.mark.slow
def test_an_argument_can_switch_off_what_a_file_switches_on(tmp_path: Path) -> None:
    """--no-offline."""
    path = tmp_path / "pipway.toml"
    path.write_text("offline = true\n")
    options = ("--config", str(path), "--no-offline", "--listen", "127.0.0.1:0")
    with (
        serving(tmp_path / "data", *options) as (_, url),
        urllib.request.urlopen(f"{url}health", timeout=30) as answer,
    ):
        assert json.load(answer)["offline"] is False


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["", ">&- 2>&- <&-"], ids=["broken", "closed"])
def test_a_ready_line_that_nobody_reads_does_no_harm(tmp_path: Path, streams: str) -> None:
    """Whoever started it may have closed the pipe, or all of its streams; the server stays and still ends with 0."""
    reader, writer = os.pipe()
    os.close(reader)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    command = [sys.executable, "-m", "pipway", "serve", "--data", str(tmp_path / "data"), "--listen"]
    with log.open("w") as errors:
        shell = ["sh", "-c", f'exec "$@" {streams}', "sh", *command, f"127.0.0.1:{port}"]
        process = subprocess.Popen(shell, stdout=writer, stderr=errors)
    os.close(writer)
    with process:
        try:
            for _ in range(2000):
                with socket.socket() as client:
                    client.settimeout(10)
                    if client.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, log.read_text()
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.01)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
                assert answer.status == 200
            process.terminate()
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()


def refused(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipway", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.slow
def test_wrong_settings_are_told_before_anything_starts(tmp_path: Path) -> None:
    """Exit code 2, nothing on standard output, no data folder made."""
    done = refused("--listen", "nowhere", "--upstream", "ftp://index.example/", "--data", str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "2 settings are wrong" in done.stderr
    assert "--listen: server.listen" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "value", "instead"),
    [
        ("--parent", "http://alice:hunter2@proxy.example:8080", "PIPWAY_PARENT"),
        ("--parent", "alice:hun,ter2://hunter2@proxy.example:8080", "pipway credentials add"),
        ("--parent", "http://CORP\\alice:hunter2@proxy.example:8080", "PIPWAY_PARENT"),
        ("--upstream", "https://alice:hunter2@index.example/simple/", "PIPWAY_UPSTREAM"),
        ("--upstream", "corp=https://hunter2@index.example/simple/", "PIPWAY_UPSTREAM"),
        ("--pac", "https://alice:hunter2@files.example/proxy.pac", "PIPWAY_PAC"),
    ],
)
def test_no_secret_is_taken_from_the_command_line(tmp_path: Path, option: str, value: str, instead: str) -> None:
    """Arguments stand in the process list for everybody; the error does not repeat what it refuses."""
    done = refused(option, value, "--data", str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "[password-in-argument]" in done.stderr
    assert instead in done.stderr
    assert "settings file" in done.stderr
    assert "hunter2" not in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_user_alone_is_no_secret(tmp_path: Path) -> None:
    """And an @ in a path is none."""
    options = ["--parent", "http://CORP%5Calice@proxy.example:8080", "--parent", "http://bob:@proxy.example:8080"]
    done = refused(*options, "--upstream", "https://index.example/@team/", "--listen", "nowhere")
    assert done.returncode == 2
    assert "server.listen" in done.stderr
    assert "password" not in done.stderr


@pytest.mark.slow
def test_a_port_in_use_is_one_clear_error(tmp_path: Path) -> None:
    """It names the address."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = refused("--listen", address, "--data", str(tmp_path / "data"))
    assert done.returncode != 0
    assert done.stdout == ""
    assert address in done.stderr
    assert "Traceback" not in done.stderr
