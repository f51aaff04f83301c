"""When a direction is moved inside the kernel, when not, and what it holds meanwhile."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest
from tests.server.tunnels import Ends, Works, descriptors, receive, send, works

from pipway.server import splice as splice_module
from pipway.server import tunnel as tunnel_module
from pipway.server.limits import Limits
from pipway.server.sides import BULK


async def _echoed(ends: Ends, size: int) -> None:
    """`size` bytes arrive at the client as they were sent."""
    data = os.urandom(size)
    sending = asyncio.create_task(send(ends.far, data))
    received = bytearray()
    while len(received) < size:
        received += await receive(ends.client, 262144)
    await sending
    assert received == data


async def _spliced(made: Works, count: int) -> None:
    async with asyncio.timeout(10):
        while made.shared.splices != count:
            await asyncio.sleep(0.002)


async def test_only_what_is_bulky_is_spliced() -> None:
    async with works() as made:
        ends = await made.open()
        await _echoed(ends, BULK - 1)
        assert made.shared.splices == 0
        await _echoed(ends, BULK)
        assert made.shared.splices == 1
        await _echoed(ends, 10 * BULK)
        assert ends.tunnel._far.moved < 12 * BULK - 1  # the pipe has moved the rest
        ends.close()
        await made.over()
        assert made.shared.splices == 0


async def test_the_record_counts_what_the_pipe_has_moved() -> None:
    async with works() as made:
        ends = await made.open()
        await _echoed(ends, 8 * BULK)
        ends.close()
        await made.over()
        made.shared.trace.flush()
        assert [record.answered.sent for record in made.records] == [8 * BULK]


@pytest.mark.slow
async def test_silence_gives_pipes_and_descriptors_back_and_bulk_takes_them_again() -> None:
    async with works(Limits(tunnel_idle_seconds=2)) as made:
        ends = await made.open()
        before = len(descriptors())
        await _echoed(ends, 4 * BULK)
        assert len(descriptors()) == before + 4
        await _spliced(made, 0)
        assert len(descriptors()) == before
        await _echoed(ends, 4 * BULK)
        assert made.shared.splices == 1
        ends.close()


@pytest.mark.parametrize("failing", ["pipe2", "dup"])
async def test_without_descriptors_the_relay_goes_on(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    async with works() as made:
        ends = await made.open()
        before = len(descriptors())

        def none(*_: object) -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        with monkeypatch.context() as patch:
            patch.setattr(os, failing, none)
            await _echoed(ends, 4 * BULK)
        assert (made.shared.splices, len(descriptors())) == (0, before)
        ends.close()


async def test_a_system_that_gives_small_pipes_only_is_not_asked_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond pipe-user-pages-soft a new pipe holds 8 KiB."""
    monkeypatch.setattr(splice_module, "PIPE", 8192)
    async with works() as made:
        ends = await made.open()
        before = len(descriptors())
        await _echoed(ends, 4 * BULK)
        assert (made.shared.splices, len(descriptors())) == (0, before)
        ends.close()


async def test_only_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel_module, "MOST", 1)
    async with works() as made:
        first, second = await made.open(), await made.open()
        await _echoed(first, 4 * BULK)
        await _echoed(second, 4 * BULK)
        assert made.shared.splices == 1
        first.close()
        await _spliced(made, 0)
        await _echoed(second, BULK)
        assert made.shared.splices == 1
        second.close()


async def test_both_ways_and_both_ends_at_once() -> None:
    async with works() as made:
        before = descriptors()
        for _ in range(10):
            ends = await made.open()
            data = os.urandom(3 * BULK)

            async def both(sock: socket.socket, data: bytes = data) -> None:
                sending = asyncio.create_task(send(sock, data))
                count = 0
                while count < len(data):
                    count += len(await receive(sock, 262144))
                await sending

            await asyncio.gather(both(ends.client), both(ends.far))
            assert made.shared.splices == 2
            ends.client.shutdown(socket.SHUT_WR)
            ends.far.shutdown(socket.SHUT_WR)
            assert await receive(ends.client) == b"" == await receive(ends.far)
            ends.close()
            await made.over()
        assert len(descriptors()) == len(before)
