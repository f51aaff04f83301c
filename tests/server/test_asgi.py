"""The bridge to ASGI applications: bodies stream both ways, and framing stays the server's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.server.conftest import GET, LAST, Start, read_responses, reset

from pipway.wire.answer import Request


async def to_asgi(request: Request) -> None:
    """Nothing for installers: the application answers."""


async def test_what_the_application_is_told(start: Start) -> None:
    scopes: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(dict(scope))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-y", b"z")]})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    world = await start(to_asgi, asgi=app)
    raw = await world.talk(b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    (seen,) = read_responses(raw, ["GET"])
    assert (seen.status, seen.body, seen.headers[b"x-y"]) == (200, b"onetwo", b"z")
    (scope,) = scopes
    assert (scope["type"], scope["method"], scope["path"]) == ("http", "GET", "/a b")
    assert (scope["raw_path"], scope["query_string"]) == (b"/a%20b", b"c=d")
    assert scope["client"][0] == "127.0.0.1"


async def test_head_gets_no_body_and_the_connection_goes_on(start: Start) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})

    world = await start(to_asgi, asgi=app)
    raw = await world.talk(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + LAST % b"")
    first, second = read_responses(raw, ["HEAD", "GET"])
    assert (first.body, first.headers[b"content-length"], second.body) == (b"", b"5", b"hello")


async def test_an_upload_is_given_piece_by_piece(start: Start) -> None:
    pieces: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            pieces.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    world = await start(to_asgi, asgi=app)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = await world.talk(head, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n" + LAST % b"x", eof=True)
    assert b"".join(pieces) == b"abcde"
    assert raw.startswith(b"HTTP/1.1 201")


@pytest.mark.parametrize("fault", ["nothing", "raises", "unfinished"])
async def test_an_application_that_fails_is_a_500_or_a_reset(start: Start, fault: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if fault == "raises":
            raise RuntimeError("a bug")
        if fault == "unfinished":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})

    world = await start(to_asgi, asgi=app)
    try:
        raw = await world.talk(GET % b"")
    except ConnectionResetError:
        raw = b""
    if fault == "unfinished":
        assert not raw.endswith(b"part" + b"x" * 5)
        assert "answer.broken" in world.events
    else:
        (seen,) = read_responses(raw, ["GET"])
        assert seen.status == 500


async def test_a_lost_client_is_a_message(start: Start) -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    begun = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()  # the empty body
        begun.set()
        told.set_result((await receive())["type"])

    world = await start(to_asgi, asgi=app)
    _, writer = await world.connect()
    writer.write(GET % b"events")
    await begun.wait()
    reset(writer)
    assert await asyncio.wait_for(told, 5) == "http.disconnect"


async def test_a_header_that_would_inject_another_is_refused(start: Start) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\r\nevil: yes")]})
        await send({"type": "http.response.body", "body": b""})

    world = await start(to_asgi, asgi=app)
    (seen,) = read_responses(await world.talk(GET % b""), ["GET"])
    assert seen.status == 500
    assert b"evil" not in seen.headers
