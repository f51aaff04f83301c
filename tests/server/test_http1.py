"""A connection's manners: framing, order, persistence, limits (RFC 9110, RFC 9112)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.conftest import GET, LAST, Start, prepared, read_responses

from pipway.errors import NotFound, Unavailable
from pipway.server.limits import Limits
from pipway.wire.answer import Answer, Prepared, Request, Streamed


async def echo(request: Request) -> Answer:
    return prepared(request.target)


async def test_every_cut_of_the_bytes_gives_the_same_answers(start: Start) -> None:
    world = await start(echo)
    raw = GET % b"first" + b"HEAD /second HTTP/1.1\r\nHost: x\r\n\r\n" + LAST % b"third"
    for cut in range(1, len(raw)):
        seen = read_responses(await world.talk(raw[:cut], raw[cut:]), ["GET", "HEAD", "GET"])
        assert [answer.body for answer in seen] == [b"/first", b"", b"/third"]


async def test_byte_by_byte(start: Start) -> None:
    world = await start(echo)
    raw = GET % b"slow" + LAST % b"end"
    seen = read_responses(await world.talk(*(raw[at : at + 1] for at in range(len(raw)))), ["GET", "GET"])
    assert [answer.body for answer in seen] == [b"/slow", b"/end"]


async def test_pipelined_answers_come_in_order_even_when_the_first_is_the_slowest(start: Start) -> None:
    """RFC 9112 §9.3.2."""
    gate = asyncio.Event()

    async def handler(request: Request) -> Answer:
        if request.path == "/slow":
            await gate.wait()
        return prepared(request.target)

    world = await start(handler)
    reader, writer = await world.connect()
    writer.write(GET % b"slow" + GET % b"quick" + LAST % b"end")
    while not world.requests:
        await asyncio.sleep(0)
    gate.set()
    seen = read_responses(await reader.read(), ["GET"] * 3)
    writer.close()
    await writer.wait_closed()
    assert [answer.body for answer in seen] == [b"/slow", b"/quick", b"/end"]


@pytest.mark.parametrize(
    ("request_head", "kept"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
async def test_who_stays_connected(start: Start, request_head: bytes, kept: bool) -> None:
    """RFC 9112 §9.3."""
    world = await start(echo)
    reader, writer = await world.connect()
    writer.write(request_head)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(1)
    writer.write(request_head)
    again = await reader.read(5)
    writer.close()
    await writer.wait_closed()
    assert (again == b"HTTP/") is kept
    assert (b"connection: close" in head.lower()) is (not kept)


async def test_a_head_request_gets_the_head_alone(start: Start) -> None:
    """RFC 9110 §9.3.2: the same head, no body."""
    world = await start(echo)
    (seen,) = read_responses(await world.talk(b"HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n"), ["HEAD"])
    assert (seen.headers[b"content-length"], seen.body) == (b"4", b"")


async def test_304_has_no_body(start: Start) -> None:
    """RFC 9110 §15.4.5."""

    async def handler(request: Request) -> Answer:
        return Prepared(304, b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n')

    world = await start(handler)
    first, second = read_responses(await world.talk(GET % b"" + LAST % b""), ["GET", "GET"])
    assert (first.status, first.body, second.status) == (304, b"", 304)
    assert b"date" in first.headers


async def test_errors_are_problem_documents_with_the_reason_as_phrase(start: Start) -> None:
    async def handler(request: Request) -> Answer:
        if request.path == "/gone":
            raise NotFound("gone", "there is no such thing")
        raise Unavailable("outage", "the index cannot be reached\r\nX-Injected: yes", retry_after=2)

    world = await start(handler)
    gone, down = read_responses(await world.talk(GET % b"gone" + LAST % b"down"), ["GET", "GET"])
    assert (gone.status, down.status) == (404, 503)
    assert b"there is no such thing" in gone.reason
    assert b"x-injected" not in down.headers
    assert down.headers[b"retry-after"] == b"2"
    assert down.headers[b"content-type"] == b"application/problem+json"


async def test_a_bug_is_a_500_that_names_no_secret_and_the_connection_goes_on(start: Start) -> None:
    async def handler(request: Request) -> Answer:
        if request.path == "/bug":
            raise RuntimeError("https://alice:hunter2@index.example/ broke")
        return prepared(b"fine")

    world = await start(handler)
    facts: list[str] = []
    world.trace.listen(lambda name, given: facts.append(str(given)))
    bug, fine = read_responses(await world.talk(GET % b"bug" + LAST % b""), ["GET", "GET"])
    assert (bug.status, fine.body) == (500, b"fine")
    assert "server.error" in world.events
    assert "RuntimeError" in "".join(facts)
    assert b"hunter2" not in bug.body
    assert "hunter2" not in "".join(facts)


async def test_streams_are_chunked_for_11_and_end_with_the_connection_for_10(start: Start) -> None:
    """RFC 9112 §7.1, §6.3."""

    async def handler(request: Request) -> Answer:
        async def chunks() -> AsyncIterator[bytes]:
            for piece in (b"one", b"", b"two"):
                yield piece

        return Streamed(200, b"HTTP/1.1 200 OK\r\n", chunks())

    world = await start(handler)
    first, second = read_responses(await world.talk(GET % b"" + LAST % b""), ["GET", "GET"])
    assert first.body == second.body == b"onetwo"
    assert first.headers[b"transfer-encoding"] == b"chunked"
    old = await world.talk(b"GET / HTTP/1.0\r\n\r\n")
    assert old.endswith(b"\r\n\r\nonetwo")
    assert b"transfer-encoding" not in old.lower()


async def test_a_stream_that_breaks_is_never_taken_for_whole(start: Start) -> None:
    async def handler(request: Request) -> Answer:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"part"
            raise Unavailable("broke", "it broke")

        return Streamed(200, b"HTTP/1.1 200 OK\r\n", chunks())

    world = await start(handler)
    try:
        raw = await world.talk(GET % b"")
    except ConnectionResetError:
        raw = b""
    assert not raw.endswith(b"0\r\n\r\n")
    assert "answer.broken" in world.events
    with pytest.raises(ConnectionResetError):  # to HTTP/1.0 an orderly end would be the end of the body
        await world.talk(b"GET / HTTP/1.0\r\n\r\n", eof=False)


async def test_who_expects_100_continue_gets_it_before_sending(start: Start) -> None:
    """RFC 9110 §10.1.1."""

    async def app(scope: object, receive: object, send: object) -> None:
        body = b""
        while True:
            message = await receive()  # type: ignore[operator]
            body += message["body"]
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": body})  # type: ignore[operator]

    async def to_asgi(request: Request) -> None:
        return None

    world = await start(to_asgi, asgi=app)
    reader, writer = await world.connect()
    writer.write(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"data")
    (seen,) = read_responses(await reader.read(), ["POST"])
    writer.close()
    await writer.wait_closed()
    assert seen.body == b"data"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"CONNECT index.example:443 HTTP/1.1\r\nHost: index.example:443\r\n\r\n", 501),
        (b"GET http://index.example/ HTTP/1.1\r\nHost: index.example\r\n\r\n", 501),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ],
)
async def test_what_is_too_much_or_not_spoken_here(start: Start, raw: bytes, status: int) -> None:
    world = await start(echo)
    (seen,) = read_responses(await world.talk(raw + GET % b"smuggled"), ["GET"])
    assert seen.status == status
    assert seen.headers[b"connection"] == b"close"
    assert world.requests == []


@pytest.mark.slow
async def test_a_head_that_does_not_end_is_timed_out(start: Start) -> None:
    world = await start(echo, limits=Limits(head_seconds=0.05))
    (seen,) = read_responses(await world.talk(b"GET / HTTP/1.1\r\nHo", eof=False), ["GET"])
    assert seen.status == 408


@pytest.mark.slow
async def test_who_says_nothing_is_let_go(start: Start) -> None:
    world = await start(echo, limits=Limits(head_seconds=0.05, idle_seconds=0.05))
    assert await world.talk(eof=False) == b""
    assert read_responses(await world.talk(GET % b"", eof=False), ["GET"])[0].status == 200


@pytest.mark.slow
async def test_a_reader_that_stops_is_dropped_and_does_not_fill_memory(start: Start) -> None:
    body = bytes(50_000_000)

    async def handler(request: Request) -> Answer:
        return prepared(body)

    world = await start(handler, limits=Limits(stall_seconds=0.1))
    _reader, writer = await world.connect()
    writer.write(GET % b"big" * 50)
    while not world.records:  # the answer is given up; fifty of them were never made
        await asyncio.sleep(0.01)
        world.trace.flush()
    writer.close()
    assert len(world.requests) == 1
    assert world.records[0].answered.outcome == "error"


async def test_every_answer_is_reported_once(start: Start) -> None:
    world = await start(echo)
    await world.talk(GET % b"a" + GET % b"b" + LAST % b"c")
    await world.server.stop(1)
    assert [(r.answered.target, r.answered.status, r.answered.sent) for r in world.records] == [
        ("/a", 200, 2),
        ("/b", 200, 2),
        ("/c", 200, 2),
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.booleans())
async def test_random_bytes_are_answered_or_closed_and_harm_nobody(start: Start, noise: bytes, after: bool) -> None:
    world = await start(echo, limits=Limits(head_seconds=1))
    with contextlib.suppress(ConnectionResetError):
        await asyncio.wait_for(world.talk((GET % b"x" if after else b"") + noise), 10)
    assert read_responses(await world.talk(LAST % b"fine"), ["GET"])[0].body == b"/fine"
    assert "server.error" not in world.events
