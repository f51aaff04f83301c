"""`/live` over a real server: the page, the events, and who is kept waiting by whom."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from html.parser import HTMLParser
from typing import Any, NamedTuple

import pytest
from tests.web.asgi import call
from tests.web.site import MemoryIndex, ask, demo_page

from pipway.access import Access
from pipway.server.limits import Limits
from pipway.server.listener import Server
from pipway.trace import Answered, Details, RequestRecord, Trace
from pipway.web import live
from pipway.web.app import Site
from pipway.web.guard import Guard
from pipway.web.metrics import Metrics
from pipway.web.pages import pages
from pipway.web.traffic import Traffic
from pipway.wire.answer import Answer, Request


class World(NamedTuple):
    """A server that shows what `trace` is told."""

    server: Server
    trace: Trace
    traffic: Traffic
    address: tuple[str, int]
    ended: list[RequestRecord]  #: streams that are over
    clients: list[asyncio.StreamWriter]

    def tell(self, target: str = "/simple/demo/", **facts: Any) -> None:
        """One request is answered."""
        details = Details(0.1, facts.pop("route", ""), facts.pop("reason", ""))
        answered = Answered("GET", target, 200, 10, "hit", "pip/26.0")._replace(**facts)
        self.trace.request(RequestRecord(1763683200.5, 0.5, "127.0.0.1", answered, details))
        self.trace.flush()

    async def get(self, target: str, *fields: str) -> tuple[int, dict[str, str], asyncio.StreamReader]:
        """Status, header fields and the body, still chunked."""
        reader, writer = await asyncio.open_connection(*self.address, limit=2**24)
        self.clients.append(writer)
        writer.write("\r\n".join((f"GET {target} HTTP/1.1", "Host: 127.0.0.1", *fields, "", "")).encode())
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines if line), reader


class Event(NamedTuple):
    mark: str
    entries: list[dict[str, Any]]
    skipped: int

    @property
    def targets(self) -> list[str]:
        return [entry["target"] for entry in self.entries]


async def next_event(reader: asyncio.StreamReader) -> Event | None:
    """The next one with data (WHATWG HTML §9.2.6); None when the body has ended."""
    mark = ""
    while True:
        line = (await asyncio.wait_for(reader.readline(), 10)).decode().rstrip("\r\n")
        if line == "0":
            return None
        if line.startswith("id: "):
            mark = line[4:]
        if line.startswith("data: "):
            return Event(mark, **json.loads(line[6:]))


async def some_event(reader: asyncio.StreamReader) -> Event:
    """The next one, which has to be there."""
    event = await next_event(reader)
    assert event is not None
    return event


Start = Callable[..., Awaitable[World]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    worlds: list[World] = []

    async def begin(limits: Limits | None = None, entries: int = 2000) -> World:
        async def nothing(request: Request) -> Answer | None:
            return None

        trace = Trace()
        traffic = Traffic(trace, entries=entries)
        site = pages(Metrics(), lambda: {"status": "ok"}, traffic)
        server = Server(nothing, asgi=site, trace=trace, limits=limits)
        server.farewell.append(traffic.close)
        ended: list[RequestRecord] = []
        trace.listen_requests(lambda records: ended.extend(one for one in records if "/live/" in one.answered.target))
        worlds.append(World(server, trace, traffic, (await server.start("127.0.0.1", 0))[0], ended, []))
        return worlds[-1]

    yield begin
    for world in worlds:
        for client in world.clients:
            client.close()
        await world.server.stop(5)


async def test_events_come_as_they_happen(start: Start) -> None:
    world = await start()
    status, fields, reader = await world.get("/live/events")
    assert (status, fields["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert fields["cache-control"] == "no-store"
    assert await next_event(reader) == Event("b007-0", [], 0)
    world.tell("/simple/one/", outcome="miss", route="direct (x)")
    event = await some_event(reader)
    assert event.targets == ["/simple/one/"]
    assert event.entries[0]["tool"] == "pip"
    assert event.entries[0]["route"] == "direct (x)"
    world.tell("/simple/two/", status=403, reason="pipway: no")
    event = await some_event(reader)
    assert (event.targets, event.entries[0]["reason"]) == (["/simple/two/"], "pipway: no")


@pytest.fixture(autouse=True)
def one_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The word before the numbers is the same in every server of these tests, unless a test says otherwise."""
    monkeypatch.setattr("pipway.web.live.secrets.token_hex", lambda size: "b007")


