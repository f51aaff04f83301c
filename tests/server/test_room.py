"""Who may connect, and who gives up a place: half-open and idle connections keep nobody else out."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.server.conftest import GET, LAST, Start, World, prepared, read_responses

from pipway.server.limits import Limits
from pipway.wire.answer import Answer, Request

FULL = 8
SLOWLY = b"GET /slow HTTP/1.1\r\nHost: pipway.example\r\nX-"


async def hello(request: Request) -> Answer:
    return prepared()


async def crowd(world: World, *first: bytes) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """As many connections as there are places, each of which has said one of these."""
    clients = []
    for number in range(FULL):
        reader, writer = await world.connect()
        if say := first[number % len(first)]:
            writer.write(say)
        clients.append((reader, writer))
    answer = await world.talk(LAST % b"settle")  # the server has seen all of them
    assert answer.startswith(b"HTTP/1.1 200")
    return clients


async def leave(clients: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    for _, writer in clients:
        writer.transport.abort()


@pytest.mark.parametrize("first", [b"", SLOWLY, b"G", b"\x05", b"\x16\x03", GET % b"once"])
async def test_who_waits_gives_up_his_place(start: Start, first: bytes) -> None:
    """Silent, half a request, half a greeting, idle: a new client is served at once."""
    world = await start(hello, limits=Limits(connections=FULL))
    clients = await crowd(world, first)
    for number in range(3 * FULL):
        assert read_responses(await world.talk(LAST % b"%d" % number), ["GET"])[0].status == 200
    assert "clients.crowded" in world.events
    await leave(clients)


async def test_who_is_being_answered_keeps_his_place(start: Start) -> None:
    """And the next one is told that there is none."""
    gate, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(request: Request) -> Answer:
        arrived.release()
        await gate.wait()
        return prepared()

    world = await start(slow, limits=Limits(connections=FULL))
    tasks = [asyncio.create_task(world.talk(LAST % b"%d" % number)) for number in range(FULL)]
    for _ in range(FULL):
        await arrived.acquire()
    assert (await world.talk(eof=False)).startswith(b"HTTP/1.1 503 pipway: ")
    gate.set()
    for answer in await asyncio.gather(*tasks):
        assert read_responses(answer, ["GET"])[0].status == 200


async def test_half_a_request_goes_before_an_idle_connection(start: Start) -> None:
    """It is due earlier."""
    world = await start(hello, limits=Limits(connections=2))
    idle, idle_writer = await world.connect()
    idle_writer.write(GET % b"once")
    await idle.readuntil(b"hello")
    half, half_writer = await world.connect()
    half_writer.write(SLOWLY)
    assert (await world.talk(LAST % b"x")).startswith(b"HTTP/1.1 200")
    with contextlib.suppress(ConnectionResetError):
        assert await half.read() == b""
    idle_writer.write(GET % b"again")
    await idle.readuntil(b"hello")
    await leave([(idle, idle_writer), (half, half_writer)])


async def test_who_asked_since_the_last_look_keeps_his_place(start: Start) -> None:
    """Which of them wait is looked up now and then, and judged again when a place is needed."""
    world = await start(hello, limits=Limits(connections=FULL))
    clients = await crowd(world, GET % b"once")  # a look was taken
    reader, writer = clients[-1]
    while b"hello" not in await reader.read(1000):
        pass
    for number in range(2 * FULL):  # the others go, one after the other, as long as they last
        writer.write(GET % b"%d" % number)
        await reader.readuntil(b"hello")
        assert (await world.talk(LAST % b"x")).startswith(b"HTTP/1.1 200")
    await leave(clients)


async def test_strangers_are_told_and_served_nothing(start: Start) -> None:
    """Decided once, when they connect: also what others were answered a moment ago is not repeated to them."""
    world = await start(hello, greets=lambda peer: False)
    for say in (LAST % b"x", b"\x05\x01\x00", b"CONNECT index.example:443 HTTP/1.1\r\n\r\n", b""):
        answer = await world.talk(say, eof=False) if say else await world.talk()
        assert answer.startswith(b"HTTP/1.1 403 pipway: 127.0.0.1 may not use this server; ")
    assert world.requests == []


async def test_the_peer_is_who_is_asked_about(start: Start) -> None:
    asked: list[str] = []

    def greets(peer: str) -> bool:
        asked.append(peer)
        return True

    world = await start(hello, greets=greets)
    assert (await world.talk(LAST % b"x")).startswith(b"HTTP/1.1 200")
    assert asked == ["127.0.0.1"]
