"""Connections between requests: reused, replaced when they died, bounded, and gone in the end."""

from __future__ import annotations

import asyncio

import pytest
from tests.dial.conftest import Journal, MakeClient, Serve
from tests.servers.tiny_http import Exchange, Reply

from pipway.dial.http import Client
from pipway.errors import PipwayError

BODY = Reply(body=b"hello")


async def hello(exchange: Exchange) -> None:
    await exchange.answer(BODY)


async def get(client: Client, url: str, method: str = "GET") -> bytes:
    return await (await client.request(method, url)).read(100)


class Leaving:
    """Answers; after that ends the connection when told to, or before answering the second request on it."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.served: set[int] = set()

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.connection in self.served:
            raise exchange.reset() if self.how == "reset" else exchange.hang_up()
        self.served.add(exchange.request.connection)
        await exchange.answer(BODY)
        if self.how == "at once":
            raise exchange.hang_up()


async def test_connections_are_reused_newest_first(client: Client, serve: Serve, journal: Journal) -> None:
    server = await serve(hello)
    for _ in range(20):
        assert await get(client, server.origin) == b"hello"
    assert server.connections == 1
    assert [facts["reused"] for facts in journal.facts("upstream.request")] == [False, *[True] * 19]


@pytest.mark.parametrize("how", ["at once", "reset", "hang up"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_connection_that_died_idle_is_replaced(
    client: Client, serve: Serve, journal: Journal, how: str, method: str
) -> None:
    """RFC 9112 §9.3.1: a client may retry an idempotent request on its own."""
    server = await serve(Leaving(how))
    for _ in range(3):
        await get(client, server.origin, method)
    assert journal.failures == []
    assert server.connections == 3
    if how != "at once":  # there a request may be sent that the server no longer reads
        assert journal.sent == len(server.requests)


async def test_what_is_not_idempotent_is_not_repeated(client: Client, serve: Serve, journal: Journal) -> None:
    server = await serve(Leaving("hang up"))
    await get(client, server.origin, "POST")
    with pytest.raises(PipwayError) as caught:
        await get(client, server.origin, "POST")
    assert caught.value.code == "empty-answer"
    assert [request.method for request in server.requests] == ["POST", "POST"]


async def test_a_new_connection_that_dies_is_not_repeated(client: Client, serve: Serve) -> None:
    async def leave(exchange: Exchange) -> None:
        raise exchange.hang_up()

    server = await serve(leave)
    with pytest.raises(PipwayError):
        await get(client, server.origin)
    assert len(server.requests) == 1


async def test_a_request_is_repeated_only_once(client: Client, serve: Serve) -> None:
    answered = False

    async def once(exchange: Exchange) -> None:
        nonlocal answered
        if answered:
            raise exchange.hang_up()
        answered = True
        await exchange.answer(BODY)

    server = await serve(once)
    await get(client, server.origin)
    with pytest.raises(PipwayError) as caught:
        await get(client, server.origin)
    assert caught.value.code == "empty-answer"
    assert len(server.requests) == 3


async def test_an_answer_that_broke_off_is_not_repeated(client: Client, serve: Serve) -> None:
    """Something of the response was read: that is for the caller to decide."""

    async def break_off(exchange: Exchange) -> None:
        if exchange.request.path == "/first":
            await exchange.answer(BODY)
            return
        await exchange.send(b"HTTP/1.1 2")
        raise exchange.reset()

    server = await serve(break_off)
    await get(client, f"{server.origin}/first")
    with pytest.raises(PipwayError) as caught:
        await get(client, server.origin)
    assert caught.value.code in ("connection-reset", "truncated")
    assert len(server.requests) == 2


async def test_bytes_between_requests_end_the_connection(client: Client, serve: Serve) -> None:
    """An answer nobody asked for must not become the next one's (RFC 9112 §9.2)."""
    pushed = asyncio.Event()

    async def push(exchange: Exchange) -> None:
        await exchange.answer(BODY)
        await asyncio.sleep(0.01)
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        pushed.set()

    server = await serve(push)
    assert await get(client, server.origin) == b"hello"
    await pushed.wait()
    await asyncio.sleep(0.02)
    assert await get(client, server.origin) == b"hello"
    assert server.connections == 2


async def test_connections_to_an_origin_are_bounded(make_client: MakeClient, serve: Serve) -> None:
    now = most = 0

    async def count(exchange: Exchange) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        await exchange.answer(BODY)

    server = await serve(count)
    client = make_client(per_origin=4)
    await asyncio.gather(*(get(client, server.origin) for _ in range(40)))
    assert (most, server.connections) == (4, 4)


