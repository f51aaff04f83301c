"""Tunnels keep every byte, or the failure is visible: on both event loops and by every way bytes can take."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import socket
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme
from tests.server.tunnels import (
    ANSWERED,
    MIB,
    Actor,
    Works,
    descriptors,
    quit_rudely,
    receive,
    receive_all,
    resident,
    send,
    works,
)

from pipway import platforms
from pipway.server import tunnel as tunnel_module
from pipway.server.limits import Limits
from pipway.server.sides import SealedSide
from pipway.server.tunnel import Tunnel

AT_ONCE = 4  # schedules
WAYS = ["relayed", "spliced", "as in the field", "portable", "stream"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How bytes go: by the shared buffer, by pipes from the start, by both, by transports alone, by read and write."""
    name: str = request.param
    if name in ("relayed", "portable"):
        monkeypatch.setattr(platforms, "HAS_SPLICE", False)
    if name == "portable":
        monkeypatch.setattr(platforms, "SOCKETS_ARE_FILES", False)
    if name == "spliced":
        monkeypatch.setattr(tunnel_module, "BULK", 1)
    return name


@pytest.fixture
async def tunnels(way: str) -> AsyncIterator[Works]:
    """A running server; no descriptor is left open by its tunnels."""
    before = descriptors()
    async with works(Limits(linger_seconds=0.3)) as made:
        made.detachable = way != "stream"
        yield made
    left = {name: what for name, what in descriptors().items() if name not in before and "pipe" in what}
    assert left == {}
    assert made.shared.splices == 0


async def test_bytes_go_both_ways(tunnels: Works) -> None:
    ends = await tunnels.open()
    await send(ends.client, b"to and ")
    assert await receive(ends.far) == b"to and "
    await send(ends.far, b"fro")
    assert await receive(ends.client) == b"fro"
    ends.close()
    await tunnels.over()


async def test_what_came_behind_the_request_is_kept(tunnels: Works) -> None:
    """P26: an early ClientHello."""
    tunnels.early = b"hello, " * 30000
    ends = await tunnels.open()
    reading = asyncio.create_task(receive_all(ends.far))
    await send(ends.client, b"world")
    ends.client.shutdown(socket.SHUT_WR)
    assert await reading == b"hello, " * 30000 + b"world"
    ends.close()


async def test_the_tunnel_is_reported_once_at_its_end(tunnels: Works) -> None:
    tunnels.early = b"12345"
    ends = await tunnels.open()
    assert await receive(ends.far) == b"12345"
    await send(ends.far, b"x" * 1000)
    ends.far.close()
    assert await receive_all(ends.client) == b"x" * 1000
    tunnels.shared.trace.flush()
    assert tunnels.records == []
    ends.client.close()
    await tunnels.over()
    tunnels.shared.trace.flush()
    (record,) = tunnels.records
    assert record.answered == ANSWERED._replace(sent=1000)
    assert record.peer == "127.0.0.1"
    assert 0 < record.seconds < 30
    assert record.when > 1_700_000_000


@pytest.mark.parametrize("who", ["client", "far"])
async def test_a_half_close_keeps_the_other_way_open(tunnels: Works, who: str) -> None:
    """P27: what `nc -N` and HTTP/1.0 clients do."""
    ends = await tunnels.open()
    first, second = (ends.client, ends.far) if who == "client" else (ends.far, ends.client)
    await send(first, b"question")
    first.shutdown(socket.SHUT_WR)
    assert await receive_all(second) == b"question"
    data = os.urandom(3 * MIB)
    sending = asyncio.create_task(send(second, data))
    received = bytearray()
    while len(received) < len(data):
        received += await receive(first)
    await sending
    assert bytes(received) == data
    second.shutdown(socket.SHUT_WR)
    assert await receive_all(first) == b""
    await tunnels.over()
    ends.close()


