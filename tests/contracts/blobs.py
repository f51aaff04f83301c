"""What every blob store must do. A store's test class inherits `BlobsContract` and gives the fixture `blobs`."""

from __future__ import annotations

import asyncio
import hashlib
import os

import pytest

from pipway.errors import BadUpstream, PipwayError, Unavailable
from pipway.store.base import Blobs, Digest, Writer
from pipway.wire.answer import Source


def sha256(data: bytes) -> Digest:
    """The name of a blob."""
    return Digest(hashlib.sha256(data).hexdigest())


async def put(blobs: Blobs, data: bytes) -> Digest:
    """Store a blob."""
    writer = await blobs.begin()
    await writer.write(data)
    return await writer.commit(hashes={"sha256": sha256(data)}, size=len(data))


async def read(source: Source, *, start: int = 0) -> bytes:
    """Read a source as the server does: never beyond what `wait` allows."""
    parts = []
    at = start
    while at < source.size:
        ready = await source.wait(at)
        while at < ready:
            part = os.pread(source.fileno(), ready - at, at)
            assert part, "wait() allowed bytes that are not there"
            parts.append(part)
            at += len(part)
    await source.wait(at)
    return b"".join(parts)


async def read_and_close(source: Source | None) -> bytes:
    """Read a source that must be there."""
    assert source is not None
    try:
        return await read(source)
    finally:
        source.close()


async def until_readable(source: Source, count: int) -> None:
    """Wait until `count` bytes may be read."""
    ready = 0
    while ready < count:
        ready = await source.wait(ready)


