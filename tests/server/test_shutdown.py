"""Stopping: what runs is finished, what is new is refused, what never ends is cut off."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.server.conftest import GET, Start, prepared, read_responses

from pipway.errors import UsageError
from pipway.server.listener import Server
from pipway.trace import Trace
from pipway.wire.answer import Answer, Request


@pytest.mark.slow
async def test_a_running_answer_is_finished_and_the_connection_closed(start: Start) -> None:
    gate, running = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Answer:
        running.set()
        await gate.wait()
        return prepared(b"done")

    world = await start(handler)
    reader, writer = await world.connect()
    writer.write(GET % b"")
    await running.wait()
    stopping = asyncio.create_task(world.server.stop(30))
    await asyncio.sleep(0)
    with pytest.raises(OSError):
        await world.connect()
    gate.set()
    (seen,) = read_responses(await reader.read(), ["GET"])
    assert (seen.body, seen.headers[b"connection"]) == (b"done", b"close")
    await stopping
    writer.close()
    await writer.wait_closed()


async def test_what_does_not_end_in_time_is_cut_off(start: Start) -> None:
    running = asyncio.Event()

    async def handler(request: Request) -> Answer:
        running.set()
        await asyncio.Event().wait()
        raise AssertionError

    world = await start(handler)
    reader, writer = await world.connect()
    writer.write(GET % b"")
    await running.wait()
    await world.server.stop(0.05)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()


async def test_stopping_twice_is_fine(start: Start) -> None:
    async def handler(request: Request) -> Answer:
        return prepared()

    world = await start(handler)
    await world.server.stop(0)
    await world.server.stop(0)


async def test_an_address_in_use_is_said_with_what_to_do(start: Start) -> None:
    async def handler(request: Request) -> Answer:
        return prepared()

    world = await start(handler)
    second = Server(handler, asgi=None, trace=Trace())
    with pytest.raises(UsageError) as caught:
        await second.start(*world.address)
    assert caught.value.code == "address-in-use"
    assert caught.value.fix