async def test_both_ends_at_once(tunnels: Works) -> None:
    """The moment when relays with descriptors of their own leak them."""
    for _ in range(20):
        ends = await tunnels.open()
        data = os.urandom(100_000)
        await asyncio.gather(send(ends.client, data), send(ends.far, data))
        ends.client.shutdown(socket.SHUT_WR)
        ends.far.shutdown(socket.SHUT_WR)
        assert list(await asyncio.gather(receive_all(ends.client), receive_all(ends.far))) == [data, data]
        ends.close()
    await tunnels.over()


@pytest.mark.parametrize("who", ["client", "far"])
@pytest.mark.parametrize("before", [0, 1000, 3 * MIB])
async def test_a_reset_arrives_as_a_reset(tunnels: Works, way: str, who: str, before: int) -> None:
    """What was cut must not pass for complete; everything before it has arrived."""
    if (way, who) == ("stream", "client"):
        return  # streams cannot be reset: `aclose` ends them
    ends = await tunnels.open()
    rude, other = (ends.client, ends.far) if who == "client" else (ends.far, ends.client)
    sending = asyncio.create_task(send(rude, b"x" * before))
    received = 0
    while received < before:
        received += len(await receive(other))
    await sending
    quit_rudely(rude)
    with pytest.raises(ConnectionError):
        while await receive(other):
            pass
    await tunnels.over()
    ends.close()


async def test_what_came_before_a_reset_still_arrives(tunnels: Works, way: str) -> None:
    """A server that answers without reading everything, and closes: 413."""
    ends = await tunnels.open()
    await send(ends.client, b"x" * 200_000)
    assert await receive(ends.far, 10)
    await send(ends.far, b"413 too large")
    ends.far.close()  # with unread bytes: a reset
    received = b""
    with pytest.raises(ConnectionError):
        while True:
            data = await receive(ends.client)
            received += data
            assert data, "the reset was passed on as an end"
    if way in ("relayed", "spliced", "as in the field"):  # transports that fail to write do not read to the end
        assert received == b"413 too large"
    ends.close()


async def test_a_reset_after_the_end_cuts_nothing(tunnels: Works, way: str) -> None:
    """The server has sent everything and is gone; the client reads late and still sends (a TLS goodbye, say)."""
    ends = await tunnels.open()
    data = os.urandom(300_000)
    await send(ends.far, data)
    while platforms.unsent(ends.far):
        await asyncio.sleep(0.001)
    ends.far.close()
    for _ in range(3):
        await send(ends.client, b"goodbye")
        await asyncio.sleep(0.002)
    received = bytearray()
    while piece := await receive(ends.client, 50_000):
        received += piece
    assert (len(received), received == data) == (len(data), True)
    ends.close()


@pytest.mark.slow
async def test_a_slow_reader_of_40_mib_gets_all_of_it_though_upstream_closes_first(tunnels: Works) -> None:
    """The case in which Px's tunnel loses 41 MB (T2); memory grows by less than one of its buffers."""
    ends = await tunnels.open()
    data = os.urandom(40 * MIB)
    before = resident()

    async def upstream() -> None:
        await send(ends.far, data)
        ends.far.close()

    sending = asyncio.create_task(upstream())
    digest, count, growth = hashlib.sha256(), 0, 0
    while piece := await receive(ends.client, 400_000):
        digest.update(piece)
        count += len(piece)
        await asyncio.sleep(0.001)
        growth = max(growth, resident() - before)
    await sending
    assert count == len(data)
    assert digest.digest() == hashlib.sha256(data).digest()
    assert growth < 8 * MIB
    ends.close()


@pytest.mark.slow
async def test_a_reader_that_stops_stops_the_sender(tunnels: Works) -> None:
    """P28; and nothing is lost when it reads on."""
    ends = await tunnels.open()
    data = os.urandom(32 * MIB)
    sending = asyncio.create_task(send(ends.far, data))
    await asyncio.wait([sending], timeout=0.3)
    assert not sending.done()
    received = bytearray()
    while len(received) < len(data):
        received += await receive(ends.client, 262144)
    await sending
    assert received == data
    ends.close()


