"""The list of projects: kept, revalidated, served stale, never a login page."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from tests.index.conftest import World
from tests.servers import rude

from pipway.errors import Unavailable

LIST = "/simple/"


async def names(world: World) -> list[str]:
    return [project async for batch in world.index.projects() for project in batch]


async def test_it_is_fetched_once_and_revalidated_with_its_validators(world: World) -> None:
    world.upstream.add_wheel("foo")
    assert await names(world) == await names(world) == ["foo"]
    assert world.asked(LIST) == 1
    world.clock.advance(600 + 301)
    assert await names(world) == ["foo"]
    assert world.upstream.asked(LIST)[-1].header("if-none-match")
    assert [facts["changed"] for facts in world.events.named("projects.fetched")] == [True, False]


async def test_a_new_list_replaces_the_old_one(world: World) -> None:
    world.upstream.add_wheel("foo")
    await names(world)
    world.upstream.add_wheel("bar")
    world.clock.advance(600 + 301)
    assert await names(world) == ["foo", "bar"]


async def test_it_survives_restarts_and_outages(world: World) -> None:
    world.upstream.add_wheel("foo")
    await names(world)
    await world.restart()
    await world.upstream.stop()
    world.clock.advance(86_400)
    assert await names(world) == ["foo"]
    assert "projects.stale" in world.events


async def test_a_large_list_comes_in_several_batches(world: World) -> None:
    for number in range(20_000):
        world.upstream.project(f"project-number-{number}")
    batches = [batch async for batch in world.index.projects()]
    assert sum(map(len, batches)) == 20_000
    assert len(batches) > 2


@pytest.mark.parametrize("behaviour", [rude.html_for_json(), rude.truncated(after=20), rude.failing(500)])
async def test_what_is_no_list_never_replaces_one(world: World, behaviour: rude.Behaviour) -> None:
    world.upstream.add_wheel("foo")
    await names(world)
    world.upstream.behave(LIST, behaviour)
    world.clock.advance(600 + 301)
    assert await names(world) == ["foo"]


async def test_an_index_without_a_list_is_unavailable_and_works_otherwise(world: World) -> None:
    world.upstream.project_list = False
    wheel = world.upstream.add_wheel("foo")
    with pytest.raises(Unavailable):
        await names(world)
    assert (await world.file(wheel)).filename == wheel.filename


async def test_offline_without_a_list(world: World) -> None:
    await world.restart(offline=True)
    with pytest.raises(Unavailable) as caught:
        await names(world)
    assert caught.value.code == "offline"


@pytest.mark.slow
async def test_a_reader_that_stops_early_lets_go_of_the_list(world: World) -> None:
    for number in range(20_000):
        world.upstream.project(f"project-number-{number}")
    batches = world.index.projects()
    await anext(batches)
    assert isinstance(batches, AsyncGenerator)
    await batches.aclose()
