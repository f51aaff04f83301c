"""Bodies, and every way in which an upstream can spoil one: what the reader gets, what may be reused."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable

import pytest
import zstandard
from tests.dial.conftest import Journal, MakeClient, Serve
from tests.servers.tiny_http import Exchange

from pipway.dial.http import Client
from pipway.errors import PipwayError

MIB = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
Behaviour = Callable[[Exchange], Awaitable[None]]


def sending(data: bytes, then: str = "stay") -> Behaviour:
    """These bytes, and then: stay for the next request, hang up, reset, or fall silent."""

    async def behave(exchange: Exchange) -> None:
        await exchange.send(data)
        match then:
            case "hang up":
                raise exchange.hang_up()
            case "reset":
                raise exchange.reset()
            case "silence":
                await exchange.silence()

    return behave


async def read(client: Client, url: str, *, decode: bool = True, limit: int = 256 * MIB) -> bytes:
    return await (await client.request("GET", url, decode=decode)).read(limit)


# -- good bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "then", "length"),
    [
        (OK + b"Content-Length: 11\r\n\r\nhello world", "stay", 11),
        (CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "stay", None),
        (OK + b"\r\nhello world", "hang up", None),
        (b"HTTP/1.0 200 OK\r\n\r\nhello world", "hang up", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 11\r\n\r\nhello world", "stay", 11),
    ],
    ids=["length", "chunked", "until close", "HTTP/1.0", "after interim"],
)
async def test_framings(
    client: Client, serve: Serve, journal: Journal, answer: bytes, then: str, length: int | None
) -> None:
    server = await serve(sending(answer, then))
    for _ in range(2):
        response = await client.request("GET", server.origin)
        assert (response.length, await response.read(11)) == (length, b"hello world")
        assert await response.read(11) == b""
        await response.aclose()
    assert server.connections == (1 if then == "stay" else 2)
    assert journal.failures == []


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_content_is_decoded_as_it_arrives(client: Client, serve: Serve, coding: str) -> None:
    page = b"".join(b"%d\n" % number for number in range(200_000))
    packed = gzip.compress(page, 1) if coding == "gzip" else zstandard.compress(page)
    head = OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(packed))
    server = await serve(sending(head + packed))
    response = await client.request("GET", server.origin)
    assert response.length is None
    pieces = [piece async for piece in response.chunks()]
    assert b"".join(pieces) == page
    assert len(pieces) > 2
    assert await read(client, server.origin) == page
    assert server.connections == 1


async def test_without_decoding_bytes_stay_as_they_are(client: Client, serve: Serve) -> None:
    """A .tar.gz that a server wrongly labels with Content-Encoding: gzip must keep its digest."""
    archive = gzip.compress(b"an archive")
    server = await serve(sending(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(archive) + archive))
    response = await client.request("GET", server.origin, decode=False)
    assert (response.length, await response.read(1000)) == (len(archive), archive)


async def test_head_of_coded_content(client: Client, serve: Serve) -> None:
    server = await serve(sending(OK + b"Content-Encoding: gzip\r\nContent-Length: 99\r\n\r\n"))
    response = await client.request("HEAD", server.origin)
    assert (response.length, await response.read(10)) == (99, b"")


async def test_not_modified_has_no_body_whatever_it_says(client: Client, serve: Serve) -> None:
    head = b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n"
    server = await serve(sending(head))
    for _ in range(2):
        response = await client.request("GET", server.origin)
        assert (response.status, await response.read(10)) == (304, b"")
    assert server.connections == 1


async def test_a_large_body_arrives_whole_and_in_pieces(client: Client, serve: Serve) -> None:
    data = bytes(range(256)) * (40 * MIB // 256)
    server = await serve(sending(OK + b"Content-Length: %d\r\n\r\n" % len(data) + data))
    response = await client.request("GET", server.origin, decode=False)
    at = 0
    async for piece in response.chunks():
        assert piece == data[at : at + len(piece)]
        at += len(piece)
    assert at == len(data)


# -- bad bodies --------------------------------------------------------------------------------------------------------

TEN = OK + b"Content-Length: 10\r\n\r\n"
SPOILT = {
    "truncated": (TEN + b"12345", "hang up", "truncated", 503),
    "truncated in a chunk": (CHUNKED + b"a\r\n12345", "hang up", "truncated", 503),
    "truncated before the last chunk": (CHUNKED + b"5\r\n12345\r\n", "hang up", "truncated", 503),
    "reset": (TEN + b"12345", "reset", "connection-reset", 503),
    "reset until close": (OK + b"\r\n12345", "reset", "connection-reset", 503),
    "stalled": (TEN + b"12345", "silence", "stalled", 503),
    "stalled at once": (TEN, "silence", "stalled", 503),
    "bad chunk": (CHUNKED + b"5\r\n12345\r\nxyz\r\n", "stay", "bad-framing", 502),
    "damaged gzip": (
        OK + b"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n0123456789",
        "stay",
        "bad-content-coding",
        502,
    ),
    "half a gzip": (
        OK + b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + gzip.compress(b"x" * 100)[:12],
        "stay",
        "bad-content-coding",
        502,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPOILT)
async def test_a_spoilt_body(make_client: MakeClient, serve: Serve, journal: Journal, name: str) -> None:
    answer, then, code, status = SPOILT[name]
    server = await serve(sending(answer, then))
    client = make_client(stall=0.1)
    for _ in range(2):
        with pytest.raises(PipwayError) as caught:
            await read(client, server.origin)
        assert (caught.value.code, caught.value.http_status) == (code, status)
    assert server.connections == (1 if code == "bad-content-coding" else 2)  # the message itself was sound
    assert journal.failures == [code, code]


async def test_a_failed_body_keeps_failing_and_closing_is_fine(client: Client, serve: Serve, journal: Journal) -> None:
    server = await serve(sending(TEN + b"12345", "hang up"))
    response = await client.request("GET", server.origin)
    for _ in range(3):
        with pytest.raises(PipwayError) as caught:
            await response.read(10)
        assert caught.value.code == "truncated"
    await response.aclose()
    assert journal.failures == ["truncated"]


async def test_what_arrived_before_the_break_is_handed_on(client: Client, serve: Serve) -> None:
    """A resumed download continues from there."""
    server = await serve(sending(TEN + b"12345", "hang up"))
    response = await client.request("GET", server.origin, decode=False)
    got = b""
    with pytest.raises(PipwayError):
        async for piece in response.chunks():
            got += piece
    assert got == b"12345"


async def test_more_than_promised_is_not_taken_for_the_next_answer(client: Client, serve: Serve) -> None:
    """Response splitting: the surplus must not answer another request (RFC 9112 §11.1)."""
    evil = OK + b"Content-Length: 4\r\n\r\nevil"
    server = await serve(sending(TEN + b"0123456789" + evil))
    assert await read(client, server.origin) == b"0123456789"
    assert await read(client, server.origin) == b"0123456789"
    assert server.connections == 2


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_bomb_is_stopped_at_the_limit(client: Client, serve: Serve, coding: str) -> None:
    bomb = gzip.compress(bytes(64 * MIB), 1) if coding == "gzip" else zstandard.compress(bytes(64 * MIB))
    head = OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(bomb))
    server = await serve(sending(head + bomb))
    with pytest.raises(PipwayError) as caught:
        await read(client, server.origin, limit=MIB)
    assert (caught.value.code, caught.value.http_status) == ("answer-too-large", 502)


@pytest.mark.parametrize(
    "answer", [OK + b"Content-Length: 11\r\n\r\n", CHUNKED + b"b\r\n0123456789a\r\n", OK + b"\r\n0123456789a"]
)
async def test_a_body_beyond_the_limit_is_refused(client: Client, serve: Serve, answer: bytes) -> None:
    """At once where the length is declared, else as soon as it is passed; the server need not finish."""
    server = await serve(sending(answer, "silence"))
    with pytest.raises(PipwayError) as caught:
        await read(client, server.origin, limit=10)
    assert caught.value.code == "answer-too-large"


async def test_closing_early_drops_the_connection(client: Client, serve: Serve, journal: Journal) -> None:
    async def pour(exchange: Exchange) -> None:
        await exchange.send(OK + b"\r\n")
        while True:
            await exchange.send(bytes(65536))

    server = await serve(pour)
    for _ in range(2):
        response = await client.request("GET", server.origin)
        async for piece in response.chunks():
            assert piece
            break
        await response.aclose()
    assert server.connections == 2
    assert journal.failures == []


@pytest.mark.slow
async def test_a_slow_reader_is_not_a_stall(make_client: MakeClient, serve: Serve) -> None:
    """The limit counts while we wait for the server, not while our reader is busy."""
    data = bytes(8 * MIB)
    server = await serve(sending(OK + b"Content-Length: %d\r\n\r\n" % len(data) + data))
    response = await make_client(stall=0.1).request("GET", server.origin)
    got = 0
    async for piece in response.chunks():
        if not got:
            await asyncio.sleep(0.25)
        got += len(piece)
    assert got == len(data)


async def test_cancelled_while_reading_leaves_nothing(client: Client, serve: Serve) -> None:
    server = await serve(sending(TEN + b"12345", "silence"))
    response = await client.request("GET", server.origin)
    reading = asyncio.create_task(response.read(100))
    await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled()


# -- heads -------------------------------------------------------------------------------------------------------------

NO_HEAD = {
    "nothing": (b"", "hang up", "empty-answer"),
    "half a head": (OK + b"Content-Le", "hang up", "truncated"),
    "reset": (b"", "reset", "connection-reset"),
    "silence": (b"", "silence", "first-byte-timeout"),
    "half a head and silence": (OK + b"Content-Le", "silence", "first-byte-timeout"),
    "not HTTP": (b"220 mail.example ready\r\n\r\n", "stay", "bad-framing"),
    "both framings": (OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "stay", "bad-framing"),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "stay", "bad-framing"),
    "huge head": (OK + b"X: " + b"x" * 70000 + b"\r\nContent-Length: 0\r\n\r\n", "stay", "head-too-large"),
    "many headers": (OK + b"X: x\r\n" * 20000 + b"\r\n", "stay", "head-too-large"),
    "unasked coding": (OK + b"Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "stay", "unknown-content-coding"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NO_HEAD)
async def test_an_answer_that_is_none(make_client: MakeClient, serve: Serve, journal: Journal, name: str) -> None:
    answer, then, code = NO_HEAD[name]
    server = await serve(sending(answer, then))
    client = make_client(first_byte=0.1)
    for _ in range(2):
        with pytest.raises(PipwayError) as caught:
            await client.request("GET", server.origin)
        assert caught.value.code == code
    assert server.connections == (1 if code == "unknown-content-coding" else 2)  # the message itself was sound
    assert (journal.sent, journal.failures) == (2, [code, code])


async def test_a_dripping_head_is_bounded_overall(make_client: MakeClient, serve: Serve) -> None:
    """Each byte comes in time, the whole head does not."""

    async def drip(exchange: Exchange) -> None:
        await exchange.send(OK)
        while True:
            await exchange.send(b"X")
            await asyncio.sleep(0.02)

    server = await serve(drip)
    began = time.monotonic()
    with pytest.raises(PipwayError) as caught:
        await make_client(first_byte=0.15).request("GET", server.origin)
    assert caught.value.code == "first-byte-timeout"
    assert time.monotonic() - began < 2
