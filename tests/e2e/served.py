"""The real `pipway serve` as a child process: start, ask, read its counters, stop."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from prometheus_client.parser import text_string_to_metric_families
from tests.e2e import forks
from tests.e2e.forks import Forked
from tests.e2e.lab import neutral_environment

READY_SECONDS = 20.0  # generous: other tests may be busy on the same cores
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """What a raw HTTP client saw. `whole` is False when the body broke off."""

    status: int
    reason: str
    headers: Mapping[str, str]  #: names in lower case
    body: bytes
    whole: bool = True


@dataclass
class Pipway:
    """A running server. `url` ends in a slash."""

    process: subprocess.Popen[str] | Forked
    url: str
    data: Path
    output: list[str] = field(repr=False)
    log: Path

    @property
    def index(self) -> str:
        """What goes behind `--index-url`."""
        return self.url + "simple/"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def get(self, target: str, *, method: str = "GET", deadline: float = 30, **headers: str) -> Answer:
        """One request on a connection of its own; header names are written with underscores for hyphens."""
        path = target.removeprefix(self.url.rstrip("/"))
        connection = http.client.HTTPConnection(*self.address, timeout=deadline)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            seen = {name.lower(): value for name, value in response.getheaders()}
            try:
                return Answer(response.status, response.reason, seen, response.read())
            except (http.client.IncompleteRead, OSError) as error:
                part = error.partial if isinstance(error, http.client.IncompleteRead) else b""
                return Answer(response.status, response.reason, seen, part, whole=False)
        finally:
            connection.close()

    def page(self, name: str) -> dict[str, Any]:
        """A project's page as JSON; AssertionError unless it is there."""
        answer = self.get(f"/simple/{name}/", accept="application/vnd.pypi.simple.v1+json")
        assert answer.status == 200, answer
        page: dict[str, Any] = json.loads(answer.body)
        return page

    def link(self, name: str, filename: str | None = None) -> str:
        """The absolute address of a project's file, the first one by default."""
        urls = [str(file["url"]) for file in self.page(name)["files"] if filename in (None, file["filename"])]
        return urljoin(f"{self.index}{name}/", urls[0])

    def metrics(self) -> dict[str, float]:
        """Every sample, summed over its labels."""
        return summed(self.get("/metrics").body.decode())

    def upstream_requests(self) -> int:
        """How many requests have gone upstream since the start."""
        return int(self.metrics().get("pipway_upstream_requests_total", 0))

    def stop(self) -> int:
        """Ask it to stop as a service manager does (SIGTERM); gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it at once, as a power cut would (SIGKILL)."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)


def summed(text: str) -> dict[str, float]:
    """Samples of a Prometheus text by name, summed over labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def launch(
    data: Path,
    *upstreams: str,
    options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    live: bool = False,
    forked: bool = True,
) -> Pipway:
    """Start it and wait for its ready line. `settings` maps names such as `cache.page_ttl` to values.

    Not `forked`, or with a prefix, it is a program of its own (`tests.e2e.forks`).
    """
    data.mkdir(parents=True, exist_ok=True)
    log = data.parent / f"{data.name}.log"
    environ = neutral_environment(keep_trust=live) | {"XDG_CONFIG_HOME": str(data.parent / "no-config")}
    for name, value in (settings or {}).items():
        environ["PIPWAY_" + name.upper().replace(".", "_")] = value
    command = ["serve", "--listen", "127.0.0.1:0", "--data", str(data)]
    for upstream in upstreams:
        command += ["--upstream", upstream]
    command += options
    process: subprocess.Popen[str] | Forked
    with log.open("ab") as errors:
        if forked and not prefix:
            process = forks.start(command, env=environ, stderr=errors.fileno())
        else:
            command = [*prefix, sys.executable, "-m", "pipway", *command]
            process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=errors, text=True)
    lines: list[str] = []
    ready = threading.Event()
    threading.Thread(target=_collect, args=(process, lines, ready), daemon=True).start()
    found = ready.wait(READY_SECONDS) and re.search(r"http://\S+?/(?=\s|$)", lines[0] if lines else "")
    if not found:
        process.kill()
        process.wait(STOP_SECONDS)
        raise AssertionError(f"pipway did not start: {lines}\n{log.read_text(errors='replace')[-4000:]}")
    return Pipway(process, found[0], data, lines, log)


def _collect(process: subprocess.Popen[str] | Forked, lines: list[str], ready: threading.Event) -> None:
    assert process.stdout is not None
    with process.stdout as stdout:
        for line in stdout:
            lines.append(line)
            ready.set()
    ready.set()


@contextlib.contextmanager
def serving(
    data: Path,
    *upstreams: str,
    options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    live: bool = False,
    forked: bool = True,
) -> Iterator[Pipway]:
    """A running pipway that must end with exit code 0 when told to."""
    server = launch(data, *upstreams, options=options, settings=settings, prefix=prefix, live=live, forked=forked)
    try:
        yield server
    except BaseException:
        server.kill()
        raise
    code = server.stop()
    assert code == 0, server.log.read_text(errors="replace")[-4000:]
    assert len(server.output) == 1, f"more than the ready line on standard output: {server.output}"


def cache_verify(data: Path) -> subprocess.CompletedProcess[str]:
    """Run `pipway cache verify` on a data folder nobody serves from."""
    environ = neutral_environment() | {"PIPWAY_DATA": str(data), "XDG_CONFIG_HOME": os.devnull}
    return forks.run(["cache", "verify"], env=environ)
