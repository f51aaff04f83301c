"""Tunnels side by side: no proxy, haproxy (tcp, splice), squid, tinyproxy and pipway, in turns on the same cores.

The proxies run on core 0; clients and the origin, an nginx, on core 1.
"""

from __future__ import annotations

import os
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from machine import LOAD_CORE, Running, free_port, running
from peers import nginx

GIB = 1 << 30
SMALL = b"x" * 1850  # 2 KB with the head, and what fits into one of tinyproxy's buffers
_BUFFER = 262144
_DONE = b"\r\n\r\n"

HAPROXY = """
global
  maxconn 4000
  nbthread 1
defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen tunnel
  bind 127.0.0.1:{port}
  server origin 127.0.0.1:{origin}
"""

SQUID = """
http_port 127.0.0.1:{port}
http_access allow all
cache deny all
access_log none
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
shutdown_lifetime 0 seconds
max_filedescriptors 20000
pinger_enable off
"""

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 600
MaxClients 2000
LogLevel Critical
LogFile "{folder}/log"
"""


@dataclass(frozen=True)
class Way:
    """How to get to the origin: whom to connect to, and what to say first."""

    name: str
    port: int
    speech: str  #: "", "connect" or "socks"
    server: Running | None = None

    def greeting(self, origin: int) -> tuple[bytes, int]:
        """What to send, and how the answer ends: its length in bytes, or 0 for an empty line."""
        if self.speech == "connect":
            return b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (origin, origin), 0
        return b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01" + origin.to_bytes(2, "big"), 12


@dataclass
class Rounds:
    """What one way did, round by round."""

    name: str
    values: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return statistics.median(self.values)


@contextmanager
def _haproxy(folder: Path, origin: int) -> Iterator[Way]:
    port = free_port()
    (folder / "haproxy.cfg").write_text(HAPROXY.format(port=port, origin=origin))
    with running("haproxy", ["haproxy", "-db", "-f", folder / "haproxy.cfg"], port, log=folder / "log") as server:
        yield Way("haproxy", port, "", server)


@contextmanager
def _squid(folder: Path) -> Iterator[Way]:
    port = free_port()
    (folder / "squid.conf").write_text(SQUID.format(port=port, folder=folder))
    if os.geteuid() == 0:
        folder.chmod(0o777)
    with running("squid", ["squid", "-N", "-f", folder / "squid.conf"], port, log=folder / "log") as server:
        yield Way("squid", port, "connect", server)


@contextmanager
def _tinyproxy(folder: Path) -> Iterator[Way]:
    port = free_port()
    (folder / "tinyproxy.conf").write_text(TINYPROXY.format(port=port, folder=folder))
    command = ["tinyproxy", "-d", "-c", folder / "tinyproxy.conf"]
    with running("tinyproxy", command, port, log=folder / "out") as server:
        yield Way("tinyproxy", port, "connect", server)


@contextmanager
def _pipway(folder: Path, origin: int) -> Iterator[Way]:
    """As `pipway serve` starts it, its access log written to a file."""
    port = free_port()
    command = [sys.executable, "-m", "pipway", "serve", "--listen", f"127.0.0.1:{port}", "--data", folder / "data"]
    command += ["--log-format", "json"]
    env = {"PIPWAY_FORWARD_ALLOW": f"127.0.0.1:{origin}"}
    with running("pipway", command, port, log=folder / "log", env=env) as server:
        yield Way("pipway", port, "connect", server)


@contextmanager
def ways(folder: Path) -> Iterator[tuple[list[Way], int]]:
    """Everything started; the ways, and the origin's port."""
    big = folder / "root"
    big.mkdir(parents=True)
    with (big / "big").open("wb") as file:
        file.truncate(GIB)
    with ExitStack() as stack:
        # From memory, so that it leaves in one packet: tinyproxy has Nagle on and would wait for every second one.
        server = f"root {big}; location = /small {{ return 200 '{SMALL.decode()}'; }}"
        origin = stack.enter_context(nginx("origin", folder / "origin", server=server, core=LOAD_CORE, log=False))
        port = int(origin.url.rpartition(":")[2])
        found = [Way("no proxy", port, "")]
        for name, start in _CONTENDERS.items():
            place = folder / name
            place.mkdir()
            found.append(stack.enter_context(start(place, port)))
        stack.enter_context(_on(LOAD_CORE))
        yield found, port


