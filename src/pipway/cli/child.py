"""A command that has the terminal: found, started, sent the signals we get, waited for; `pipway run` uses it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, ClassVar

from pipway.errors import UsageError
from pipway.platforms import WINDOWS, limited_to


class NoSuchCommand(UsageError):
    """There is no such program; the exit code is the shells'."""

    exit_code: ClassVar[int] = 127


class CannotRun(UsageError):
    """It is there and cannot be started; the exit code is the shells'."""

    exit_code: ClassVar[int] = 126


#: Those that a person or a service manager sends to a program. Stopping and continuing is the terminal's business.
_PASSED = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGBREAK")
#: Those that a terminal sends to every process in front of it.
_TERMINAL = ("SIGINT", "SIGQUIT", "SIGBREAK")


def found(name: str, environ: Mapping[str, str]) -> str:
    """The file of a command. NoSuchCommand, CannotRun."""
    path = shutil.which(name, path=environ.get("PATH"))
    if path is not None:
        return path
    anywhere = len(Path(name).parts) < 2 and not name.startswith(".")  # as shells look for it
    if not anywhere and Path(name).exists():
        raise _not_executable(name, "it is a folder" if Path(name).is_dir() else "it is not executable")
    raise NoSuchCommand(
        "no-such-command",
        f"there is no command {name!r}",
        why="it is in no folder of PATH" if anywhere else "",
        fix="check its name, or activate the environment that it is installed in",
    )


def attend(program: str, command: Sequence[str], environ: Mapping[str, str], *, files: int | None = None) -> int:
    """Run `program` as `command` to its end and give its exit code; 128 + n when signal n ended it. From the main
    thread only. `files` is its limit of open files, where ours is another one. NoSuchCommand, CannotRun."""
    with _Signals() as signals:
        try:
            with limited_to(files):
                process = subprocess.Popen(command, executable=program, env=environ)  # noqa: S603  (a person typed it)
        except FileNotFoundError:  # the file is there: what its first line names is not
            raise NoSuchCommand(
                "no-interpreter", f"{program} cannot be started", why="the interpreter that it names does not exist",
                fix="install that interpreter, or make the environment anew",
            ) from None  # fmt: skip
        except OSError as error:
            why = "it is no program" if error.errno == errno.ENOEXEC else error.strerror or str(error)
            raise _not_executable(program, why) from None
        signals.lead_to(process)
        code = _wait(process)
    return 128 - code if code < 0 else code


def _wait(process: subprocess.Popen[Any]) -> int:
    """As `process.wait()`, but awake for every signal: the system may give one to another of our threads, and then
    nothing would interrupt a wait in this one, the only one that runs handlers."""
    ended = threading.Event()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)

        def wait() -> None:
            process.wait()
            ended.set()
            with contextlib.suppress(OSError):  # full: there is enough to wake up for
                theirs.send(b"\0")

        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        waiter = threading.Thread(target=wait, name="wait", daemon=True)
        waiter.start()
        try:
            while not ended.is_set():
                ours.recv(4096)
        finally:
            signal.set_wakeup_fd(before)
        waiter.join()
    return process.wait()


def _not_executable(name: str, why: str) -> CannotRun:
    return CannotRun("cannot-run", f"{name} cannot be run", why=why, fix="name a program, or run it with its own shell")


class _Signals:
    """Passes signals on to a process. What is ignored (nohup, a background job) stays ignored, there too."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[Any] | None = None
        self._early: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        for name in _PASSED:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def lead_to(self, process: subprocess.Popen[Any]) -> None:
        """From now on, and what came before it was there."""
        self._process = process
        for number in self._early:
            process.send_signal(number)

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self._process is None:
            self._early.append(number)
        elif not (signal.Signals(number).name in _TERMINAL and _in_front()):
            self._process.send_signal(number)


def _in_front() -> bool:
    """Whether we are the terminal's foreground group: then the command, being in it, got its Ctrl-C itself."""
    if WINDOWS:
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