@pytest.mark.slow
async def test_64_stalled_tunnels_stay_small(tunnels: Works, way: str) -> None:
    """What is sent is held by the kernels; here at most a rest of one read each."""
    all_ends = [await tunnels.open() for _ in range(64)]
    before = resident()
    piece = bytes(MIB)

    async def push(sock: socket.socket) -> None:
        while True:
            await send(sock, piece)

    pushing = [asyncio.create_task(push(sock)) for ends in all_ends for sock in (ends.far, ends.client)]
    moved = -1
    while moved != (moved := sum(each._client.moved + each._far.moved for each in (e.tunnel for e in all_ends))):
        await asyncio.sleep(0.2)
    assert resident() - before <= (32 if way != "stream" else 96) * MIB  # streams hold 512 KiB each
    for task in pushing:
        task.cancel()
    await asyncio.gather(*pushing, return_exceptions=True)
    for ends in all_ends:
        ends.close()
    await tunnels.over()


@pytest.mark.slow
async def test_silence_both_ways_ends_it_visibly() -> None:
    async with works(Limits(tunnel_idle_seconds=0.4)) as made:
        ends = await made.open()
        for _ in range(8):  # one way is enough to stay
            await asyncio.sleep(0.1)
            await send(ends.far, b"x")
        assert made.events == []
        for sock in (ends.client, ends.far):
            with pytest.raises(ConnectionError):
                while await receive(sock):
                    pass
        assert made.events == ["tunnel.expired"]
        await made.over()
        ends.close()


@pytest.mark.slow
async def test_half_a_tunnel_is_not_kept_as_long() -> None:
    """A client that is gone and a server that never ends."""
    async with works(Limits(tunnel_half_seconds=0.3)) as made:
        ends = await made.open()
        ends.client.shutdown(socket.SHUT_WR)
        assert await receive_all(ends.far) == b""
        with pytest.raises(ConnectionError):
            await receive(ends.client)
        await made.over()
        ends.close()


@pytest.mark.slow
async def test_both_sockets_are_probed_by_the_kernel() -> None:
    async with works(Limits(tunnel_idle_seconds=0.8)) as made:
        ends = await made.open()
        for _ in range(4):
            await asyncio.sleep(0.05)
            await send(ends.far, b"x")
        for side in (ends.tunnel._client, ends.tunnel._far):
            sock = side.transport.get_extra_info("socket")  # type: ignore[attr-defined]
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        ends.close()


@pytest.mark.slow
async def test_a_stopping_server_lets_a_busy_tunnel_end_and_drops_a_silent_one() -> None:
    async with works(Limits(linger_seconds=0.3)) as made:
        busy, silent = await made.open(), await made.open()
        made.shared.stopping = True
        for guest in list(made.shared.guests):
            guest.shut()
        with pytest.raises(ConnectionError):
            reading = asyncio.create_task(receive(silent.client))
            while not reading.done():
                await send(busy.far, b"x")
                await asyncio.sleep(0.02)
            await reading
        await send(busy.client, b"still here")
        assert await receive(busy.far) == b"still here"
        busy.close()
        silent.close()
        await made.over()


async def test_abort_cuts_both_sides(tunnels: Works) -> None:
    ends = await tunnels.open()
    await send(ends.client, b"x" * 1000)
    await receive(ends.far)
    ends.tunnel.abort()
    await tunnels.over()
    with pytest.raises(ConnectionError):
        await receive(ends.client)
    ends.close()


# TLS on the far leg: a parent with https://.


