"""Freshness, staleness, outages and absence of pages."""

from __future__ import annotations

import asyncio

import pytest
from tests.index.conftest import Build, World, name
from tests.servers import rude
from tests.servers.upstream import Upstream

from pipway.errors import NotFound, Unavailable
from pipway.index.freshness import Freshness

FOO = name("foo")
PAGE = "/simple/foo/"


async def test_a_page_is_fetched_once_and_then_answered_from_memory(world: World) -> None:
    world.upstream.add_wheel("foo")
    first = await world.index.project(FOO)
    second = await world.index.project(FOO)
    assert (first.outcome, second.outcome) == ("miss", "hit")
    assert first.page is second.page
    assert [file.filename for file in first.page.files] == ["foo-1.0-py3-none-any.whl"]
    assert world.asked(PAGE) == 1


async def test_fifty_clients_at_once_make_one_request(world: World) -> None:
    world.upstream.add_wheel("foo")
    listings = await asyncio.gather(*(world.index.project(FOO) for _ in range(50)))
    assert world.asked(PAGE) == 1
    assert sorted({listing.outcome for listing in listings}) == ["joined", "miss"]
    assert len({id(listing.page) for listing in listings}) == 1


async def test_the_client_that_started_a_fetch_may_leave(world: World) -> None:
    world.upstream.add_wheel("foo")
    gate = rude.Gate(after=10)
    world.upstream.behave(PAGE, gate)
    starter = asyncio.create_task(world.index.project(FOO))
    await gate.reached.wait()
    joiner = asyncio.create_task(world.index.project(FOO))
    await asyncio.sleep(0)
    starter.cancel()
    gate.open()
    assert len((await joiner).page.files) == 1
    assert starter.cancelled()
    assert world.asked(PAGE) == 1


async def test_an_unchanged_page_stays_the_same_object_and_its_lease_is_extended(world: World) -> None:
    """RFC 9110 §13.1.2: If-None-Match; prepared answers hang on the page object and its lease."""
    world.upstream.add_wheel("foo")
    first = await world.index.project(FOO)
    until = first.lease.until
    world.clock.advance(601)
    assert first.lease.until < world.clock.monotonic()
    stale = await world.index.project(FOO)
    await world.events.arrive("page.revalidated")
    again = await world.index.project(FOO)
    assert (stale.outcome, again.outcome) == ("stale", "hit")
    assert again.page is first.page
    assert again.lease is first.lease
    assert again.lease.until >= until + 600
    request = world.upstream.asked(PAGE)[-1]
    assert request.header("if-none-match")
    assert world.events.named("page.revalidated")[-1]["changed"] is False


async def test_without_validators_the_same_bytes_are_the_same_page(world: World) -> None:
    world.upstream.validators = False
    world.upstream.add_wheel("foo")
    first = await world.index.project(FOO)
    world.clock.advance(601)
    await world.index.project(FOO)
    await world.events.arrive("page.revalidated")
    assert (await world.index.project(FOO)).page is first.page


async def test_a_changed_page_revokes_the_lease_of_the_old_one(world: World) -> None:
    world.upstream.add_wheel("foo")
    first = await world.index.project(FOO)
    world.upstream.add_wheel("foo", "2.0")
    world.clock.advance(601)
    await world.index.project(FOO)
    await world.events.arrive("page.revalidated")
    second = await world.index.project(FOO)
    assert first.lease.until == float("-inf")
    assert len(second.page.files) == 2


async def test_max_age_of_the_upstream_counts_within_bounds(world: World) -> None:
    world.upstream.cache_control = "max-age=60"
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    world.clock.advance(59)
    assert (await world.index.project(FOO)).outcome == "hit"
    world.clock.advance(2)
    assert (await world.index.project(FOO)).outcome == "stale"


async def test_beyond_stale_while_revalidate_the_answer_waits_for_the_upstream(world: World) -> None:
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    world.upstream.add_wheel("foo", "2.0")
    world.clock.advance(600 + 301)
    listing = await world.index.project(FOO)
    assert len(listing.page.files) == 2
    assert listing.outcome == "miss"


async def test_patience_ends_and_a_slow_upstream_is_waited_for_only_once(build: Build) -> None:
    world = await build(freshness=Freshness(patience=0.05))
    world.upstream.validators = False  # so that there is a body to wait for
    for project in ("foo", "bar"):
        world.upstream.add_wheel(project)
        await world.index.project(name(project))
    gate = rude.Gate(after=10)
    world.upstream.behave("/simple/*/", gate)
    world.clock.advance(600 + 301)
    loop = asyncio.get_running_loop()
    assert (await world.index.project(FOO)).outcome == "stale"
    began = loop.time()
    assert (await world.index.project(name("bar"))).outcome == "stale"
    assert loop.time() - began < 0.04
    gate.open()
    await world.events.arrive("page.revalidated", 2)
    assert (await world.index.project(FOO)).outcome == "hit"


async def test_an_outage_is_papered_over_and_ends_by_itself(world: World) -> None:
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    await world.upstream.stop()
    world.clock.advance(30 * 86_400)
    listing = await world.index.project(FOO)
    assert listing.outcome == "stale"
    assert listing.lease.until <= world.clock.monotonic() + 1.0
    assert "page.stale" in world.events
    await world.upstream.start()
    world.clock.advance(60)
    assert (await world.index.project(FOO)).outcome == "miss"


