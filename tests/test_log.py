"""The log is readable by people and machines, holds no secret, and never gets in anybody's way."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipway.log import Level, Log, Style, level_of
from pipway.trace import Answered, RequestRecord, Trace


def record(**changes: Any) -> RequestRecord:
    usual = Answered("GET", "/simple/idna/", 200, 12345, "hit", 'pip/26.0 {"ci":null}')
    return RequestRecord(1763683200.25, 0.0042, "127.0.0.1", usual._replace(**changes))


def written(path: Path, style: Style, *records: RequestRecord, level: Level = "info", **events: dict[str, Any]) -> str:
    """What a log of these records and events leaves in its file; dots in event names are written as underscores."""
    log = Log(style=style, level=level, file=path)
    trace = Trace()
    trace.listen(log.event)
    trace.listen_requests(log.requests)
    for name, facts in events.items():
        trace.emit(name.replace("_", "."), **facts)
    for item in records:
        trace.request(item)
    trace.flush()
    log.close()
    return path.read_text()


def test_a_request_is_one_json_line(tmp_path: Path) -> None:
    """With the names of the record, the time as RFC 3339 UTC, and the keys that events have too."""
    lines = written(tmp_path / "log", "json", record(), record(target='/a"b\\ü', client='x"\n\x1b[2J')).splitlines()
    first, second = map(json.loads, lines)
    assert first == {
        "timestamp": "2025-11-21T00:00:00.250Z",
        "level": "info",
        "event": "request",
        "peer": "127.0.0.1",
        "method": "GET",
        "target": "/simple/idna/",
        "status": 200,
        "sent": 12345,
        "seconds": 0.0042,
        "outcome": "hit",
        "client": 'pip/26.0 {"ci":null}',
    }
    assert second["target"] == '/a"b\\ü'
    assert second["client"] == 'x"\n\x1b[2J'


def test_a_request_is_one_short_line_for_a_person(tmp_path: Path) -> None:
    """Status, outcome, what, how much, how long, who; no colours in a file."""
    line = written(tmp_path / "log", "human", record())
    assert line.endswith(" 200 hit    GET /simple/idna/  12.3 kB 4.2 ms  127.0.0.1 pip/26.0\n")
    assert "\x1b" not in line


@pytest.mark.parametrize("style", ["human", "json"])
def test_a_client_cannot_forge_lines_or_move_the_cursor(tmp_path: Path, style: Style) -> None:
    """Control characters are written as escapes, C1 controls (0x9B) included."""
    text = written(
        tmp_path / "log",
        style,
        record(target="/\x9b2J\nforged", client="evil\x1b[31m\r\nforged"),
        upstream_failed={"error": "bad\nforged \x1b[2J"},
    )
    assert len(text.splitlines()) == 2
    assert not any(ord(char) < 32 for char in text.replace("\n", ""))
    if style == "human":
        assert "\x9b" not in text


@pytest.mark.parametrize("style", ["human", "json"])
def test_no_secret_is_written(tmp_path: Path, style: Style) -> None:
    """Not from a fact, a nested fact, a fact whose name says it, an object, a target or a User-Agent."""

    class Thing:
        def __str__(self) -> str:
            return "https://alice:hunter2@index.example/"

    text = written(
        tmp_path / "log",
        style,
        record(target="/simple/?token=hunter2", client="Authorization: Basic hunter2hunter2"),
        record(target="https://alice:hunter2@index.example/simple/"),
        upstream_failed={
            "url": "https://alice:hunter2@index.example/",
            "tried": ["https://alice:hunter2@index.example/", ("Basic hunter2hunter2",)],
            "password": "hunter2",
            "thing": Thing(),
            "headers": {"Authorization": "Basic hunter2hunter2"},
        },
    )
    assert "hunter2" not in text
    assert "index.example" in text


def test_an_event_is_one_json_line_with_its_facts(tmp_path: Path) -> None:
    """Facts that are named like the line's own keys do not replace them."""
    text = written(
        tmp_path / "log", "json", blob_quarantined={"digest": "abc", "event": "other", "size": 3, "ok": None}
    )
    line = json.loads(text)
    assert line["event"] == "blob.quarantined"
    assert line["event_"] == "other"
    assert (line["digest"], line["size"], line["ok"], line["level"]) == ("abc", 3, None, "error")
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", {"upstream.request", "server.ready", "upstream.failed", "request"}),
        ("info", {"server.ready", "upstream.failed", "request"}),
        ("warning", {"upstream.failed"}),
        ("error", set()),
    ],
)
def test_the_level_decides_what_is_written(tmp_path: Path, level: Level, expected: set[str]) -> None:
    """Requests are information."""
    text = written(
        tmp_path / "log", "json", record(), level=level, upstream_request={}, server_ready={}, upstream_failed={}
    )
    assert {json.loads(line)["event"] for line in text.splitlines()} == expected


