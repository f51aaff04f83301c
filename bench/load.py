"""Load and timing: wrk for rates, raw sockets for single timings. Every figure keeps its raw numbers."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from machine import LOAD_CORE, Running

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class Rate:
    """One run of wrk against one server."""

    requests: int
    seconds: float
    cpu: float
    errors: int

    @property
    def per_cpu_second(self) -> float:
        return self.requests / self.cpu if self.cpu else 0.0


def wrk(server: Running, url: str, headers: dict[str, str], connections: int, seconds: float) -> Rate:
    """Requests per CPU-second of `server`'s process tree, over `seconds` at `connections`."""
    command = [shutil.which("taskset") or "taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}"]
    command += [f"-d{max(1, round(seconds))}s", "--timeout", "20s"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    before = server.cpu()
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    cpu = server.cpu() - before
    counted = re.search(r"(\d+) requests in ([\d.]+)(m?s|m)", done)
    if not counted:
        raise RuntimeError(done)
    bad = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", done))
    bad += sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", done))
    scale = {"s": 1.0, "ms": 0.001, "m": 60.0}[counted[3]]
    return Rate(int(counted[1]), float(counted[2]) * scale, cpu, bad)


@dataclass(frozen=True)
class Fetched:
    """One answer, wholly read."""

    status: int
    headers: dict[str, str]
    length: int
    first_byte: float
    total: float
    body: bytes = b""  #: only if it was to be kept


def fetch(url: str, headers: dict[str, str] | None = None, *, keep: bool = False) -> Fetched:
    """GET on a new connection; times are in seconds from before the connect."""
    parts = urlsplit(url)
    started = time.perf_counter()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        first = time.perf_counter() - started
        length, kept = 0, []
        while block := response.read(1 << 20):
            length += len(block)
            if keep:
                kept.append(block)
        total = time.perf_counter() - started
        found = {name.lower(): value for name, value in response.getheaders()}
        return Fetched(response.status, found, length, first, total, b"".join(kept))
    finally:
        connection.close()


class Heartbeat:
    """Asks for one warm page again and again on its own connection; the longest answer is the stall others saw."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url, self._headers = urlsplit(url), headers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.latencies: list[float] = []

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=30)
        while not self._stop.is_set():
            started = time.perf_counter()
            connection.request("GET", self._url.path, headers=self._headers)
            connection.getresponse().read()
            self.latencies.append(time.perf_counter() - started)
            self._stop.wait(0.0005)
        connection.close()
