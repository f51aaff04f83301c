"""`pipway live` against a server that shows traffic, one that wants a token, one that is no pipway, and none."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipway.errors import LoginNeeded
from pipway.server.listener import Server
from pipway.trace import Answered, Details, RequestRecord, Trace
from pipway.web.metrics import Metrics
from pipway.web.pages import pages
from pipway.web.traffic import Traffic
from pipway.wire.answer import Answer, Prepared, Request
from pipway.wire.problem import problem

TOKEN = "pipway_s3cret"
ESCAPE = re.compile(r"\x1b(?!\[[0-9;]*m)")  #: anything but a colour


class Running:
    """A server in a thread of its own."""

    def __init__(self) -> None:
        self.wants_token = False
        self.other: Prepared | None = None  #: what is answered by whoever else listens there
        self._trace = Trace()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    def tell(self, target: str, **facts: Any) -> None:
        """One request is answered."""
        details = Details(0.1, facts.pop("route", "direct (x)"), facts.pop("reason", ""))
        answered = Answered("GET", target, 200, 12345, "miss", "pip/26.0")._replace(**facts)
        record = RequestRecord(1763683200.5, 0.5, "127.0.0.1", answered, details)
        self._loop.call_soon_threadsafe(self._tell, record)

    def _tell(self, record: RequestRecord) -> None:
        self._trace.request(record)
        self._trace.flush()

    async def _serve(self) -> None:
        traffic = Traffic(self._trace)
        site = pages(Metrics(), lambda: {"status": "ok"}, traffic)
        server = Server(self._answer, asgi=site, trace=self._trace)
        server.farewell.append(traffic.close)
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.port = (await server.start("127.0.0.1", 0))[0][1]
        self._ready.set()
        await self._stop.wait()
        await server.stop(10)

    async def _answer(self, request: Request) -> Answer | None:
        if self.wants_token and request.header(b"authorization") != f"Bearer {TOKEN}":
            return problem(LoginNeeded("login-needed", "a token", status=401))
        if self.other is not None:
            return self.other
        return None


@pytest.fixture
def running() -> Iterator[Running]:
    with Running() as server:
        yield server


def prepared(kind: str, body: bytes) -> Prepared:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nContent-Type: {kind}\r\n"
    return Prepared(200, head.encode(), body)


def environment(port: int, **more: str) -> dict[str, str]:
    return {**os.environ, "PIPWAY_LISTEN": f"127.0.0.1:{port}", "COLUMNS": "200", **more}


def live(port: int, *options: str, **more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipway", "live", *options]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment(port, **more), text=True, **streams)  # type: ignore[call-overload,no-any-return]


def refused(port: int, *options: str, **more: str) -> str:
    process = live(port, *options, **more)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 1, out + errors
    return errors


@pytest.mark.slow
def test_it_follows_until_the_server_stops(running: Running) -> None:
    running.tell("/simple/before/")
    process = live(running.port)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d miss +200 pip 26\.0 +12\.3 kB +100 ms +500 ms GET /simple/before/  direct \(x\)\n", first
    ), first
    running.tell("/simple/after/", status=403, outcome="error", reason="pipway: not that one")
    assert "refused" in process.stdout.readline()
    assert process.stdout.readline().strip() == "pipway: not that one"
    running.stop()
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors) == (0, "", "")


@pytest.mark.slow
def test_json_lines_are_for_programs(running: Running) -> None:
    running.tell("/simple/one/")
    running.tell("/simple/two/", client="uv/0.13.8")
    running.tell("/x\x1b[2J\u202e", client="uv/0.13.8")
    process = live(running.port, "--json", "--tool", "uv")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    running.stop()
    process.communicate(timeout=60)
    found = [json.loads(line) for line in lines]
    assert found[0]["target"] == "/simple/two/"
    assert found[0]["version"] == "0.13.8"
    assert all(line.isascii() for line in lines)
    assert found[1]["target"].isprintable()


@pytest.mark.slow
def test_the_latest_n_come_first_and_filters_hold(running: Running) -> None:
    for number in range(30):
        running.tell(f"/simple/n{number}/", outcome="hit" if number % 2 else "miss")
    for options, count in (((), 20), (("--last", "3"), 3), (("--outcome", "hit", "--last", "30"), 15)):
        process = live(running.port, "--json", *options)
        assert process.stdout is not None
        numbers = [json.loads(process.stdout.readline())["id"] for _ in range(count)]
        assert numbers[-1] == 30, options
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.slow
def test_no_escape_of_a_clients_reaches_the_terminal(running: Running) -> None:
    """On a real terminal, where colours are all that is sent, and a long line is cut instead of wrapped."""
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n\u202e"
    running.tell(f"/{evil}" + "long" * 100, client=f"pip/26.0 {evil}", route=evil, reason=evil, status=403)
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "pipway", "live"]
    env = environment(running.port, TERM="xterm-256color", COLUMNS="80")
    process = subprocess.Popen(command, env=env, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while seen.count(b"\n") < 2:
        seen += os.read(master, 4096)
    running.stop()
    process.wait(60)
    os.close(master)
    text = seen.decode()
    assert "\x1b[" in text, "colours"
    assert not ESCAPE.search(text)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r\n", "\n")
    assert plain.replace("\n", "").isprintable()
    assert max(map(len, plain.splitlines())) <= 80


@pytest.mark.slow
def test_a_har_file_is_written(running: Running, tmp_path: Path) -> None:
    running.tell("/simple/one/")
    running.tell("/simple/two/?token=hunter2")
    process = live(running.port, "--har", str(tmp_path / "x.har"), "--text", "two")
    assert process.communicate(timeout=60) == ("", "")
    entries = json.loads((tmp_path / "x.har").read_text())["log"]["entries"]
    assert [entry["request"]["url"] for entry in entries] == [
        f"http://127.0.0.1:{running.port}/simple/two/?token=[hidden]"
    ]
    assert "cannot write" in live(running.port, "--har", str(tmp_path)).communicate(timeout=60)[1]


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_no_error(running: Running) -> None:
    running.tell("/simple/one/")
    process = live(running.port, "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    running.tell("/simple/two/")
    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.slow
def test_a_server_with_tokens_wants_one(running: Running) -> None:
    running.wants_token = True
    errors = refused(running.port)
    assert "wants a token [login-needed]" in errors
    assert "PIPWAY_TOKEN" in errors
    process = live(running.port, "--har", os.devnull, PIPWAY_TOKEN=TOKEN)
    assert process.communicate(timeout=60) == ("", "")
    assert TOKEN not in refused(running.port, PIPWAY_TOKEN=TOKEN + "x")


@pytest.mark.slow
def test_what_is_no_pipway_is_told(running: Running) -> None:
    running.other = prepared("text/html", b"hi")
    assert "shows no traffic [not-pipway]" in refused(running.port)


@pytest.mark.slow
def test_where_none_runs_the_fix_is_told() -> None:
    with socket.socket() as bound:  # nobody listens on it
        bound.bind(("127.0.0.1", 0))
        errors = refused(bound.getsockname()[1])
    assert "no pipway answers at 127.0.0.1:" in errors
    assert "fix  start it with pipway serve" in errors
    assert "[no-port]" in live(0).communicate(timeout=60)[1]


@pytest.mark.slow
def test_another_program_cannot_move_the_cursor_either(running: Running) -> None:
    texts = dict.fromkeys(("tool", "version", "method", "target", "route", "reason", "outcome"), "\x1b[2J\x9b\r")
    numbers = {"ended": 1763683200.5, "seconds": 0.5, "first": None, "status": 200, "sent": 1}
    event = json.dumps({"entries": [texts | numbers], "skipped": 0}).encode()
    running.other = prepared("text/event-stream", b"data: " + event + b"\n\n")
    out, errors = live(running.port).communicate(timeout=60)
    assert errors == ""
    assert out.count("?") > 10
    assert out.replace("\n", "").isprintable()
    running.other = prepared("text/event-stream", b"data: {}\n\n")
    assert "what it sends is no traffic" in refused(running.port)
