"""What is reported of each request beside the access line: time to first byte, route, reason."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from tests.server.conftest import Start, prepared

from pipway.errors import NotFound, Refused
from pipway.trace import journey
from pipway.wire.answer import Answer, Lease, Request, Streamed

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_the_first_byte_is_told_from_the_last(start: Start) -> None:
    pace = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        await pace.wait()

    async def handler(request: Request) -> Answer:
        return Streamed(200, b"HTTP/1.1 200 OK\r\n", chunks())

    world = await start(handler)
    reader, writer = await world.connect()
    writer.write(ASK)
    await reader.readuntil(b"begun")
    arrived = time.monotonic()
    while time.monotonic() - arrived < 0.05:
        await asyncio.sleep(0.01)
    pace.set()
    await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    await world.server.stop(5)
    (record,) = world.records
    assert record.details is not None
    assert 0 < record.details.first <= record.seconds - 0.05


async def test_who_fetches_for_a_request_can_tell_it_the_route(start: Start) -> None:
    """The handler's tasks, and what they start; never another request's."""

    async def fetch(path: str) -> None:
        current = journey.get()
        assert current is not None
        current.route = f"via {path}"

    async def handler(request: Request) -> Answer:
        if request.path != "/none":
            await asyncio.create_task(fetch(request.path))
        return prepared()

    world = await start(handler)
    await asyncio.gather(*(world.talk(ASK.replace(b"/ ", path + b" ")) for path in (b"/a", b"/b", b"/none")))
    await world.server.stop(5)
    found = {record.answered.target: record.details.route for record in world.records if record.details is not None}
    assert found == {"/a": "via /a", "/b": "via /b", "/none": ""}


async def test_a_refusal_is_reported_with_the_reason_that_the_client_saw(start: Start) -> None:
    async def handler(request: Request) -> Answer:
        if request.path == "/gone":
            raise NotFound("not-found", "no index has it")
        raise Refused("forbidden", "that is forbidden", fix="ask https://alice:hunter2@help.example/")

    world = await start(handler)
    await world.talk(ASK)
    await world.talk(ASK.replace(b"/ ", b"/gone "))
    await world.talk(b"GET / HTTP/9.9\r\n\r\n")
    await world.server.stop(5)
    reasons = [record.details.reason for record in world.records if record.details is not None]
    assert reasons[0].startswith("pipway: that is forbidden; ask https://")
    assert "hunter2" not in reasons[0]
    assert reasons[1] == "pipway: no index has it"
    assert reasons[2].startswith("pipway: ")


async def test_a_repeated_answer_has_nothing_to_add(start: Start) -> None:
    async def handler(request: Request) -> Answer:
        return prepared(lease=Lease(time.monotonic() + 60))

    world = await start(handler)
    await world.talk(ASK + ASK)
    await world.server.stop(5)
    assert [record.details is None for record in world.records] == [False, True]


@pytest.mark.slow
async def test_a_connection_does_not_outlive_the_answer_that_the_stop_overtook(start: Start) -> None:
    """Its head said nothing of an end: it had left already (RFC 9112 §9.6)."""
    going = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        await going.wait()
        yield b"rest"

    async def handler(request: Request) -> Answer:
        return Streamed(200, b"HTTP/1.1 200 OK\r\n", chunks())

    world = await start(handler)
    reader, writer = await world.connect()
    writer.write(ASK)
    await reader.readuntil(b"begun")
    began = time.monotonic()
    stopping = asyncio.create_task(world.server.stop(30))
    await asyncio.sleep(0)
    going.set()
    assert (await reader.read()).endswith(b"rest\r\n0\r\n\r\n")
    await stopping
    assert time.monotonic() - began < 10
    writer.close()
