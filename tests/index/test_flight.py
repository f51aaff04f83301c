"""Files: one download for everybody, resumed, verified, never poisoned."""

from __future__ import annotations

import asyncio

import pytest
from tests.index.conftest import Build, World, body, read
from tests.servers import rude

from pipway.errors import BadUpstream, NotFound, Unavailable
from pipway.store.base import Digest

FILES = "/files/*"


async def blobs_of(world: World) -> list[tuple[Digest, int]]:
    return [item async for item in world.blobs.list()]


async def test_a_file_is_downloaded_once_and_then_opened_from_the_store(world: World) -> None:
    wheel = world.upstream.add_wheel("foo")
    file = await world.file(wheel)
    first = await world.index.open(file)
    assert (first.outcome, first.lease) == ("miss", None)
    assert await body(first) == wheel.data
    await world.events.arrive("file.stored")
    second = await world.index.open(file)
    assert second.outcome == "hit"
    assert second.etag == first.etag == f'"sha256-{wheel.digest}"'
    assert second.lease is not None
    assert await body(second) == wheel.data
    assert world.asked(FILES) == 1


async def test_fifty_clients_at_once_make_one_request(world: World) -> None:
    wheel = world.upstream.add_wheel("foo", size_padding=300_000)
    file = await world.file(wheel)
    bodies = await asyncio.gather(*(body(world.index.open(file)) for _ in range(50)))
    assert set(bodies) == {wheel.data}
    assert world.asked(FILES) == 1


async def test_a_late_joiner_reads_the_part_already_there(world: World) -> None:
    wheel = world.upstream.add_wheel("foo", size_padding=300_000)
    file = await world.file(wheel)
    gate = rude.Gate(after=200_000)
    world.upstream.behave(FILES, gate)
    first = await world.index.open(file)
    assert await first.source.wait(0) > 0
    late = await world.index.open(file)
    assert late.outcome == "joined"
    ready = 0
    while ready < 200_000:
        ready = await late.source.wait(ready)
    assert ready == 200_000
    gate.open()
    assert await read(late.source) == await read(first.source) == wheel.data


async def test_the_download_goes_on_when_its_clients_leave(world: World) -> None:
    wheel = world.upstream.add_wheel("foo", size_padding=300_000)
    file = await world.file(wheel)
    gate = rude.Gate(after=1000)
    world.upstream.behave(FILES, gate)
    (await world.index.open(file)).source.close()
    waiting = asyncio.create_task(world.index.open(file))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.open()
    await world.events.arrive("file.stored")
    assert await world.blobs.size(Digest(wheel.digest)) == len(wheel.data)


async def test_a_reset_is_resumed_where_it_broke_unseen_by_the_client(world: World) -> None:
    """RFC 9110 §14.2 with §13.1.5: Range and If-Range with the strong ETag."""
    wheel = world.upstream.add_wheel("foo", size_padding=300_000)
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.truncated(after=100_000), times=1)
    assert await body(world.index.open(file)) == wheel.data
    second = world.upstream.asked(FILES)[1]
    assert second.header("range") == "bytes=100000-"
    assert second.header("if-range").startswith('"')
    assert [facts["offset"] for facts in world.events.named("file.resumed")] == [100_000]


@pytest.mark.parametrize("sized", [True, False])
async def test_a_body_that_came_whole_needs_no_end(world: World, sized: bool) -> None:
    """A proxy that cuts the last chunk off: there is nothing left to ask for, and the digest decides."""
    if not sized:
        world.upstream.form = "html"  # a page without sizes
    wheel = world.upstream.add_wheel("foo", size_padding=100_000)
    file = await world.file(wheel)
    assert (file.size is not None) == sized
    world.upstream.behave(FILES, rude.chunked(ending=b""), times=1)
    assert await body(world.index.open(file)) == wheel.data


async def test_many_resets_in_a_row(world: World) -> None:
    wheel = world.upstream.add_wheel("foo", size_padding=300_000)
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.truncated(after=30_000), times=8)
    assert await body(world.index.open(file)) == wheel.data
    assert world.asked(FILES) == 9


@pytest.mark.slow
async def test_a_stall_is_resumed(world: World) -> None:
    wheel = world.upstream.add_wheel("foo", size_padding=100_000)
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.stalling(after=50_000), times=1)
    assert await body(world.index.open(file)) == wheel.data
    assert world.asked(FILES) == 2


@pytest.mark.parametrize("validators", [True, False])
async def test_an_upstream_without_ranges_is_read_again_and_skipped(world: World, validators: bool) -> None:
    world.upstream.ranges = False
    world.upstream.validators = validators
    wheel = world.upstream.add_wheel("foo", size_padding=100_000)
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.truncated(after=50_000), times=1)
    assert await body(world.index.open(file)) == wheel.data


async def test_a_misplaced_range_is_not_believed(world: World) -> None:
    """index-protocol §6: a wrong Content-Range start (pip#14131)."""
    wheel = world.upstream.add_wheel("foo", size_padding=100_000)
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.misplaced_range())
    world.upstream.behave(FILES, rude.truncated(after=50_000), times=1)
    assert await body(world.index.open(file)) == wheel.data


