"""`python -m pipway` without the 0.4 s in which Python loads it: one process loads it once and forks for every start.

A fork has the environment, folder, arguments and streams of a program that was started, and can be killed like one.
`served` uses it. What a process looks like from its very beginning (its command line, say) is for `subprocess`.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TextIO

from tests.e2e.lab import ROOT, neutral_environment

import pipway.app
import pipway.cli.cache
import pipway.cli.serve
from pipway.doctor.catalogue import catalogue

_LONGEST = 1 << 17  # bytes of a request: arguments and environment


class Forked:
    """As much of subprocess.Popen as tests use."""

    def __init__(self, pid: int, stdout: TextIO, end: int) -> None:
        """`end` is a pipe from which the exit code can be read when it has ended."""
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._end = end

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, minus the signal's number when one ended it; subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._end], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("pipway", timeout or 0)
            self.returncode = int(os.read(self._end, 16))
            os.close(self._end)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def run(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    text: str = "",
    cwd: Path | None = None,
    within: int = 0,
    seconds: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run `pipway` to its end, as subprocess.run does; `text` is its standard input.

    `within` is the id of a process whose network and mounts it has. After `seconds` it is killed.
    """
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as errors:
        given.write(text)
        given.seek(0)
        process = start(arguments, env=env, stdin=given.fileno(), stderr=errors.fileno(), cwd=cwd, within=within)
        late = threading.Timer(seconds, process.kill)
        late.start()
        with process.stdout as stdout:
            output = stdout.read()
        code = process.wait(60)
        late.cancel()
        errors.seek(0)
        return subprocess.CompletedProcess(["pipway", *arguments], code, output, errors.read())


def start(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: int | None = None,
    stderr: int,
    cwd: Path | None = None,
    within: int = 0,
) -> Forked:
    """Run `pipway` with these arguments; its standard output is `stdout` of what is given back."""
    control = _loaded()
    output, written = os.pipe()
    end, code = os.pipe()
    request = json.dumps([list(arguments), dict(env), str(cwd or Path.cwd()), within]).encode()
    assert len(request) < _LONGEST
    with open(os.devnull) as nothing:
        socket.send_fds(control, [request], [nothing.fileno() if stdin is None else stdin, written, stderr, code])
    os.close(written)
    os.close(code)
    return Forked(int(control.recv(16)), open(output, encoding="utf-8"), end)


@cache
def _loaded() -> socket.socket:
    """The process that has everything loaded; it ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.e2e.forks", str(theirs.fileno())]
    process = subprocess.Popen(command, cwd=ROOT, env=neutral_environment(), pass_fds=[theirs.fileno()])
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(20)

    atexit.register(end)
    return ours


# -- in that process ---------------------------------------------------------------------------------------------------


def _serve(control: socket.socket) -> None:
    """Fork for each request, and tell each one's end, until nobody is there to ask."""
    pipway.platforms.loop_factory()
    codes: dict[int, int] = {}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        readable, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in readable:
            os.read(woken, 512)
            _tell(codes)
        if control.fileno() in readable:
            request, files, _, _ = socket.recv_fds(control, _LONGEST, 4)
            if not request:
                for pid in codes:  # a failed test may have left them
                    os.kill(pid, signal.SIGKILL)
                return
            if json.loads(request)[0][:1] in (["doctor"], ["explain"]):
                _load_doctor()
            pid = os.fork()
            if pid == 0:
                _become(request, files)
            control.send(str(pid).encode())
            codes[pid] = files[3]
            for file in files[:3]:
                os.close(file)


@cache
def _load_doctor() -> None:
    """What these verbs load when they are called."""
    for name in ("pypi_simple", "pipway.cli.doctor_report", "pipway.doctor.run", "pipway.doctor.explain"):
        importlib.import_module(name)
    catalogue()


def _tell(codes: dict[int, int]) -> None:
    while codes:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with contextlib.suppress(BrokenPipeError):  # nobody waited
            os.write(codes[pid], str(os.waitstatus_to_exitcode(status)).encode())
        os.close(codes.pop(pid))


def _become(request: bytes, files: Sequence[int]) -> None:
    """What `python -m pipway` does, in a fork."""
    arguments, env, folder, within = json.loads(request)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    if within:
        _enter(within)
    os.closerange(3, max(int(name) for name in os.listdir("/proc/self/fd")) + 1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["pipway", *arguments]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    code: object = 1
    try:
        pipway.cli.main()
        code = 0
    except SystemExit as ending:
        code = ending.code
    except BaseException:
        traceback.print_exc()
    _leave(code)


def _enter(pid: int) -> None:
    """The network and the mounts of that process."""
    library = ctypes.CDLL(None, use_errno=True)
    for handle in [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in ("net", "mnt")]:
        if library.setns(handle, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _leave(code: object) -> None:
    """As the interpreter does, but for giving memory back: it waits for threads and does what was left for the end."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
