"""Files on their way out: complete, growing, broken off, and read by slow clients."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.conftest import GET, LAST, Start, World, read_responses, reset

from pipway import platforms
from pipway.errors import BadUpstream, Unavailable
from pipway.wire.answer import Answer, Lease, Request, Slice

CONTENT = os.urandom(3_000_000)


class Growing:
    """A file that becomes readable when the test says so; counts how often it was closed."""

    def __init__(self, path: Path) -> None:
        self.size = path.stat().st_size
        self.ready = 0
        self.error: Exception | None = None
        self.closed = 0
        self._changed = asyncio.Condition()
        self._descriptor = os.open(path, os.O_RDONLY)

    def fileno(self) -> int:
        return self._descriptor

    async def wait(self, beyond: int) -> int:
        async with self._changed:
            await self._changed.wait_for(lambda: self.error or self.ready > beyond or self.ready == self.size)
        if self.error:
            raise self.error
        return self.ready

    async def grow(self, ready: int, error: Exception | None = None) -> None:
        async with self._changed:
            self.ready, self.error = ready, error
            self._changed.notify_all()

    def close(self) -> None:
        self.closed += 1
        if self.closed == 1:
            os.close(self._descriptor)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return file


@pytest.fixture(params=["sendfile", "copied"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With the kernel's help, and as where there is none (Windows, macOS)."""
    if request.param == "copied":
        monkeypatch.setattr(platforms, "HAS_SENDFILE", False)
    yield request.param


def sliced(source: Growing, start: int = 0, length: int | None = None, lease: Lease | None = None) -> Slice:
    length = source.size - start if length is None else length
    return Slice(200, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % length, source, start, length, lease)


async def served(start: Start, source: Growing, first: int = 0, length: int | None = None) -> World:
    async def handler(request: Request) -> Answer:
        return sliced(source, first, length)

    return await start(handler)


@pytest.mark.parametrize(
    ("first", "length"), [(0, None), (0, 0), (0, 1), (5, 16_379), (5, 16_385), (1_000_000, 70_000)]
)
async def test_exactly_the_stretch_asked_for(
    start: Start, path: Path, way: str, first: int, length: int | None
) -> None:
    source = Growing(path)
    await source.grow(source.size)
    world = await served(start, source, first, length)
    (seen,) = read_responses(await world.talk(LAST % b""), ["GET"])
    assert seen.body == CONTENT[first:][:length]
    assert source.closed == 1


async def test_a_growing_file_is_sent_as_it_grows(start: Start, path: Path, way: str) -> None:
    source = Growing(path)
    world = await served(start, source)
    reader, writer = await world.connect()
    writer.write(LAST % b"")
    await source.grow(1000)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % source.size in head
    assert await reader.readexactly(1000) == CONTENT[:1000]
    await source.grow(2_000_000)
    assert await reader.readexactly(1_999_000) == CONTENT[1000:2_000_000]
    await source.grow(source.size)
    assert await reader.read() == CONTENT[2_000_000:]
    writer.close()
    await writer.wait_closed()
    assert source.closed == 1


async def test_a_download_that_turns_out_wrong_is_reset(start: Start, path: Path, way: str) -> None:
    """All bytes but the last are out when the digest is found wrong: nobody may believe to have the file."""
    source = Growing(path)
    world = await served(start, source)
    reader, writer = await world.connect()
    writer.write(LAST % b"")
    await source.grow(source.size - 1)
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(source.size - 1)
    await source.grow(source.size - 1, BadUpstream("wrong-digest", "the digest is wrong"))
    with pytest.raises(ConnectionResetError):
        assert not await reader.read()
        raise ConnectionResetError  # an orderly end would be short of Content-Length as well
    writer.close()
    assert source.closed == 1
    assert "answer.broken" in world.events


async def test_a_file_that_never_comes_is_an_error_with_a_status(start: Start, path: Path) -> None:
    source = Growing(path)
    await source.grow(0, Unavailable("outage", "the index cannot be reached"))
    world = await served(start, source)
    (seen,) = read_responses(await world.talk(LAST % b""), ["GET"])
    assert seen.status == 503
    assert source.closed == 1


async def test_a_client_that_leaves_while_waiting_closes_the_source(start: Start, path: Path) -> None:
    """It resets the connection; a mere end of what it sends would still be answered (RFC 9112 §9.6)."""
    source = Growing(path)
    await source.grow(10)
    world = await served(start, source)
    reader, writer = await world.connect()
    writer.write(GET % b"")
    await reader.readuntil(b"\r\n\r\n")
    reset(writer)
    while not source.closed:
        await asyncio.sleep(0)
    assert source.closed == 1


async def test_descriptors_do_not_leak(start: Start, path: Path, way: str) -> None:
    async def handler(request: Request) -> Answer:
        source = Growing(path)
        await source.grow(source.size)
        return sliced(source)

    world = await start(handler)
    await world.talk(LAST % b"")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        reader, writer = await world.connect()
        writer.write(GET % b"")
        if number % 2:
            await reader.readexactly(100_000)
        writer.transport.abort()
    while world.server._shared is not None and world.server._shared.guests:
        await asyncio.sleep(0.001)
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_a_file_shorter_than_promised_is_never_taken_for_whole(start: Start, path: Path, way: str) -> None:
    source = Growing(path)
    await source.grow(source.size)
    os.truncate(path, 100_000)
    world = await served(start, source)
    try:
        raw = await world.talk(LAST % b"")
    except ConnectionResetError:
        raw = b""
    assert len(raw) < source.size
    assert source.closed == 1