async def test_stale_if_error_can_be_capped(build: Build) -> None:
    world = await build(freshness=Freshness(stale_limit=3600.0))
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    world.upstream.behave(PAGE, rude.failing(503))
    world.clock.advance(600 + 3599)
    assert (await world.index.project(FOO)).outcome == "stale"
    world.clock.advance(60)
    with pytest.raises(Unavailable):
        await world.index.project(FOO)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_real_absence_ends_staleness(world: World, status: int) -> None:
    """index-protocol §10.5: stale-if-error does not hide deletion for ever."""
    world.upstream.add_wheel("foo")
    listing = await world.index.project(FOO)
    world.upstream.behave(PAGE, rude.answering(status))
    world.clock.advance(600 + 301)
    with pytest.raises(NotFound):
        await world.index.project(FOO)
    assert listing.lease.until == float("-inf")
    assert await world.catalog.page("default", "foo") is None
    await world.upstream.stop()
    with pytest.raises(NotFound):
        await world.index.project(FOO)
    world.clock.advance(31)
    with pytest.raises(Unavailable):  # nobody can say any more whether it exists
        await world.index.project(FOO)


async def test_a_404_is_believed_briefly(world: World) -> None:
    for _ in range(3):
        with pytest.raises(NotFound):
            await world.index.project(FOO)
    assert world.asked(PAGE) == 1
    world.upstream.add_wheel("foo")
    world.clock.advance(31)
    assert (await world.index.project(FOO)).page.files


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503])
async def test_no_failure_is_ever_an_absence(world: World, status: int) -> None:
    world.upstream.behave(PAGE, rude.failing(status))
    with pytest.raises(Unavailable):
        await world.index.project(FOO)


async def test_many_clients_and_a_401_are_one_question_and_over_when_it_is_over(world: World) -> None:
    """index-protocol §10.7 (uv#17485, uv#5600): a cold burst meets a login once, and no answer of it is kept."""
    world.upstream.add_wheel("foo")
    world.upstream.behave(PAGE, rude.answering(401, WWW_Authenticate="Basic"))
    answers = await asyncio.gather(*(world.index.project(FOO) for _ in range(50)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert world.asked(PAGE) == 1
    world.upstream.heal()
    assert (await world.index.project(FOO)).page.files


async def test_a_restart_with_the_upstream_gone_serves_everything_seen(world: World) -> None:
    world.upstream.add_wheel("foo")
    before = await world.index.project(FOO)
    await world.restart()
    await world.upstream.stop()
    listing = await world.index.project(FOO)
    assert listing.page == before.page
    assert listing.outcome == "hit"
    world.clock.advance(86_400)
    assert (await world.index.project(FOO)).outcome == "stale"


async def test_after_a_restart_revalidation_is_still_conditional(world: World) -> None:
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    await world.restart()
    world.clock.advance(600 + 301)
    await world.index.project(FOO)
    assert world.upstream.asked(PAGE)[-1].header("if-none-match")
    assert world.events.named("page.revalidated") == [{"index": "default", "project": "foo", "changed": False}]


async def test_offline_serves_what_is_stored_and_says_so_of_the_rest(world: World) -> None:
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    await world.restart(offline=True)
    world.clock.advance(86_400)
    asked = world.asked()
    assert (await world.index.project(FOO, recheck=True)).outcome == "stale"
    with pytest.raises(Unavailable) as caught:
        await world.index.project(name("bar"))
    assert caught.value.code == "offline"
    assert world.asked() == asked


async def test_a_client_may_demand_revalidation_but_not_too_often(world: World) -> None:
    """index-protocol §5: honour a client's max-age=0 by revalidating (rate-limited)."""
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    await world.index.project(FOO, recheck=True)
    assert world.asked(PAGE) == 1
    world.upstream.add_wheel("foo", "2.0")
    world.clock.advance(6)
    assert len((await world.index.project(FOO, recheck=True)).page.files) == 2
    await world.index.project(FOO, recheck=True)
    assert world.asked(PAGE) == 2


async def test_a_demand_that_fails_gets_the_fresh_page(world: World) -> None:
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    world.clock.advance(6)
    await world.upstream.stop()
    assert (await world.index.project(FOO, recheck=True)).outcome == "hit"


async def test_pages_in_memory_are_bounded_and_come_back_from_the_catalog(upstream: Upstream, build: Build) -> None:
    world = await build()
    world.index._pages._limit = 1
    for project in ("foo", "bar"):
        upstream.add_wheel(project)
    foo = await world.index.project(FOO)
    await world.index.project(name("bar"))
    assert len(world.index._pages) == 1
    assert foo.lease.until == float("-inf")
    assert (await world.index.project(FOO)).page == foo.page
    assert world.asked(PAGE) == 1


async def test_a_login_page_never_replaces_a_page(world: World) -> None:
    world.upstream.add_wheel("foo")
    await world.index.project(FOO)
    world.upstream.behave(PAGE, rude.html_for_json())
    world.clock.advance(600 + 301)
    listing = await world.index.project(FOO)
    assert listing.outcome == "stale"
    assert listing.page.files