async def test_origins_do_not_share(make_client: MakeClient, serve: Serve) -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.silence()

    busy, free = await serve(hang), await serve(hello)
    client = make_client(per_origin=1)
    waiting = asyncio.create_task(get(client, busy.origin))
    await busy.arrived(lambda: bool(busy.requests))
    assert await get(client, free.origin) == b"hello"
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_whoever_waits_in_line_may_leave(make_client: MakeClient, serve: Serve) -> None:
    async def hang(exchange: Exchange) -> None:
        if exchange.request.path == "/hang":
            await exchange.silence()
        await exchange.answer(BODY)

    server = await serve(hang)
    client = make_client(per_origin=1)
    first = asyncio.create_task(get(client, f"{server.origin}/hang"))
    await server.arrived(lambda: bool(server.requests))
    line = [asyncio.create_task(get(client, server.origin)) for _ in range(3)]
    await asyncio.sleep(0)
    line[0].cancel()
    first.cancel()
    results = await asyncio.gather(first, *line, return_exceptions=True)
    assert results[2:] == [b"hello", b"hello"]


@pytest.mark.slow
async def test_unused_connections_are_closed_in_time(make_client: MakeClient, serve: Serve) -> None:
    server = await serve(hello)
    client = make_client(idle=0.05)
    await get(client, server.origin)
    await asyncio.sleep(0.2)
    await get(client, server.origin)
    assert server.connections == 2


@pytest.mark.slow
async def test_a_connection_closed_by_its_peer_is_swept(make_client: MakeClient, serve: Serve) -> None:
    """It must not keep a descriptor until somebody asks that origin again."""
    server = await serve(Leaving("at once"))
    client = make_client(idle=0.05)
    await get(client, server.origin)
    await asyncio.sleep(0.2)
    assert not client.open_connections


async def test_closing_breaks_what_is_running(make_client: MakeClient, serve: Serve) -> None:
    async def half(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        await exchange.silence()

    server = await serve(half)
    client = make_client()
    response = await client.request("GET", server.origin)
    reading = asyncio.create_task(response.read(100))
    await asyncio.sleep(0.01)
    await client.aclose()
    with pytest.raises(PipwayError):
        await reading
    with pytest.raises(PipwayError) as caught:
        await client.request("GET", server.origin)
    assert caught.value.code == "client-closed"


async def test_closing_while_dialling(make_client: MakeClient, serve: Serve) -> None:
    server = await serve(hello)
    client = make_client()
    asking = asyncio.create_task(client.request("GET", server.origin))
    await asyncio.sleep(0)
    await client.aclose()
    with pytest.raises(PipwayError) as caught:
        await asking
    assert caught.value.code == "client-closed"


async def test_a_failure_to_connect_lets_the_next_in_line_try(make_client: MakeClient, closed_port: int) -> None:
    client = make_client(per_origin=1)
    asking = [client.request("GET", f"http://127.0.0.1:{closed_port}/") for _ in range(3)]
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert [error.code for error in results if isinstance(error, PipwayError)] == ["connection-refused"] * 3


async def test_a_few_are_shared_where_each_wants_a_login(make_client: MakeClient, serve: Serve) -> None:
    """Forty requests at once through a parent: four logons, not thirty-two."""

    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.005)
        await exchange.answer(BODY)

    server = await serve(slow)
    client = make_client(route="http://proxy:8080")
    assert await asyncio.gather(*(get(client, server.origin) for _ in range(40))) == [b"hello"] * 40
    assert server.connections == 4


async def test_nobody_waits_for_ever_for_a_few_busy_ones(
    make_client: MakeClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four long downloads do not hold up a page."""

    async def hang(exchange: Exchange) -> None:
        if exchange.request.path == "/hang":
            await exchange.silence()
        await exchange.answer(BODY)

    monkeypatch.setattr("pipway.dial.http._PATIENCE", 0.05)
    server = await serve(hang)
    client = make_client(route="http://proxy:8080")
    long = [asyncio.create_task(get(client, f"{server.origin}/hang")) for _ in range(4)]
    await server.arrived(lambda: len(server.requests) == 4)
    assert await get(client, server.origin) == b"hello"
    assert server.connections == 5
    for task in long:
        task.cancel()
    await asyncio.wait(long)


async def test_the_place_of_one_that_leaves_the_line_is_not_lost(make_client: MakeClient, serve: Serve) -> None:
    """Whoever is given a connection and is cancelled in the same moment passes it on; those that close are replaced."""
    release = asyncio.Event()

    async def held(exchange: Exchange) -> None:
        if exchange.request.path.startswith("/held"):
            await release.wait()
        await exchange.answer(BODY)
        if exchange.request.path == "/held/close":
            raise exchange.hang_up()

    server = await serve(held)
    client = make_client(route="http://proxy:8080")
    paths = ["/held", "/held", "/held/close", "/held/close"]
    first = [asyncio.create_task(get(client, server.origin + path)) for path in paths]
    await server.arrived(lambda: len(server.requests) == 4)
    line = [asyncio.create_task(get(client, server.origin)) for _ in range(8)]
    await asyncio.sleep(0)
    for task in first[:2]:
        task.add_done_callback(lambda _: line[0].cancel())
    release.set()
    results = await asyncio.wait_for(asyncio.gather(*first, *line, return_exceptions=True), 5)
    assert [result for result in results if not isinstance(result, asyncio.CancelledError)].count(b"hello") >= 11
    assert (
        await asyncio.wait_for(asyncio.gather(*(get(client, server.origin) for _ in range(40))), 5) == [b"hello"] * 40
    )
