"""HAR 1.2, read back with a schema of the format that refuses what it does not know."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from pipway.web.har import archive
from pipway.web.traffic import Entry

BASE = "http://127.0.0.1:3141"
ENTRY = Entry(
    7, 1763683200.5, 0.5, 0.2, "pip", "26.0", "127.0.0.1", "GET", "/simple/demo/?a=1&b=%20x", "index", 200, "miss", 10,
    "direct (x)", "",
)  # fmt: skip


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """An object of the format: every field below is required unless it has a default (HAR 1.2 §2.2)."""


class NameValue(Strict):
    name: str
    value: str
    comment: str = ""


class Content(Strict):
    size: int
    mime_type: str
    compression: int | None = None
    text: str | None = None
    comment: str = ""


class Cookie(Strict):
    name: str
    value: str


class AskedFor(Strict):
    method: str
    url: str
    http_version: str
    cookies: list[Cookie]
    headers: list[NameValue]
    query_string: list[NameValue]
    headers_size: int
    body_size: int
    comment: str = ""


class Answer(Strict):
    status: int
    status_text: str
    http_version: str
    cookies: list[Cookie]
    headers: list[NameValue]
    content: Content
    redirect_url: str = msgspec.field(name="redirectURL")
    headers_size: int = msgspec.field(name="headersSize")
    body_size: int = msgspec.field(name="bodySize")
    comment: str = ""


class Timings(Strict):
    send: float
    wait: float
    receive: float
    blocked: float = -1
    dns: float = -1
    connect: float = -1
    ssl: float = -1


class OneEntry(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of one's own begin with an underscore (HAR 1.2 §2.3)."""

    startedDateTime: datetime
    time: float
    request: AskedFor
    response: Answer
    cache: dict[str, str]
    timings: Timings
    _id: int
    _client: str
    _face: str
    _outcome: str
    _route: str
    comment: str = ""


class Creator(Strict):
    name: str
    version: str


class Log(Strict):
    version: str
    creator: Creator
    entries: list[OneEntry]


class Archive(Strict):
    log: Log


def read(*entries: Entry) -> list[OneEntry]:
    found = msgspec.json.decode(archive(entries, BASE), type=Archive)
    assert found.log.version == "1.2"
    assert found.log.creator.name == "pipway"
    return found.log.entries


def test_a_request_is_an_entry() -> None:
    (entry,) = read(ENTRY)
    assert entry.startedDateTime.timestamp() == pytest.approx(1763683200.0)
    assert entry.time == 500
    assert (entry.timings.send, entry.timings.wait, entry.timings.receive) == (0, 200, 300)
    assert entry.request.url == f"{BASE}/simple/demo/?a=1&b=%20x"
    assert [(field.name, field.value) for field in entry.request.query_string] == [("a", "1"), ("b", " x")]
    assert [(field.name, field.value) for field in entry.request.headers] == [("User-Agent", "pip/26.0")]
    assert (entry.response.status, entry.response.content.size) == (200, 10)
    assert (entry._outcome, entry._route, entry._face, entry._id) == ("miss", "direct (x)", "index", 7)


def test_every_kind_of_request_fits_the_format() -> None:
    change = msgspec.structs.replace
    tunnel = change(ENTRY, method="CONNECT", target="a.example:443", outcome="tunnel", first=0.25, tool="", version="")
    socks = change(tunnel, method="SOCKS5", face="socks", first=None)
    forward = change(ENTRY, target="http://deb.example/x", outcome="forward")
    refused = change(ENTRY, status=403, outcome="refused", reason="pipway: no")
    broken = change(ENTRY, method="-", target="-", status=400, seconds=0.0, first=0.0)
    late = change(ENTRY, first=0.6)
    entries = read(tunnel, socks, forward, refused, broken, late)
    assert [entry.request.url for entry in entries] == [
        *("tcp://a.example:443", "tcp://a.example:443", "http://deb.example/x"),
        *(f"{BASE}{ENTRY.target}", f"{BASE}/", f"{BASE}{ENTRY.target}"),
    ]
    assert (entries[0].time, entries[0].timings.wait) == (750, 250), "until it stood, and while it lasted"
    assert entries[3].comment == entries[3].response.status_text == "pipway: no"
    for entry in entries:
        timings = entry.timings
        assert timings.receive >= 0, "HAR 1.2 §2.2.12: these three are required and not negative"
        assert entry.time == pytest.approx(timings.send + timings.wait + timings.receive)
    assert read() == []