class BlobsContract:
    """The contract; nothing here knows how blobs are kept."""

    @pytest.mark.parametrize("size", [0, 1, 2, 65_536, 3_000_000])
    async def test_what_was_committed_is_read_back(self, blobs: Blobs, size: int) -> None:
        data = os.urandom(size)
        digest = await put(blobs, data)
        assert digest == sha256(data)
        assert await blobs.size(digest) == size
        assert await read_and_close(await blobs.open(digest)) == data
        assert [entry async for entry in blobs.list()] == [(digest, size)]

    async def test_unknown_digests_are_not_there(self, blobs: Blobs) -> None:
        unknown = sha256(b"never stored")
        assert await blobs.open(unknown) is None
        assert await blobs.size(unknown) is None
        assert [entry async for entry in blobs.list()] == []
        assert await blobs.delete(unknown)

    @pytest.mark.parametrize("nonsense", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
    async def test_what_is_no_digest_is_not_there(self, blobs: Blobs, nonsense: str) -> None:
        await put(blobs, b"data")
        assert await blobs.open(Digest(nonsense)) is None
        assert await blobs.size(Digest(nonsense)) is None
        assert await blobs.delete(Digest(nonsense))

    async def test_nothing_is_visible_before_commit(self, blobs: Blobs) -> None:
        writer = await blobs.begin()
        await writer.write(b"secret")
        assert await blobs.open(sha256(b"secret")) is None
        assert [entry async for entry in blobs.list()] == []
        await writer.commit(hashes={}, size=None)
        assert await read_and_close(await blobs.open(sha256(b"secret"))) == b"secret"

    async def test_written_counts_what_was_accepted(self, blobs: Blobs) -> None:
        writer = await blobs.begin()
        await writer.write(b"abc")
        await writer.write(b"")
        await writer.write(b"de")
        assert writer.written == 5
        await writer.abort(Unavailable("gone", "gone"))

    @pytest.mark.parametrize("name", ["sha256", "md5", "blake2b", "sha3_256", "SHA512"])
    async def test_every_digest_given_is_verified(self, blobs: Blobs, name: str) -> None:
        right = hashlib.new(name, b"data").hexdigest()
        writer = await blobs.begin()
        await writer.write(b"data")
        assert await writer.commit(hashes={name: right.upper(), "unheard-of": "00"}, size=4) == sha256(b"data")
        assert await blobs.delete(sha256(b"data"))

        writer = await blobs.begin()
        await writer.write(b"datA")
        with pytest.raises(BadUpstream):
            await writer.commit(hashes={name: right}, size=4)
        assert [entry async for entry in blobs.list()] == []

    @pytest.mark.parametrize("promised", [3, 5])
    async def test_length_is_verified(self, blobs: Blobs, promised: int) -> None:
        writer = await blobs.begin()
        await writer.write(b"data")
        with pytest.raises(BadUpstream):
            await writer.commit(hashes={}, size=promised)
        assert await blobs.open(sha256(b"data")) is None

    async def test_readers_follow_the_writer_and_get_the_last_byte_only_after_commit(self, blobs: Blobs) -> None:
        data = os.urandom(300_000)
        writer = await blobs.begin()
        source = writer.source(len(data))
        assert source.size == len(data)
        await writer.write(data[:100_000])
        await until_readable(source, 100_000)
        await writer.write(data[100_000:])
        await until_readable(source, len(data) - 1)
        last = asyncio.create_task(source.wait(len(data) - 1))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not last.done()
        await writer.commit(hashes={"sha256": sha256(data)}, size=len(data))
        assert await last == len(data)
        assert await read_and_close(source) == data

    async def test_one_byte_is_held_back_too(self, blobs: Blobs) -> None:
        writer = await blobs.begin()
        source = writer.source(1)
        await writer.write(b"x")
        waiting = asyncio.create_task(source.wait(0))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        await writer.commit(hashes={}, size=1)
        assert await waiting == 1
        source.close()

    async def test_late_joiners_read_from_the_start_and_from_the_middle(self, blobs: Blobs) -> None:
        data = os.urandom(200_000)
        writer = await blobs.begin()
        first = writer.source(len(data))
        await writer.write(data[:150_000])
        await until_readable(first, 150_000)
        late, ranged = writer.source(len(data)), writer.source(len(data))
        assert await late.wait(0) == 150_000
        assert await ranged.wait(120_000) == 150_000
        rest = asyncio.create_task(read(ranged, start=120_000))
        await writer.write(data[150_000:])
        await writer.commit(hashes={}, size=len(data))
        assert await rest == data[120_000:]
        assert await read(late) == await read(first) == data
        for source in (first, late, ranged):
            source.close()

    async def test_a_mismatch_reaches_the_readers_instead_of_the_last_byte(self, blobs: Blobs) -> None:
        writer = await blobs.begin()
        source = writer.source(4)
        await writer.write(b"data")
        waiting = asyncio.create_task(source.wait(3))
        with pytest.raises(BadUpstream):
            await writer.commit(hashes={"sha256": sha256(b"other")}, size=4)
        with pytest.raises(BadUpstream):
            await waiting
        with pytest.raises(BadUpstream):
            await source.wait(0)
        source.close()

    async def test_a_reader_that_was_promised_another_length_gets_an_error(self, blobs: Blobs) -> None:
        writer = await blobs.begin()
        short, long = writer.source(3), writer.source(9)
        await writer.write(b"data")
        await until_readable(short, 2)
        await writer.commit(hashes={}, size=None)
        for source in (short, long):
            with pytest.raises(BadUpstream):
                await read(source)
            source.close()

    async def test_abort_gives_its_reason_to_everyone_who_waits(self, blobs: Blobs) -> None:
        writer = await blobs.begin()
        sources = [writer.source(100) for _ in range(5)]
        waiting = [asyncio.create_task(source.wait(0)) for source in sources]
        await asyncio.sleep(0)
        await writer.abort(Unavailable("upstream-gone", "the upstream went away"))
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, Unavailable)
            assert error.code == "upstream-gone"
        with pytest.raises(Unavailable):
            await sources[0].wait(0)
        for source in sources:
            source.close()
        await writer.abort(Unavailable("again", "aborting twice is harmless"))

    async def test_readers_get_a_pipway_error_whatever_the_reason(self, blobs: Blobs) -> None:
        writer = await blobs.begin()
        source = writer.source(100)
        await writer.abort(ConnectionResetError("reset"))
        with pytest.raises(PipwayError):
            await source.wait(0)
        source.close()

    async def test_a_cancelled_reader_disturbs_nobody(self, blobs: Blobs) -> None:
        writer = await blobs.begin()
        leaving, staying = writer.source(2), writer.source(2)
        left, stayed = asyncio.create_task(leaving.wait(0)), asyncio.create_task(staying.wait(0))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        leaving.close()
        await writer.write(b"ab")
        assert await stayed == 1
        await writer.commit(hashes={}, size=2)
        assert await read_and_close(staying) == b"ab"

    async def test_what_is_read_is_not_deleted(self, blobs: Blobs) -> None:
        digest = await put(blobs, b"data")
        one, two = await blobs.open(digest), await blobs.open(digest)
        assert one is not None
        assert two is not None
        one.close()
        assert not await blobs.delete(digest)
        assert await read_and_close(two) == b"data"
        assert await blobs.delete(digest)
        assert await blobs.open(digest) is None
        assert await blobs.size(digest) is None

    async def test_a_reader_from_before_the_commit_prevents_deletion_too(self, blobs: Blobs) -> None:
        writer = await blobs.begin()
        source = writer.source(4)
        await writer.write(b"data")
        digest = await writer.commit(hashes={}, size=4)
        assert not await blobs.delete(digest)
        source.close()
        assert await blobs.delete(digest)

    async def test_the_same_content_twice_is_one_blob(self, blobs: Blobs) -> None:
        first = await put(blobs, b"data")
        source = await blobs.open(first)
        assert await put(blobs, b"data") == first
        assert [entry async for entry in blobs.list()] == [(first, 4)]
        assert await read_and_close(source) == b"data"
        assert await read_and_close(await blobs.open(first)) == b"data"

    async def test_thousands_of_readers_of_one_writer(self, blobs: Blobs) -> None:
        data = os.urandom(50_000)
        writer = await blobs.begin()

        async def reader() -> bytes:
            source = writer.source(len(data))
            return hashlib.sha256(await read_and_close(source)).digest()

        readers = [asyncio.create_task(reader()) for _ in range(2_000)]
        for at in range(0, len(data), 10_000):
            await asyncio.sleep(0)
            await writer.write(data[at : at + 10_000])
        await writer.commit(hashes={}, size=len(data))
        assert set(await asyncio.gather(*readers)) == {hashlib.sha256(data).digest()}

    async def test_many_writers_at_once(self, blobs: Blobs) -> None:
        contents = [os.urandom(10_000 + i) for i in range(40)]
        digests = await asyncio.gather(*(put(blobs, data) for data in contents))
        assert [await read_and_close(await blobs.open(digest)) for digest in digests] == contents
        assert {entry async for entry in blobs.list()} == {(sha256(data), len(data)) for data in contents}

    async def test_an_ended_writer_takes_no_more(self, blobs: Blobs) -> None:
        writer: Writer = await blobs.begin()
        await writer.commit(hashes={}, size=None)
        with pytest.raises((RuntimeError, AssertionError)):
            await writer.write(b"more")