@pytest.mark.parametrize("goodbye", [True, False])
async def test_the_end_of_tls_is_an_end_only_with_a_goodbye(goodbye: bool) -> None:
    """RFC 8446 §6.1: a truncation attack must not pass for the end. What came before it arrives, however slowly."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("files.example").configure_cert(server)
    authority.configure_trust(client)
    data = os.urandom(3 * MIB)

    async def far(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(4) == b"data"
        writer.write(data)
        await writer.drain()
        await reader.readexactly(6)
        if goodbye:
            writer.close()
        else:
            with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as below:
                below.shutdown(socket.SHUT_WR)

    async with (
        works(Limits(linger_seconds=0.3)) as made,
        await asyncio.start_server(far, "127.0.0.1", 0, ssl=server) as listener,
    ):
        made.context, made.target = client, listener.sockets[0].getsockname()[:2]
        inside = await made.enter()
        await send(inside, b"data")
        received = bytearray()
        while len(received) < len(data):
            received += await receive(inside, 50_000)
            await asyncio.sleep(0.001)
        await send(inside, b"thanks")
        if goodbye:
            assert await receive(inside) == b""
        else:
            with pytest.raises(ConnectionError):
                await receive(inside)
        assert received == data
        inside.close()
        await made.over()


@pytest.mark.slow
async def test_little_waits_for_a_slow_reader_behind_tls() -> None:
    """64 of them shall grow by 32 MB at most."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("files.example").configure_cert(server)
    authority.configure_trust(client)
    over = asyncio.Event()

    async def far(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.transport.abort()

    async with (
        works(Limits(linger_seconds=0.3)) as made,
        await asyncio.start_server(far, "127.0.0.1", 0, ssl=server) as listener,
    ):
        made.context, made.target = client, listener.sockets[0].getsockname()[:2]
        inside = await made.enter()
        (tunnel,) = made.shared.guests
        assert isinstance(tunnel, Tunnel)
        sending = asyncio.create_task(send(inside, bytes(64 * MIB)))
        moved = -1
        while moved != (moved := tunnel._client.moved):
            await asyncio.sleep(0.2)
        assert not sending.done()
        assert isinstance(tunnel._far, SealedSide)
        assert 0 < tunnel._far.transport.get_write_buffer_size() <= 131072 + 262144  # one read beyond the limit
        over.set()
        await asyncio.gather(sending, return_exceptions=True)
        inside.close()
        await made.over()


# Random schedules.


async def _schedule(made: Works, seed: int, opening: asyncio.Lock) -> None:
    detachable = made.detachable
    chance = random.Random(seed)
    early = chance.randbytes(chance.choice((0, 0, 10, 400_000)))
    async with opening:
        made.early = early
        ends = await made.open()
    may_reset = chance.random() < 0.5
    client, far = (Actor(sock, chance, may_reset=may_reset) for sock in (ends.client, ends.far))
    client.sent += early

    async def play(actor: Actor) -> None:
        await actor.play()
        if actor.reset:
            quit_rudely(actor.sock)

    async with asyncio.timeout(60):
        await asyncio.gather(play(client), play(far))
    for one, other in ((client, far), (far, client)):
        same = one.received == other.sent[: len(one.received)]
        assert same, f"seed {seed}: bytes changed"
        if one is far and not detachable and client.reset:
            continue  # streams cannot be reset
        if one.ended and not one.broken:  # what a write was told, no read is told again
            assert (len(one.received), len(other.sent)) == (len(other.sent),) * 2, (
                f"seed {seed}: bytes are missing behind a proper end"
            )
            assert other.finished, f"seed {seed}: an end that nobody sent"
    if not (client.reset or far.reset):
        assert (client.ended, far.ended, client.broken, far.broken) == (True, True, False, False), f"seed {seed}"
    ends.close()


async def _schedules(made: Works, seeds: range) -> None:
    """Some at once: most of them wait for small buffers most of the time."""
    left, opening = iter(seeds), asyncio.Lock()

    async def some() -> None:
        for seed in left:
            await _schedule(made, seed, opening)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())
    await made.over()


@pytest.mark.parametrize("buffers", [None, 4096])
async def test_a_few_random_schedules(way: str, buffers: int | None) -> None:
    """For those who are in a hurry."""
    async with works(Limits(linger_seconds=0.3), buffers=buffers) as made:
        made.detachable = way != "stream"
        await _schedules(made, range(5))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(5))
async def test_ten_thousand_random_schedules(way: str, part: int) -> None:
    """100 for each of five ways, five parts, two sizes of buffers and two event loops."""
    for buffers in (None, 4096):
        async with works(Limits(linger_seconds=0.3), buffers=buffers) as made:
            made.detachable = way != "stream"
            await _schedules(made, range(1000 + part * 100, 1100 + part * 100))