def test_levels_follow_names() -> None:
    """So that whoever emits need not think of logging."""
    assert level_of("anything.failed") == "warning"
    assert level_of("blob.quarantined") == "error"
    assert level_of("upstream.request") == "debug"
    assert level_of("server.ready") == "info"


def test_a_file_is_appended_to_and_its_folder_made(tmp_path: Path) -> None:
    """A restart loses nothing."""
    path = tmp_path / "new" / "folder" / "log"
    written(path, "json", record())
    assert len(written(path, "json", record()).splitlines()) == 2


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    """Ten thousand lines handed over just before, in several batches."""
    log = Log(style="json", file=tmp_path / "log")
    for _ in range(10):
        log.requests([record()] * 1000)
    log.close()
    log.close()  # twice does no harm
    log.requests([record()])  # nor does a late record
    assert len((tmp_path / "log").read_text().splitlines()) == 10_000


CHILD = """
import sys
from pipway.log import Log
from pipway.trace import Answered, RequestRecord
log = Log()
record = RequestRecord(1.0, 0.1, "127.0.0.1", Answered("GET", "/simple/idna/", 200, 10, "hit", "pip/26.0"))
for _ in range(int(sys.argv[1])):
    log.requests([record] * 100)
    log.event("server.ready", {"url": "http://127.0.0.1/"})
log.close()
print("survived")
"""


def child(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True, timeout=60, check=True, **options
    )


def test_a_closed_pipe_as_standard_error_is_survived() -> None:
    """The reader has gone; the server stays."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert child("3", stderr=writer).stdout == "survived\n"
    finally:
        os.close(writer)


def test_no_standard_error_at_all_is_survived() -> None:
    """As under a service manager that closes it."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 3 2>&-', sys.executable, CHILD], stdout=subprocess.PIPE, text=True, timeout=60
    )
    assert done.stdout == "survived\n"


@pytest.mark.slow
def test_a_reader_that_stops_reading_delays_nobody() -> None:
    """Far more than a pipe holds: the rest is dropped, and closing gives up after two seconds."""
    reader, writer = os.pipe()
    try:
        began = time.monotonic()
        assert child("2000", stderr=writer).stdout == "survived\n"
        assert time.monotonic() - began < 30  # without the thread it would never end
    finally:
        os.close(writer)
        os.close(reader)


def test_what_was_dropped_is_counted(tmp_path: Path) -> None:
    """Whoever reads the log later sees that something is missing, and every line that is there is whole."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    log = Log(style="json", file=path)
    received = bytearray()

    def drain() -> None:
        while chunk := os.read(reader, 65536):
            received.extend(chunk)

    batches = 1000
    for _ in range(batches):
        log.requests([record()] * 10)  # more than pipe and backlog hold together
    thread = threading.Thread(target=drain)
    thread.start()
    log.close()
    thread.join(30)
    os.close(reader)
    lines = [json.loads(line) for line in received.splitlines()]
    lost = sum(line["batches"] for line in lines if line["event"] == "log.dropped")
    assert lost > 0
    assert sum(line["event"] == "request" for line in lines) == (batches - lost) * 10


@pytest.mark.slow
def test_a_terminal_gets_coloured_lines_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """And plain ones when NO_COLOR is set."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for environ, coloured in ((dict(os.environ), True), ({**os.environ, "NO_COLOR": "1"}, False)):
        master, slave = pty.openpty()
        try:
            child("1", stderr=slave, env=environ)
            text = os.read(master, 65536).decode()
        finally:
            os.close(slave)
            os.close(master)
        assert "GET /simple/idna/" in text
        assert ("\x1b[32m200" in text) is coloured


def test_without_a_terminal_lines_are_json() -> None:
    """A log collector needs no setting."""
    done = child("1", stderr=subprocess.PIPE)
    assert {json.loads(line)["event"] for line in done.stderr.splitlines()} == {"request", "server.ready"}