async def test_a_broken_stream_goes_on_where_it_was(start: Start) -> None:
    """Last-Event-ID (WHATWG HTML §9.2.4)."""
    world = await start()
    for name in ("one", "two", "three"):
        world.tell(f"/{name}")
    _, _, reader = await world.get("/live/events", "Last-Event-ID: b007-1")
    event = await next_event(reader)
    assert event == Event("b007-3", event.entries if event else [], 0)
    assert event.targets == ["/two", "/three"]
    _, _, reader = await world.get("/live/events?after=b007-2")
    event = await some_event(reader)
    assert event.targets == ["/three"]
    _, _, reader = await world.get("/live/events?after=b007-1", "Last-Event-ID: b007-3")
    event = await some_event(reader)
    assert event.targets == [], "what the browser remembers is newer than what the page said"


async def test_a_stream_of_another_start_begins_anew(start: Start) -> None:
    world = await start()
    for name in ("one", "two"):
        world.tell(f"/{name}")
    for mark in ("dead-1", "b007-x", "b007-" + "9" * 400, "nonsense"):
        _, _, reader = await world.get("/live/events", f"Last-Event-ID: {mark}")
        event = await some_event(reader)
        assert event.targets == ["/one", "/two"], mark


async def test_the_latest_ones_can_be_had_first(start: Start) -> None:
    world = await start()
    for number in range(9):
        world.tell(f"/{number}")
    for query, targets in (
        ("last=2", ["/7", "/8"]),
        ("", []),
        ("last=x", []),
        ("last=99", [f"/{n}" for n in range(9)]),
    ):
        _, _, reader = await world.get(f"/live/events?{query}")
        event = await some_event(reader)
        assert event.targets == targets


async def test_what_was_overtaken_is_counted(start: Start) -> None:
    world = await start(entries=3)
    for number in range(10):
        world.tell(f"/{number}")
    _, _, reader = await world.get("/live/events?after=b007-2")
    event = await next_event(reader)
    assert event == Event("b007-10", event.entries if event else [], 5)
    assert event.targets == ["/7", "/8", "/9"]


async def test_the_server_filters(start: Start) -> None:
    world = await start()
    world.tell("/simple/one/", outcome="miss", route="http://proxy.example:3128 (x)")
    world.tell("/simple/two/", client="uv/0.13")
    world.tell("/simple/three/", status=403, reason="pipway: Held until Monday")
    cases = {
        "outcome=miss": ["/simple/one/"],
        "outcome=refused": ["/simple/three/"],
        "tool=uv": ["/simple/two/"],
        "tool=pip&outcome=hit": [],
        "text=TWO": ["/simple/two/"],
        "text=proxy.example": ["/simple/one/"],
        "text=until+monday": ["/simple/three/"],
        "text=403": ["/simple/three/"],
        "text=": ["/simple/one/", "/simple/two/", "/simple/three/"],
        f"text={'x' * 500}": [],
    }
    for query, targets in cases.items():
        _, _, reader = await world.get(f"/live/events?last=9&{query}")
        event = await some_event(reader)
        assert event.targets == targets, query
        _, _, reader = await world.get(f"/live/har?{query}", "Connection: close")
        urls = [entry["request"]["url"] for entry in json.loads(await reader.read())["log"]["entries"]]
        assert urls == [f"http://127.0.0.1{target}" for target in targets]
        _, _, reader = await world.get(f"/live?{query}", "Connection: close")
        assert re.findall(r'title="(/simple/\w+/)"', (await reader.read()).decode()) == targets[::-1]


async def test_silence_is_broken_by_comments(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.02)
    world = await start()
    _, _, reader = await world.get("/live/events")
    await next_event(reader)
    for _ in range(3):
        while await asyncio.wait_for(reader.readline(), 10) != b":\n":
            pass


@pytest.mark.slow
async def test_streams_end_in_order_when_the_server_stops(start: Start) -> None:
    world = await start()
    readers = [(await world.get("/live/events"))[2] for _ in range(3)]
    for reader in readers:
        await next_event(reader)
    began = time.monotonic()
    await world.server.stop(20)
    assert time.monotonic() - began < 5
    for reader in readers:
        assert await next_event(reader) is None, "the last chunk says that nothing is missing (RFC 9112 §7.1)"