_CONTENDERS: dict[str, Callable[..., Iterator[Way]]] = {
    "haproxy": _haproxy,
    "squid": lambda folder, origin: _squid(folder),
    "tinyproxy": lambda folder, origin: _tinyproxy(folder),
    "pipway": _pipway,
}


@contextmanager
def _on(core: str) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(core)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def open_tunnel(way: Way, origin: int) -> socket.socket:
    """Connect and wait until the way is open."""
    sock = socket.create_connection(("127.0.0.1", way.port), 10)
    if way.speech:
        greeting, length = way.greeting(origin)
        sock.sendall(greeting)
        answer = b""
        while not (len(answer) >= length if length else answer.endswith(_DONE)):
            data = sock.recv(4096)
            if not data:
                raise RuntimeError(f"{way.name} answered {answer!r}")
            answer += data
    return sock


def bulk(way: Way, origin: int, streams: int, total: int = GIB) -> float:
    """Bytes per second of `streams` downloads that are `total` bytes together."""
    share = total // streams
    began = time.perf_counter()
    sockets = [open_tunnel(way, origin) for _ in range(streams)]
    request = b"GET /big HTTP/1.1\r\nHost: o\r\nRange: bytes=0-%d\r\nConnection: close\r\n\r\n" % (share - 1)
    buffer, received = bytearray(_BUFFER), 0
    with selectors.EpollSelector() as selector:
        for sock in sockets:
            sock.sendall(request)
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                count = key.fileobj.recv_into(buffer)  # type: ignore[union-attr]
                received += count
                if not count:
                    selector.unregister(key.fileobj)
    took = time.perf_counter() - began
    for sock in sockets:
        sock.close()
    if received < share * streams:
        raise RuntimeError(f"{way.name} lost bytes: {received} of {share * streams}")
    return received / took


class _Short:
    """One short tunnel after another on one place."""

    def __init__(self, way: Way, origin: int) -> None:
        self.greeting, self.length = way.greeting(origin) if way.speech else (b"", 0)
        self.address = ("127.0.0.1", way.port)
        self.done = 0

    def open(self, epoll: selectors.EpollSelector) -> None:
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(self.address)
        self.step, self.got = "connecting", b""
        epoll.register(self.sock, selectors.EVENT_WRITE, self)

    def go_on(self, epoll: selectors.EpollSelector) -> None:
        if self.step == "connecting":
            self.sock.send(self.greeting or _REQUEST)
            self.step = "greeting" if self.greeting else "answer"
            epoll.modify(self.sock, selectors.EVENT_READ, self)
            return
        data = self.sock.recv(65536)
        self.got += data
        if self.step == "greeting":
            if not data:
                raise RuntimeError(f"refused: {self.got!r}")
            if len(self.got) >= self.length if self.length else self.got.endswith(_DONE):
                self.sock.send(_REQUEST)
                self.step, self.got = "answer", b""
        elif len(self.got) > len(SMALL) and self.got.endswith(SMALL):
            epoll.unregister(self.sock)
            self.sock.close()
            self.done += 1
            self.open(epoll)
        elif not data:
            raise RuntimeError(f"cut: {self.got[:200]!r}")


_REQUEST = b"GET /small HTTP/1.1\r\nHost: o\r\n\r\n"


def short(way: Way, origin: int, seconds: float, at_once: int = 16) -> float:
    """Tunnels per second: connect, 2 KB, close."""
    places = [_Short(way, origin) for _ in range(at_once)]
    with selectors.EpollSelector() as epoll:
        for place in places:
            place.open(epoll)
        began = time.perf_counter()
        while time.perf_counter() < began + seconds:
            for key, _ in epoll.select(1):
                key.data.go_on(epoll)
        took = time.perf_counter() - began
    for place in places:
        place.sock.close()
    return sum(place.done for place in places) / took