async def test_a_wrong_digest_aborts_every_client_and_poisons_nothing(world: World) -> None:
    wheel = world.upstream.add_wheel("foo", size_padding=100_000)
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.tampered(at=50), times=1)
    results = await asyncio.gather(*(body(world.index.open(file)) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, BadUpstream) for result in results)
    await world.events.arrive("file.mismatch")
    assert await blobs_of(world) == []
    with pytest.raises(BadUpstream):  # a moment of peace for the upstream
        await world.index.open(file)
    assert world.asked(FILES) == 1
    world.clock.advance(6)
    assert await body(world.index.open(file)) == wheel.data


@pytest.mark.parametrize("by", [-10, 10])
async def test_a_length_that_contradicts_the_page_is_refused_before_any_byte(world: World, by: int) -> None:
    wheel = world.upstream.add_wheel("foo")
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.misdeclaring(by))
    with pytest.raises(BadUpstream):
        await world.index.open(file)
    assert await blobs_of(world) == []


@pytest.mark.parametrize("by", [-10, 10])
async def test_a_lie_about_the_length_stores_nothing_even_without_a_size_on_the_page(world: World, by: int) -> None:
    wheel = world.upstream.add_wheel("foo", page={"size": None})
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.misdeclaring(by))
    with pytest.raises((BadUpstream, Unavailable)):
        await body(world.index.open(file))
    await world.index.aclose()
    assert await blobs_of(world) == []


async def test_without_any_hash_the_length_is_verified_and_the_digest_recorded(world: World) -> None:
    wheel = world.upstream.add_wheel("foo", page={"sha256": None, "size": None})
    file = await world.file(wheel)
    first = await world.index.open(file)
    assert first.etag is None
    assert await body(first) == wheel.data
    await world.events.arrive("file.stored")
    await world.restart(offline=True)
    again = await world.index.open(file)
    assert again.etag == f'"sha256-{wheel.digest}"'
    assert await body(again) == wheel.data


async def test_an_unknown_length_is_waited_for_so_that_content_length_is_true(world: World) -> None:
    wheel = world.upstream.add_wheel("foo", page={"size": None})
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.chunked(piece=500))
    download = await world.index.open(file)
    assert download.source.size == len(wheel.data)
    assert await body(download) == wheel.data


async def test_a_promised_size_lets_a_chunked_answer_stream(world: World) -> None:
    wheel = world.upstream.add_wheel("foo")
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.chunked(piece=500))
    assert await body(world.index.open(file)) == wheel.data


async def test_content_encoding_on_an_artefact_changes_nothing(world: World) -> None:
    """index-protocol §5: strip a wrongly set Content-Encoding; the bytes are the upstream's."""
    sdist = world.upstream.add_sdist("foo")
    file = await world.file(sdist)
    world.upstream.behave(FILES, rude.labelled("gzip"))
    assert await body(world.index.open(file)) == sdist.data
    assert world.upstream.asked(FILES)[0].header("accept-encoding") == "identity"


async def test_only_a_404_of_the_file_is_an_absence(world: World) -> None:
    wheel = world.upstream.add_wheel("foo")
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.failing(500))
    with pytest.raises(Unavailable):
        await world.index.open(file)
    world.upstream.behave(FILES, rude.answering(403))
    with pytest.raises(Unavailable):
        await world.index.open(file)
    world.upstream.behave(FILES, rude.answering(404))
    with pytest.raises(NotFound):
        await world.index.open(file)


async def test_a_stored_file_needs_no_upstream_and_a_new_one_says_offline(world: World) -> None:
    wheel, other = world.upstream.add_wheel("foo"), world.upstream.add_wheel("foo", "2.0")
    file, absent = await world.file(wheel), await world.file(other)
    await body(world.index.open(file))
    await world.events.arrive("file.stored")
    await world.restart(offline=True)
    assert await body(world.index.open(file)) == wheel.data
    with pytest.raises(Unavailable) as caught:
        await world.index.open(absent)
    assert caught.value.code == "offline"


async def test_closing_ends_downloads_and_tells_their_readers(build: Build) -> None:
    world = await build()
    wheel = world.upstream.add_wheel("foo", size_padding=100_000)
    file = await world.file(wheel)
    gate = rude.Gate(after=1000)
    world.upstream.behave(FILES, gate)
    download = await world.index.open(file)
    await world.index.aclose()
    with pytest.raises(Unavailable):
        await read(download.source)
    gate.open()


async def test_size_comes_from_the_page_the_store_or_a_head_request(world: World) -> None:
    told, untold = world.upstream.add_wheel("foo"), world.upstream.add_wheel("foo", "2.0", page={"size": None})
    assert await world.index.size(await world.file(told)) == len(told.data)
    assert world.asked(FILES) == 0
    assert await world.index.size(await world.file(untold)) == len(untold.data)
    assert [request.method for request in world.upstream.asked(FILES)] == ["HEAD"]


async def test_size_without_head_downloads(world: World) -> None:
    wheel = world.upstream.add_wheel("foo", page={"size": None})
    file = await world.file(wheel)
    world.upstream.behave(FILES, rude.answering(405), method="HEAD")
    assert await world.index.size(file) == len(wheel.data)
