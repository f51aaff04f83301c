"""METADATA: fetched when offered, taken out of the wheel when not, and never anything but the wheel's own bytes."""

from __future__ import annotations

import asyncio
import zipfile
from typing import Any

import pytest
from tests.index.conftest import World, body, name
from tests.index.zips import wheel_with
from tests.servers import rude
from tests.servers.upstream import Published

from pipway.errors import BadUpstream, NotFound, Unavailable
from pipway.index.promise import Promised
from pipway.simple.page import File

SIDECARS = "/files/*.metadata"
WHEELS = "/files/*.whl"
MIB = 1024 * 1024


def bare(world: World, **options: Any) -> Published:
    """A wheel on an upstream that knows nothing of PEP 658."""
    world.upstream.serve_metadata = False
    return world.upstream.add_wheel("foo", **options)


async def listed(world: World) -> File:
    (file,) = (await world.index.project(name("foo"))).page.files
    return file


async def test_advertised_metadata_is_fetched_verified_and_stored(world: World) -> None:
    wheel = world.upstream.add_wheel("foo")
    file = await world.file(wheel)
    first = await world.index.metadata(file)
    assert await body(first) == wheel.metadata
    second = await world.index.metadata(file)
    assert (first.outcome, second.outcome) == ("miss", "hit")
    assert second.etag and second.etag == first.etag
    assert await body(second) == wheel.metadata
    assert (world.asked(SIDECARS), world.asked(WHEELS)) == (1, 0)


async def test_every_wheel_promises_metadata_and_no_sdist_does(world: World) -> None:
    """index-protocol §4: never advertise what cannot be served; a wheel's can always be served."""
    bare(world)
    world.upstream.add_sdist("foo")
    page = (await world.index.project(name("foo"))).page
    assert {file.filename: bool(file.core_metadata) for file in page.files} == {
        "foo-1.0-py3-none-any.whl": True,
        "foo-1.0.tar.gz": False,
    }


async def test_an_upstreams_own_hash_is_kept(world: World) -> None:
    world.upstream.add_wheel("foo")
    file = await listed(world)
    assert isinstance(file.core_metadata, dict)
    assert not isinstance(file, Promised)


async def test_backfill_reads_the_tail_of_the_wheel_only(world: World) -> None:
    wheel = bare(world, size_padding=4 * MIB)
    file = await world.file(wheel)
    assert await body(world.index.metadata(file)) == wheel.metadata
    (request,) = world.upstream.asked("/files/*")
    assert request.header("range") == f"bytes={len(wheel.data) - 128 * 1024}-{len(wheel.data) - 1}"
    assert world.events.named("metadata.backfilled")[0]["via"] == "ranges"


async def test_backfill_with_metadata_far_from_the_end(world: World) -> None:
    metadata = b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n" + bytes(range(32, 127)) * 50
    data = wheel_with({"foo-1.0.dist-info/METADATA": metadata, "foo/big.bin": b"\x01" * MIB}, method=zipfile.ZIP_STORED)
    world.upstream.serve_metadata = False
    wheel = world.upstream.add_file("foo", "foo-1.0-py3-none-any.whl", data)
    assert await body(world.index.metadata(await world.file(wheel))) == metadata
    assert world.asked(WHEELS) == 2
    asked = sum(stop - start + 1 for start, stop in _spans(world))
    assert asked < 256 * 1024


def _spans(world: World) -> list[tuple[int, int]]:
    ranges = [request.header("range").removeprefix("bytes=").split("-") for request in world.upstream.asked(WHEELS)]
    return [(int(start), int(stop)) for start, stop in ranges]


async def test_backfill_without_a_size_on_the_page_uses_a_suffix_range(world: World) -> None:
    wheel = bare(world, size_padding=MIB, page={"size": None})
    assert await body(world.index.metadata(await world.file(wheel))) == wheel.metadata
    assert world.upstream.asked(WHEELS)[0].header("range") == f"bytes=-{128 * 1024}"


async def test_backfill_without_ranges_downloads_the_wheel_once(world: World) -> None:
    world.upstream.ranges = False
    wheel = bare(world, size_padding=MIB)
    file = await world.file(wheel)
    assert await body(world.index.metadata(file)) == wheel.metadata
    assert world.events.named("metadata.backfilled")[0]["via"] == "wheel"
    asked = world.asked(WHEELS)
    assert await body(world.index.open(file)) == wheel.data
    assert world.asked(WHEELS) == asked