def set_up(way: Way, origin: int, repeats: int) -> list[float]:
    """Seconds of each opening, one after the other."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        sock = open_tunnel(way, origin)
        found.append(time.perf_counter() - began)
        sock.close()
    return found


def idle(way: Way, origin: int, count: int) -> int:
    """Resident bytes of the server with so many open tunnels in which nothing moves."""
    assert way.server is not None
    sockets = [open_tunnel(way, origin) for _ in range(count)]
    try:
        return way.server.resident()
    finally:
        for sock in sockets:
            sock.close()


def in_turns(ways: Sequence[Way], rounds: int, measure: Callable[[Way], float]) -> dict[str, Rounds]:
    """Every way once a round."""
    found = {way.name: Rounds(way.name) for way in ways}
    for _ in range(rounds):
        for way in ways:
            before = way.server.cpu() if way.server else 0.0
            found[way.name].values.append(measure(way))
            found[way.name].cpu.append((way.server.cpu() if way.server else 0.0) - before)
    return found


@dataclass(frozen=True)
class Line:
    """One line under "Speed": what was measured, pipway's ratio to each, what it must be, and all values."""

    name: str
    ratio: float
    target: str
    reached: bool
    shown: dict[str, str]


def compare(folder: Path, rounds: int, seconds: float, say: Callable[[str], None]) -> tuple[list[Line], object]:
    """Every line, each measured in turns; and the raw values."""
    lines: list[Line] = []
    raw: dict[str, dict[str, object]] = {}
    with ways(folder) as (found, origin):
        mine = found[-1]
        socks = Way("pipway SOCKS", mine.port, "socks", mine.server)
        everyone = [*found, socks]

        def measured(name: str, unit: str, scale: float, measure: Callable[[Way], float]) -> dict[str, float]:
            say(f"  {name} …")
            results = in_turns(everyone, rounds, measure)
            raw[name] = {key: [result.values, result.cpu] for key, result in results.items()}
            shown = {key: f"{result.middle / scale:,.2f} {unit}" for key, result in results.items()}
            middle = {key: result.middle for key, result in results.items()}
            for rival, wanted in _TARGETS[name].items():
                one = "pipway SOCKS" if rival == "pipway" else "pipway"
                ratio = middle[one] / middle[rival]
                lines.append(Line(f"{name}: {one} over {rival}", ratio, f">= {wanted}x", ratio >= wanted, shown))
            return middle

        measured("1 stream", "GB/s", 1e9, lambda way: bulk(way, origin, 1))
        measured("8 streams", "GB/s", 1e9, lambda way: bulk(way, origin, 8))
        measured("short", "/s", 1, lambda way: short(way, origin, seconds))
        openings = in_turns(found, rounds, lambda way: statistics.median(set_up(way, origin, 300)))
        raw["set-up"] = {key: result.values for key, result in openings.items()}
        over = (openings["pipway"].middle - openings["no proxy"].middle) * 1000
        shown = {key: f"{result.middle * 1000:.3f} ms" for key, result in openings.items()}
        lines.append(Line("set-up, p50 over direct", over, "<= 0.3 ms", over <= 0.3, shown))
        say("  2 000 idle tunnels …")
        resident = idle(mine, origin, 2000) / 1e6
        lines.append(Line("resident with 2 000 idle tunnels", resident, "<= 120 MB", resident <= 120, {}))
        raw["idle"] = {"pipway": resident}
    return lines, raw


#: pipway's rate over each of theirs must be at least this; SOCKS is compared with pipway's own CONNECT.
_TARGETS = {
    "1 stream": {"haproxy": 1.2, "squid": 1.2, "tinyproxy": 3.0, "pipway": 0.9},
    "8 streams": {"haproxy": 1.7, "squid": 1.7, "tinyproxy": 3.0, "no proxy": 0.9, "pipway": 0.9},
    "short": {"squid": 1.0, "tinyproxy": 0.9, "pipway": 0.9},
}
