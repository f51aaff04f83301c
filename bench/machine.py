"""Processes under measurement: start them pinned to a core, count their CPU time and memory, stop them by pid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE, ANY_CORE = "0", "1", "0,1"


def free_port() -> int:
    """A port nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    found = [int(child) for child in listed]
    return found + [grandchild for child in found for grandchild in _children(child)]


@dataclass
class Running:
    """A server process and all its children."""

    name: str
    process: subprocess.Popen[bytes]
    url: str

    @property
    def pids(self) -> list[int]:
        return [self.process.pid, *_children(self.process.pid)]

    def cpu(self) -> float:
        """User and system seconds of the whole process tree so far, finished threads included.

        /proc/<pid>/schedstat would be finer but leaves out other threads; ticks of 10 ms are summed over runs
        of seconds, an error below one per cent.
        """
        total = 0
        for pid in self.pids:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def resident(self) -> int:
        """Resident bytes of the process tree."""
        total = 0
        for pid in self.pids:
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                continue
        return total


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Until the port answers; an early exit of the process is an error."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing listens on {port} after {seconds} s")


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    port: int,
    *,
    log: Path,
    core: str = SERVER_CORE,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[Running]:
    """Start `command` on one core, wait for its port, and stop it afterwards."""
    pinned = [shutil.which("taskset") or "taskset", "-c", core, *map(str, command)]
    with log.open("ab") as output:
        process = subprocess.Popen(pinned, stdout=output, stderr=output, env={**os.environ, **(env or {})}, cwd=cwd)
    try:
        wait_for(port, process)
        yield Running(name, process, f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