async def test_backfill_from_a_stored_wheel_asks_nobody(world: World) -> None:
    wheel = bare(world)
    file = await world.file(wheel)
    await body(world.index.open(file))
    await world.events.arrive("file.stored")
    await world.restart(offline=True)
    assert await body(world.index.metadata(file)) == wheel.metadata


async def test_many_clients_make_one_backfill(world: World) -> None:
    wheel = bare(world, size_padding=MIB)
    file = await world.file(wheel)
    bodies = await asyncio.gather(*(body(world.index.metadata(file)) for _ in range(20)))
    assert set(bodies) == {wheel.metadata}
    assert world.asked(WHEELS) == 1


async def test_offline_serves_stored_metadata_only(world: World) -> None:
    wheel, other = world.upstream.add_wheel("foo"), world.upstream.add_wheel("foo", "2.0")
    file, absent = await world.file(wheel), await world.file(other)
    await body(world.index.metadata(file))
    await world.restart(offline=True)
    assert await body(world.index.metadata(file)) == wheel.metadata
    with pytest.raises(Unavailable):
        await world.index.metadata(absent)


async def test_advertised_metadata_that_is_missing_is_backfilled(world: World) -> None:
    """index-protocol §10.3: advertised `.metadata` never 404s."""
    wheel = world.upstream.add_wheel("foo")
    world.upstream.behave(SIDECARS, rude.answering(404))
    assert await body(world.index.metadata(await world.file(wheel))) == wheel.metadata


async def test_metadata_with_a_wrong_hash_is_not_used(world: World) -> None:
    wheel = world.upstream.add_wheel("foo")
    world.upstream.behave(SIDECARS, rude.tampered())
    assert await body(world.index.metadata(await world.file(wheel))) == wheel.metadata
    assert "metadata.mismatch" in world.events


async def test_a_wrong_hash_on_the_page_is_corrected_there(world: World) -> None:
    """pip verifies the advertised hash: it must be the hash of what we serve."""
    wheel = world.upstream.add_wheel("foo")
    truth = wheel.metadata
    wheel.metadata = b"Metadata-Version: 2.1\nName: other\nVersion: 0\n"
    world.upstream.behave(SIDECARS, rude.answering(404))
    before = await world.index.project(name("foo"))
    served = await world.index.metadata(before.page.files[0])
    assert await body(served) == truth
    after = await world.index.project(name("foo"))
    assert before.lease.until == float("-inf")
    assert f'"sha256-{_sha256(after.page.files[0])}"' == served.etag
    await world.restart()
    assert _sha256(await listed(world)) == _sha256(after.page.files[0])


def _sha256(file: File) -> str:
    assert isinstance(file.core_metadata, dict)
    return str(file.core_metadata["sha256"])


@pytest.mark.parametrize("ranges", [True, False])
async def test_a_broken_wheel_is_no_longer_advertised(world: World, ranges: bool) -> None:
    world.upstream.ranges = ranges
    world.upstream.serve_metadata = False
    world.upstream.add_file("foo", "foo-1.0-py3-none-any.whl", b"PK\x03\x04 this is no archive" * 100)
    file = await listed(world)
    assert file.core_metadata is True
    with pytest.raises(BadUpstream):
        await world.index.metadata(file)
    assert (await listed(world)).core_metadata is False
    await world.restart()
    assert (await listed(world)).core_metadata is False


async def test_an_outage_is_not_an_absence_and_teaches_nothing(world: World) -> None:
    wheel = bare(world)
    file = await world.file(wheel)
    world.upstream.behave(WHEELS, rude.failing(503))
    with pytest.raises(Unavailable):
        await world.index.metadata(file)
    world.upstream.heal()
    world.clock.advance(60)
    assert await body(world.index.metadata(file)) == wheel.metadata


async def test_an_sdist_has_no_metadata(world: World) -> None:
    sdist = world.upstream.add_sdist("foo")
    with pytest.raises(NotFound):
        await world.index.metadata(await world.file(sdist))


@pytest.mark.slow
async def test_a_zip_bomb_in_metadata_is_refused(world: World) -> None:
    """index-protocol §10.3, AK#2561."""
    data = wheel_with({"foo-1.0.dist-info/METADATA": b"x" * (64 * MIB)})
    world.upstream.serve_metadata = False
    wheel = world.upstream.add_file("foo", "foo-1.0-py3-none-any.whl", data, metadata=b"")
    with pytest.raises(BadUpstream):
        await world.index.metadata(await world.file(wheel))