@pytest.mark.slow
async def test_a_slow_reader_is_dropped_and_costs_nothing(start: Start) -> None:
    """Others see everything meanwhile; nothing is kept for it but its place."""
    world = await start(Limits(stall_seconds=0.5))
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(world.address)
    slow.sendall(b"GET /live/events HTTP/1.1\r\nHost: x\r\n\r\n")
    _, _, quick = await world.get("/live/events")
    await next_event(quick)
    told = seen = 0
    while not world.ended:
        for _ in range(100):
            world.tell("/" + "x" * 1900)
        told += 100
        event = await some_event(quick)
        seen += len(event.entries) + event.skipped
        assert told < 100_000, "it was never dropped"
    assert [record.answered.outcome for record in world.ended] == ["error"]
    while seen < told:
        event = await some_event(quick)
        seen += len(event.entries) + event.skipped
    assert len(world.traffic) <= 2000
    slow.close()


async def test_streams_are_bounded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_STREAMS", 2)
    world = await start()
    readers = [(await world.get("/live/events"))[2] for _ in range(2)]
    for reader in readers:
        await next_event(reader)
    status, fields, _ = await world.get("/live/events")
    assert (status, fields["content-type"]) == (503, "application/problem+json")


class Rows(HTMLParser):
    """Cells of the table's body, and every attribute on the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


async def test_nothing_on_the_page_is_the_clients_markup(start: Start) -> None:
    world = await start()
    evil = '"><script src=//evil.example></script><img src=x onerror=alert(1)>'
    world.tell(f"/{evil}", client=f"pip/{evil}", reason=evil, route=evil, method=evil[:9], status=403)
    status, fields, reader = await world.get("/live", "Connection: close")
    assert status == 200
    policy = fields["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    page = Rows((await reader.read()).decode())
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert scripts == [{"src": "static/live.js", "defer": None}]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]
    assert [attributes["src"] for tag, attributes in page.tags if tag == "img"] == ["static/icon.svg"]


@pytest.mark.parametrize("rows", [0, 3, 2000])
async def test_the_page_shows_what_there_is(rows: int, start: Start) -> None:
    world = await start()
    for number in range(rows):
        world.tell(f"/simple/n{number}/")
    _, _, reader = await world.get("/live", "Connection: close")
    text = (await reader.read()).decode()
    names = re.findall(r'title="/simple/n(\d+)/"', text)
    assert names == [str(number) for number in reversed(range(rows))]
    assert ('id="empty" class="empty" hidden' in text) is (rows > 0)
    assert f'data-last="b007-{rows}"' in text


async def test_while_a_page_is_made_others_are_served(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand rows take a while: they are rendered beside the event loop."""
    rendering, served = threading.Event(), threading.Event()

    def slow_clock(ended: float) -> str:
        rendering.set()
        return str(served.wait(5))

    monkeypatch.setattr(live, "_clock", slow_clock)
    world = await start()
    world.tell()
    page = asyncio.create_task(world.get("/live", "Connection: close"))
    assert await asyncio.to_thread(rendering.wait, 10)
    assert (await world.get("/health"))[0] == 200
    served.set()
    _, _, reader = await page
    assert b'datetime="True"' in await reader.read()


async def test_har_is_a_download(start: Start) -> None:
    world = await start()
    world.tell()
    status, fields, _ = await world.get("/live/har")
    assert status == 200
    assert fields["content-type"] == "application/json"
    assert re.fullmatch(r'attachment; filename="pipway-\d{8}-\d{6}\.har"', fields["content-disposition"])


async def test_head_ends_at_once() -> None:
    app = pages(Metrics(), lambda: {"status": "ok"})
    for path in ("/live", "/live/events", "/live/har"):
        assert (await call(app, path, method="HEAD")).status == 200
    assert (await call(app, "/live", method="POST")).status == 405


@pytest.mark.parametrize("path", ["/live", "/live/events", "/live/har"])
async def test_other_sites_do_not_look_on(path: str) -> None:
    """DNS rebinding, and scripts of pages from elsewhere: traffic says much about who works on what."""
    traffic = Traffic()
    traffic.close()
    index = MemoryIndex(demo_page())
    access = Access()
    site = Site(index, index.find, metrics=Metrics(), health=dict, guard=Guard(access), traffic=traffic)
    for fields, status in (
        ({"host": "rebound.example:3141"}, 421),
        ({"host": "127.0.0.1:3141", "origin": "https://other.example"}, 403),
        ({"host": "127.0.0.1:3141", "sec_fetch_site": "cross-site", "sec_fetch_mode": "cors"}, 403),
    ):
        answer = await site.answer(ask(path, **fields))
        assert answer is not None
        assert answer.status == status
    assert await site.answer(ask(path, host="localhost:3141", sec_fetch_site="same-origin")) is None, "asgi answers"
