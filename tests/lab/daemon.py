"""A program of the lab: started in the foreground, waited for until it accepts, stopped by its pid."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Self

CONF = Path(__file__).parent / "conf"
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0


def free_port() -> int:
    """A loopback port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def private_folder(folder: Path, owner: str) -> Path:
    """A folder that the daemon's own user can write to. Those above it must let that user pass."""
    folder.mkdir(parents=True, exist_ok=True)
    own(folder, owner)
    return folder


def own(path: Path, owner: str) -> None:
    """Give a file to a user; nothing happens where that user does not exist or we are not root."""
    with contextlib.suppress(LookupError, PermissionError, KeyError):
        user = pwd.getpwnam(owner)
        os.chown(path, user.pw_uid, user.pw_gid)


def fill(template: str, target: Path, **values: object) -> Path:
    """Write a configuration from its template in conf/ ($name)."""
    target.write_text(Template((CONF / template).read_text()).substitute({k: str(v) for k, v in values.items()}))
    return target


class _Keeper:
    """Ends the daemons of a test run that was killed itself: a process that waits for the end of a pipe."""

    _CODE = """
import os, signal, sys
alive = set()
for line in sys.stdin:
    (alive.add if line[0] == "+" else alive.discard)(int(line[1:]))
for pid in alive:
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError:
        pass
"""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def note(self, sign: str, pid: int) -> None:
        """`+`: it runs, `-`: it has ended."""
        if self._process is None:
            command = [sys.executable, "-ISc", self._CODE]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0, start_new_session=True)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{sign}{pid}\n".encode())


_KEEPER = _Keeper()


class Daemon:
    """One process. `host` and `port` are where it accepts."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = free_port() if port is None else port
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / f"{type(self).__name__.lower()}-{self.port}.out"

    @property
    def output(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def run(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Start and wait until the port accepts; AssertionError with the output when it does not."""
        program = shutil.which(str(command[0]), path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")
        assert program is not None, f"{command[0]} is not installed: make system"
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, *map(str, command[1:])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
                cwd=self.folder,
            )
        _KEEPER.note("+", self._process.pid)
        deadline = time.monotonic() + _START_SECONDS
        while not self.ready():
            assert self._process.poll() is None, f"{program} ended: {self.output[-2000:]}"
            assert time.monotonic() < deadline, f"{program} does not accept: {self.output[-2000:]}"
            time.sleep(0.02)

    def ready(self) -> bool:
        """Whether it accepts connections."""
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
            return True
        return False

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._ended(self._process)

    def stop(self) -> None:
        """End it in order, or at once when it does not listen."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended(self._process)

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        process.wait(_STOP_SECONDS)
        _KEEPER.note("-", process.pid)
        self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it; each component says how."""
        raise NotImplementedError
