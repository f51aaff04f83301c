"""The warm path: repeated for the same bytes, for as long as the lease lives and not a moment longer."""

from __future__ import annotations

import asyncio
import time
from math import inf
from pathlib import Path

from tests.server.conftest import GET, Start, World, prepared, read_responses
from tests.server.test_transfer import CONTENT, Growing

from pipway.server.limits import Limits
from pipway.wire.answer import Answer, Lease, Request, Slice, Source

HEAD = b"HEAD /%b HTTP/1.1\r\nHost: pipway.example\r\n\r\n"


async def ask(world: World, *requests: bytes) -> bytes:
    """One after the other on one connection, each sent when the answer to the one before is complete."""
    reader, writer = await world.connect()
    got = b""
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or b"0")
        got += head + (b"" if request.startswith(b"HEAD") else await reader.readexactly(length))
    writer.close()
    await writer.wait_closed()
    return got


def leased(lease: Lease, body: bytes = b"hello") -> tuple[list[int], object]:
    calls: list[int] = []

    async def handler(request: Request) -> Answer:
        calls.append(1)
        return prepared(body + request.target, lease=lease)

    return calls, handler


async def test_the_same_bytes_are_answered_without_asking(start: Start) -> None:
    calls, handler = leased(Lease(inf))
    world = await start(handler)
    seen = read_responses(await ask(world, *[GET % b"a"] * 5), ["GET"] * 5, closed=False)
    assert {answer.body for answer in seen} == {b"hello/a"}
    assert len(calls) == 1


async def test_one_byte_of_difference_is_another_request(start: Start) -> None:
    calls, handler = leased(Lease(inf))
    world = await start(handler)
    other = b"GET /a HTTP/1.1\r\nHost: pipway.example\r\nAccept: text/html\r\n\r\n"
    await ask(world, GET % b"a", GET % b"b", other, GET % b"a", other)
    assert len(calls) == 3


async def test_a_revoked_lease_ends_it_at_once(start: Start) -> None:
    lease = Lease(inf)
    calls, handler = leased(lease)
    world = await start(handler)
    await ask(world, GET % b"a", GET % b"a")
    lease.revoke()
    await ask(world, GET % b"a", GET % b"a")
    assert len(calls) == 3


async def test_an_expired_lease_ends_it_and_a_renewed_one_goes_on(start: Start) -> None:
    lease = Lease(time.monotonic() + 1000)
    calls, handler = leased(lease)
    world = await start(handler)
    await ask(world, GET % b"a")
    lease.until = time.monotonic() - 0.001
    await ask(world, GET % b"a")
    assert len(calls) == 2
    lease.until = time.monotonic() + 1000
    await ask(world, GET % b"a", GET % b"a")
    assert len(calls) <= 3


async def test_nothing_is_repeated_without_a_lease(start: Start) -> None:
    calls: list[int] = []

    async def handler(request: Request) -> Answer:
        calls.append(1)
        return prepared()

    world = await start(handler)
    await ask(world, GET % b"a", GET % b"a")
    assert len(calls) == 2


async def test_a_repeated_head_has_no_body(start: Start) -> None:
    calls, handler = leased(Lease(inf))
    world = await start(handler)
    raw = await ask(world, HEAD % b"a", HEAD % b"a", GET % b"a")
    assert [answer.body for answer in read_responses(raw, ["HEAD", "HEAD", "GET"], closed=False)] == [
        b"",
        b"",
        b"hello/a",
    ]
    assert len(calls) == 2


async def test_pipelined_repeats_come_whole_and_in_order(start: Start) -> None:
    """Also when one of them is larger than the socket takes at once."""
    big = bytes(6_000_000)

    async def handler(request: Request) -> Answer:
        return prepared(big if request.path == "/big" else b"small", lease=Lease(inf))

    world = await start(handler)
    await ask(world, GET % b"big", GET % b"small")
    raw = await world.talk((GET % b"big" + GET % b"small") * 3)
    seen = read_responses(raw, ["GET"] * 6)
    assert [len(answer.body) for answer in seen] == [6_000_000, 5] * 3


async def test_files_are_opened_anew_and_closed_each_time(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    opened: list[Growing] = []

    def reopen() -> Source:
        source = Growing(path)
        source.ready = source.size
        opened.append(source)
        return source

    async def handler(request: Request) -> Answer:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(CONTENT)
        return Slice(200, head, reopen(), 0, len(CONTENT), Lease(inf), reopen=reopen)

    world = await start(handler)
    seen = read_responses(await ask(world, *[GET % b"f"] * 4), ["GET"] * 4, closed=False)
    assert all(answer.body == CONTENT for answer in seen)
    assert (len(world.requests), len(opened), [source.closed for source in opened]) == (1, 4, [1] * 4)


async def test_a_file_that_is_gone_is_asked_for_again(start: Start, tmp_path: Path) -> None:
    """Evicted from the store: the index decides what happens then, not the warm path."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)

    def reopen() -> Source:
        raise FileNotFoundError

    async def handler(request: Request) -> Answer:
        source = Growing(path)
        source.ready = source.size
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
        return Slice(200, head, source, 0, 100_000, Lease(inf), reopen=reopen)

    world = await start(handler)
    read_responses(await ask(world, GET % b"f", GET % b"f"), ["GET"] * 2, closed=False)
    assert len(world.requests) == 2


async def test_what_is_kept_is_bounded(start: Start) -> None:
    _, handler = leased(Lease(inf), bytes(1000))
    world = await start(handler, limits=Limits(hot_entries=10, hot_bytes=5000))
    await ask(world, *(GET % b"%d" % number for number in range(50)))
    assert world.server._shared is not None
    hot = world.server._shared.hot
    assert len(hot.entries) <= 10
    assert hot.size <= 5000


async def test_stopping_ends_the_warm_path(start: Start) -> None:
    calls, handler = leased(Lease(inf))
    world = await start(handler)
    reader, writer = await world.connect()
    writer.write(GET % b"a")
    await reader.readuntil(b"hello/a")
    stopping = asyncio.create_task(world.server.stop(1))
    assert await reader.read() == b""  # idle: closed at once
    await stopping
    writer.close()
    await writer.wait_closed()
    assert len(calls) == 1
