"""Several upstreams: order decides, a failure is loud."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.index.conftest import Build, World, body, name
from tests.servers import rude
from tests.servers.upstream import Upstream

from pipway.errors import NotFound, Unavailable
from pipway.index.merged import Merged
from pipway.index.remote import Remote

FOO = name("foo")


@pytest.fixture
async def other() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def world(build: Build, other: Upstream, tmp_path: Path) -> World:
    world = await build()
    second = Remote(world.client, other.url, name="other", trace=world.trace, breakers=world.breakers)
    return world.over(Merged([world.remote, second]))


async def test_the_first_that_has_the_name_decides(world: World, other: Upstream) -> None:
    world.upstream.add_wheel("foo", "1.0")
    other.add_wheel("foo", "9.0")
    (file,) = (await world.index.project(FOO)).page.files
    assert file.filename.startswith("foo-1.0")
    assert other.requests == []


async def test_a_real_404_passes_the_question_on(world: World, other: Upstream) -> None:
    wheel = other.add_wheel("foo", "9.0")
    (file,) = (await world.index.project(FOO)).page.files
    assert await body(world.index.open(file)) == wheel.data


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_a_failing_upstream_never_lets_a_later_one_answer(world: World, other: Upstream, status: int) -> None:
    """index-protocol §10.5 (AK#4192): else an outage is a dependency-confusion window."""
    other.add_wheel("foo", "9.0")
    world.upstream.behave("/simple/foo/", rude.failing(status))
    with pytest.raises(Unavailable):
        await world.index.project(FOO)
    assert other.requests == []


async def test_a_warm_page_of_a_later_upstream_asks_nobody_until_its_time_is_up(world: World, other: Upstream) -> None:
    """index-protocol §10.4, §10.5 (AK#2302, AK PR#1070): merging costs a warm request nothing and bypasses no TTL."""
    other.cache_control = "max-age=60"
    other.add_wheel("foo")
    await world.index.project(FOO)
    asked = len(world.upstream.requests), len(other.requests)
    world.clock.advance(59)
    assert (await world.index.project(FOO)).outcome == "hit"
    assert (len(world.upstream.requests), len(other.requests)) == asked
    other.add_wheel("foo", "2.0")
    world.clock.advance(600 + 301)
    assert len((await world.index.project(FOO)).page.files) == 2


@pytest.mark.slow
async def test_a_dead_fallback_harms_only_what_it_alone_could_answer(world: World, other: Upstream) -> None:
    """index-protocol §10.5 (pypicloud#298): the first upstream is served, what is not there is not called absent."""
    world.upstream.add_wheel("foo")
    await other.stop()
    for _ in range(5):  # more than open the breaker
        with pytest.raises(Unavailable):
            await world.index.project(name("bar"))
    assert (await world.index.project(FOO)).page.files


async def test_absent_everywhere_is_not_found(world: World, other: Upstream) -> None:
    with pytest.raises(NotFound):
        await world.index.project(FOO)
    assert len(other.requests) == 1


async def test_validators_go_only_to_who_issued_them(world: World, other: Upstream) -> None:
    other.add_wheel("foo")
    await world.index.project(FOO)
    world.clock.advance(600 + 301)
    await world.index.project(FOO)
    assert [request.header("if-none-match") for request in world.upstream.asked("/simple/foo/")] == ["", ""]
    assert other.asked("/simple/foo/")[-1].header("if-none-match")


async def test_the_lists_are_joined_and_each_name_comes_once(world: World, other: Upstream) -> None:
    for project in ("a", "b"):
        world.upstream.add_wheel(project)
    for project in ("b", "c"):
        other.add_wheel(project)
    assert [project async for batch in world.index.projects() for project in batch] == ["a", "b", "c"]
