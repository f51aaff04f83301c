"""The ring of the latest requests: what is kept, what is shown of it, and what never is."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.trace import Answered, Details, Journey, RequestRecord, Trace, journey
from pipway.web.traffic import Entry, Traffic, shown_target


def record(target: str = "/simple/demo/", details: Details | None = None, **facts: Any) -> RequestRecord:
    answered = Answered("GET", target, 200, 10, "hit", 'pip/26.0 {"ci":null}')
    return RequestRecord(1000.0, 0.5, "127.0.0.1", answered._replace(**facts), details)


async def only(*records: RequestRecord) -> Entry:
    traffic = Traffic()
    traffic.requests(records)
    return (await traffic.after(0)).entries[-1]


async def test_a_request_is_kept_as_it_was() -> None:
    entry = await only(record(details=Details(0.1, "direct (x)", ""), outcome="miss"))
    assert entry == Entry(
        1, 1000.0, 0.5, 0.1, "pip", "26.0", "127.0.0.1", "GET", "/simple/demo/", "index", 200, "miss", 10, "direct (x)",
        "",
    )  # fmt: skip
    entry = await only(record())
    assert entry.first == entry.seconds, "prepared: it left at once and whole"
    assert (await only(record("a.example:443", method="CONNECT", outcome="tunnel"))).first is None
    assert (await only(record(details=Details(0.1, "", "pipway: no"), status=403))).reason == "pipway: no"


async def test_the_ring_is_bounded_in_number() -> None:
    traffic = Traffic(entries=5)
    for number in range(3):
        traffic.requests([record(f"/{number}/{place}") for place in range(4)])
    news = await traffic.after(0)
    assert [entry.target for entry in news.entries] == ["/1/3", "/2/0", "/2/1", "/2/2", "/2/3"]
    assert [entry.id for entry in news.entries] == [8, 9, 10, 11, 12]
    assert (news.last, news.skipped) == (12, 7)
    traffic.requests([record(f"/{place}") for place in range(100)])
    assert [entry.id for entry in (await traffic.after(0)).entries] == [108, 109, 110, 111, 112]


async def test_the_ring_is_bounded_in_bytes() -> None:
    """Whatever clients send: the longest heads the server takes, and User-Agents that are never the same."""
    traffic = Traffic(size=300_000)
    for number in range(300):
        traffic.requests([record("/" + f"{number:05}" * 12_000, client=f"{number} " + "x" * 190)])
    held = sum(sys.getsizeof(entry.answered.target) for entry in traffic._ring)
    assert 1 <= len(traffic) <= 5
    assert held <= 300_000
    await traffic.after(0)
    assert sum(sys.getsizeof(answered.target) for answered in traffic._shown) <= 500_000


@pytest.mark.slow
@given(st.lists(st.lists(st.text("abc", max_size=50), max_size=9), max_size=9), st.integers(1, 12), st.integers(0, 90))
def test_a_reader_gets_everything_that_is_there_once_and_in_order(
    batches: list[list[str]], entries: int, most: int
) -> None:
    async def run() -> None:
        traffic, seen, got, skipped = Traffic(entries=entries), 0, list[int](), 0
        for batch in batches:
            traffic.requests([record(f"/{text}") for text in batch])
            news = await traffic.after(seen, most)
            got += [entry.id for entry in news.entries]
            seen, skipped = news.last, skipped + news.skipped
        assert got == sorted(set(got))
        assert len(got) + skipped == sum(map(len, batches)) == seen

    asyncio.run(run())


async def test_looking_on_is_no_traffic() -> None:
    traffic = Traffic()
    for target in ("/live", "/live?text=x", "/live/events?after=1", "/live/har", "/static/live.css"):
        traffic.requests([record(target)])
    assert traffic.total == 0
    traffic.requests([record("/lively/"), record("/simple/live/"), record("/health")])
    assert traffic.total == 3


async def test_whoever_waits_is_woken_by_news_and_at_the_end() -> None:
    traffic = Traffic()
    waiting = asyncio.create_task(traffic.wait(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    traffic.requests([record()])
    await waiting
    waiting = asyncio.create_task(traffic.wait(1))
    await asyncio.sleep(0)
    traffic.close()
    await waiting
    await traffic.wait(1)


async def test_a_request_knows_the_route_of_what_its_own_task_fetched() -> None:
    trace = Trace()
    traffic = Traffic(trace)
    trace.emit("route.dialled", target="index.example:443", way="http://proxy.example:3128", reason="PIPWAY_PARENT")

    async def ask(origin: str) -> str:
        journey.set(current := Journey())
        await asyncio.create_task(fetch(origin))  # tasks carry it along
        return current.route

    async def fetch(origin: str) -> None:
        trace.emit("upstream.request", origin=origin, target="/", method="GET", reused=False)

    assert await asyncio.create_task(ask("https://index.example")) == "http://proxy.example:3128 (PIPWAY_PARENT)"
    assert await asyncio.create_task(ask("https://other.example")) == ""
    assert await asyncio.create_task(ask("http://index.example:443")) == "http://proxy.example:3128 (PIPWAY_PARENT)"
    trace.emit("upstream.request", origin="https://index.example", target="/", method="GET", reused=False)
    assert len(traffic) == 0


@pytest.mark.parametrize(
    ("facts", "route"),
    [
        ({"target": "/files/https/files.example/a/x.whl", "outcome": "joined"}, "direct (x)"),
        ({"target": "/files/https/files.example/a/x.whl", "outcome": "hit"}, ""),
        ({"target": "/files/https/files.example:8443/a/x.whl", "outcome": "joined"}, ""),
        ({"target": "files.example:443", "method": "CONNECT", "outcome": "tunnel"}, "direct (x)"),
        ({"target": "files.example:443", "method": "SOCKS5", "outcome": "tunnel"}, "direct (x)"),
        ({"target": "files.example:443", "method": "CONNECT", "outcome": "error", "status": 403}, ""),
        ({"target": "HTTPS://Files.example/x", "outcome": "forward"}, "direct (x)"),
        ({"target": "http://files.example/x", "outcome": "forward"}, ""),
    ],
)
async def test_where_nobody_told_it_the_route_is_the_last_one_of_the_target(facts: dict[str, Any], route: str) -> None:
    trace = Trace()
    traffic = Traffic(trace)
    trace.emit("route.dialled", target="files.example:443", way="direct", reason="x")
    trace.request(record(**facts))
    trace.flush()
    assert (await traffic.after(0)).entries[0].route == route


@pytest.mark.parametrize(
    "target",
    [
        "http://alice:hunter2@files.example/x",
        "/files/https/alice:hunter2@files.example/x",
        "/files/https/alice:hunter2@files.example/x?y=1",
        "/x?token=hunter2",
        "/x?a=1&X-Amz-Signature=hunter2&b=2",
        "/x?X-Amz-Security-Token=hunter2",
        "/x?X-Amz-Credential=hunter2",
        "/x?X-Goog-Signature=hunter2",
        "/x?sv=2024&sig=hunter2%3D",
        "/x?refresh_token=hunter2",
        "/x?client_secret=hunter2",
        "/x?hmac=hunter2",
        "/x?strange=hunter2AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
        "/x?strange=1&more=hunter2-abcdefghijklmnop-0123456789&z",
    ],
)
async def test_secrets_are_not_shown(target: str) -> None:
    """Userinfo (RFC 3986 §3.2.1), signed queries, and tokens under whatever name."""
    assert "hunter2" not in shown_target(target)
    entry = await only(record(target, details=Details(0, f"via {target}", f"pipway: {target}"), outcome="miss"))
    assert "hunter2" not in entry.target
    assert "[hidden]" in entry.target


@pytest.mark.parametrize(
    "target",
    [
        "/simple/demo/",
        "/simple/demo/?format=application/vnd.pypi.simple.v1%2Bjson",
        "/files/https/files.example/packages/58/a2/bb081bab032533a855d44de1d56f8e8426114ff1ba5d1f07a438/x.whl",
        "files.example:443",
        "http://deb.example/debian/dists/bookworm/InRelease",
    ],
)
def test_ordinary_targets_stay_readable(target: str) -> None:
    assert shown_target(target) == target


@given(st.text())
def test_nothing_that_is_shown_moves_a_cursor(text: str) -> None:
    for shown in (shown_target(f"/{text}"), shown_target(f"/x?{text}")):
        assert shown.isprintable()
        assert len(shown) <= 2000


async def test_what_a_client_sends_is_shown_harmlessly() -> None:
    evil = "\x1b]0;owned\x07\x9b31m\u202e\r\n"
    entry = await only(record(f"/{evil}", method=f"GET{evil}", client=f"pip/{evil}", details=Details(0, evil, evil)))
    for text in (entry.target, entry.method, entry.tool, entry.version, entry.route, entry.reason):
        assert text.isprintable()


@pytest.mark.slow
def test_a_long_target_costs_no_time() -> None:
    """A head has at most 64 KB; nothing of it is looked at more than a few times."""
    for text in (
        "a-" * 32_000,
        "a=" * 32_000,
        "?" + "token" * 12_000,
        "@" * 64_000,
        "/" + "a_" * 32_000,
        "=9" * 32_000,
    ):
        asyncio.run(asyncio.wait_for(asyncio.to_thread(shown_target, f"/x?{text}"), 2))
