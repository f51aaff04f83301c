"""The real machine, for `clients`: where a tool would run, the programs on PATH, and what version they say they are.

Nothing but `--version` is ever run: with a deadline, without a network, in a folder that holds no project.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pipway.clients.base import Surroundings
from pipway.errors import UsageError
from pipway.platforms import WINDOWS

_DEADLINE = 10.0  # seconds; a cold Python on a busy machine needs two
_MOST = 4096  # bytes of an answer
_VERSION = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+(?:(?:a|b|rc|\.dev|\.post|\+)[\w.]*)?)")

#: What programs need in order to start, and what leads version managers to the one that is meant.
_NEEDED = (
    *("PATH", "PATHEXT", "HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC"),
    *("APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "TEMP", "TMP", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
)
_MANAGERS = ("PYENV_", "ASDF_", "MISE_", "CONDA_")

#: A `--version` that asks the network anyway gets no answer at once. Configuration cannot stop it either.
_STILL = {
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
    "LC_ALL": "C.UTF-8",
    "NO_COLOR": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "UV_NO_CONFIG": "1",
    "UV_OFFLINE": "1",
    "PDM_CHECK_UPDATE": "0",
}


def here(environ: Mapping[str, str], *, command: Sequence[str] = ()) -> Surroundings:
    """This machine. `command` is the one that failed, tool first, when it is known.

    UsageError when there is no home or no working folder: then no tool's files have a place.
    """
    system: Literal["linux", "darwin", "windows"] = "linux"
    if WINDOWS:
        system = "windows"
    elif sys.platform == "darwin":
        system = "darwin"
    variable = "USERPROFILE" if WINDOWS else "HOME"
    try:
        home = Path(environ.get(variable) or Path.home())
    except RuntimeError:  # a user without an entry in passwd, as `docker run --user 1234` makes one
        raise UsageError(
            "no-home", f"{variable} is not set, and this user has no home", fix=f"set {variable}"
        ) from None
    try:
        cwd = Path.cwd()
    except OSError:
        raise UsageError("no-working-folder", "the working folder is gone", fix="cd into one that is there") from None
    return Surroundings(environ, home, cwd, system, command=tuple(command))


def on_path(surroundings: Surroundings, name: str) -> tuple[Path, ...]:
    """Every program of that name in PATH, the one that a plain call starts first; a link and its target are one."""
    found: dict[Path, Path] = {}
    for folder in surroundings.environ.get("PATH", "").split(os.pathsep):
        # An empty entry of PATH means the working folder, whose programs belong to a project.
        program = shutil.which(name, path=folder) if folder and Path(folder).is_absolute() else None
        if program is not None:
            found.setdefault(_real(Path(program)), Path(program))
    return tuple(found.values())


def running(surroundings: Surroundings, command: Sequence[str], *, deadline: float = _DEADLINE) -> str:
    """What `command` (a program and `--version`, or the like) prints, its first 4 kB; "" when it fails or hangs.

    `deadline` is in seconds. Whatever the program started ends with it.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - found on PATH, or given by a person
            command,
            env=_environment(surroundings.environ),
            cwd=Path(surroundings.home).anchor or os.sep,  # `python -m pip` would import a project's own pip.py
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=not WINDOWS,
        )
    except (OSError, ValueError):
        return ""
    with _ended(process, deadline), process:
        assert process.stdout is not None
        output = process.stdout.read(_MOST)
        if len(output) == _MOST:
            _end(process)
        return output.decode("utf-8", errors="replace") if process.wait() == 0 or len(output) == _MOST else ""


def version(text: str) -> str:
    """The first version number in what a program says of itself, "" when there is none."""
    match = _VERSION.search(text)
    return match[1] if match else ""


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if name in _NEEDED or name.startswith(_MANAGERS)}
    return kept | _STILL


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes], deadline: float) -> Iterator[None]:
    timer = threading.Timer(deadline, _end, (process,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None and WINDOWS:
        return
    with contextlib.suppress(OSError):
        if WINDOWS:
            process.kill()
        else:
            # The group outlives its leader as long as one of it runs, and its number is not given away before.
            os.killpg(process.pid, signal.SIGKILL)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path
