"""Cold timings: the first client's wait, against nginx `proxy_cache` and against asking the origin directly.

Here both servers may use every core, as they would: this is about waiting, not about CPU per request.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import peers
from dataset import Dataset, wheel_name
from load import JSON, Heartbeat, fetch
from machine import ANY_CORE, Running


@dataclass(frozen=True)
class Timing:
    """Seconds of each repetition, per server."""

    name: str
    seconds: dict[str, list[float]]
    note: str = ""


def _packages(data: Dataset, label: str) -> str:
    digest = data.digests[label]
    return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{wheel_name(f'file-{label}', '1.0')}"


def through_pipway(server: Running, upstream: str, path: str) -> str:
    """The URL at which pipway serves an origin's file."""
    parts = urlsplit(upstream)
    return f"{server.url}/files/{parts.scheme}/{parts.netloc}{path}"


def first_client(data: Dataset, upstream: str, folder: Path, repeats: int) -> list[Timing]:
    """100-file page and 10 MB file, each on a server that has never seen it. A warm-up request of another

    project comes first, so that what is measured is the fetch and not the process's first breath."""
    page: dict[str, list[float]] = {}
    file: dict[str, list[float]] = {}
    accept = {"Accept": JSON}
    medium = _packages(data, "medium")
    for n in range(repeats):
        page.setdefault("direct", []).append(fetch(f"{upstream}/simple/page-100/", accept).total)
        file.setdefault("direct", []).append(fetch(upstream + medium).total)
        with peers.proxy_cache(folder / f"cache-{n}", upstream, ANY_CORE) as nginx:
            fetch(f"{nginx.url}/simple/page-4/", accept)
            page.setdefault("nginx", []).append(fetch(f"{nginx.url}/simple/page-100/", accept).total)
            file.setdefault("nginx", []).append(fetch(nginx.url + medium).total)
        with peers.pipway(folder / f"cold-{n}", upstream, ANY_CORE) as pipway:
            fetch(f"{pipway.url}/simple/page-4/", accept)
            page.setdefault("pipway", []).append(fetch(f"{pipway.url}/simple/page-100/", accept).total)
            fetch(f"{pipway.url}/simple/file-medium/", accept)
            file.setdefault("pipway", []).append(fetch(through_pipway(pipway, upstream, medium)).total)
    return [Timing("cold page, 100 files", page), Timing("cold file, 10 MB", file)]


def big_page(data: Dataset, upstream: str, folder: Path, repeats: int) -> tuple[Timing, list[float]]:
    """The 4 300-file page: time over direct, and the longest wait another connection saw meanwhile."""
    seconds: dict[str, list[float]] = {}
    stalls = []
    accept = {"Accept": JSON}
    for n in range(repeats):
        seconds.setdefault("direct", []).append(fetch(f"{upstream}/simple/page-4300/", accept).total)
        with peers.pipway(folder / f"big-{n}", upstream, ANY_CORE) as pipway:
            fetch(f"{pipway.url}/simple/page-4/", accept)
            seconds.setdefault("pipway", []).append(fetch(f"{pipway.url}/simple/page-4300/", accept).total)
        with peers.pipway(folder / f"stall-{n}", upstream, ANY_CORE) as pipway:
            warm = f"{pipway.url}/simple/page-4/"
            fetch(warm, accept)
            with Heartbeat(warm, accept) as heart:
                time.sleep(0.3)
                before = len(heart.latencies)
                fetch(f"{pipway.url}/simple/page-4300/", accept)
                time.sleep(0.3)
            stalls.append(max(heart.latencies[before:]))
    return Timing("cold page, 4 300 files", seconds), stalls


@dataclass(frozen=True)
class Crowd:
    """64 clients on one cold file."""

    clients: int
    upstream_requests: int
    growth: int  #: resident bytes at the highest, over before
    right: bool


def crowd(data: Dataset, upstream: str, folder: Path, access_log: Path, clients: int = 64) -> Crowd:
    """Everyone asks for the same cold 100 MB file at once; the origin's access log counts what it was asked."""
    path = _packages(data, "large")
    with peers.pipway(folder / "crowd", upstream) as pipway:
        fetch(f"{pipway.url}/simple/file-large/", {"Accept": JSON})
        before, asked = pipway.resident(), _asked(access_log, path)
        peak, stop = [before], threading.Event()

        def watch() -> None:
            while not stop.wait(0.01):
                peak[0] = max(peak[0], pipway.resident())

        watcher = threading.Thread(target=watch)
        watcher.start()
        lengths: list[int] = []
        url = through_pipway(pipway, upstream, path)
        threads = [threading.Thread(target=lambda: lengths.append(fetch(url).length)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        watcher.join()
        right = lengths == [100_000_000] * clients
        return Crowd(clients, _asked(access_log, path) - asked, peak[0] - before, right)


def _asked(access_log: Path, path: str) -> int:
    return access_log.read_text().count(path)


def start_up(upstream: str, folder: Path, repeats: int) -> list[float]:
    """Seconds from exec to the ready line, data folder existing (a restart)."""
    import subprocess
    import sys

    seconds = []
    for _ in range(repeats):
        command = [sys.executable, "-m", "pipway", "serve", "--listen", "127.0.0.1:0", "--data", str(folder / "start")]
        command += ["--upstream", f"origin={upstream}/simple/"]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout
        process.stdout.readline()
        seconds.append(time.perf_counter() - started)
        process.terminate()
        process.communicate()
    return seconds
