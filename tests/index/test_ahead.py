"""Running ahead: what is asked for next is there already, and wrong guesses stay few."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from tests.index.conftest import World, body, name
from tests.servers import rude
from tests.servers.upstream import Upstream
from tests.simple.test_installer import agent

from pipway.errors import NotFound
from pipway.index.ahead import Ahead
from pipway.index.credit import Credit

MIB = 2**20


@pytest.fixture
async def ahead_of(world: World) -> AsyncIterator[Callable[..., Ahead]]:
    """Makes indexes that run ahead of a client."""
    made: list[Ahead] = []

    def make(client: str | None = None, limit: int = 64 * MIB) -> Ahead:
        text = agent() if client is None else client
        made.append(Ahead(world.index, client=lambda: text, credit=Credit(limit), trace=world.trace))
        return made[-1]

    yield make
    for ahead in made:
        await ahead.aclose()


def tree(upstream: Upstream) -> None:
    """top → left, right; left → deep."""
    upstream.add_wheel("top", requires=["left", "right>=1"])
    upstream.add_wheel("left", requires=["deep"])
    upstream.add_wheel("right")
    upstream.add_wheel("right", "0.5")
    upstream.add_wheel("deep")


@pytest.mark.slow
async def test_a_page_brings_everything_below_it(world: World, ahead_of: Callable[..., Ahead]) -> None:
    tree(world.upstream)
    ahead = ahead_of()
    await ahead.project(name("top"))
    await world.events.arrive("metadata.fetched", 4)
    before = len(world.upstream.requests)
    for project in ("left", "right", "deep"):
        listing = await ahead.project(name(project))
        assert listing.outcome in ("hit", "joined")
        await body(ahead.metadata(listing.page.files[0]))
    pages = [request for request in world.upstream.requests[before:] if "/simple/" in request.target]
    assert pages == []
    assert len(world.events.named("ahead.right")) == 6


async def test_metadata_brings_its_wheel(world: World, ahead_of: Callable[..., Ahead]) -> None:
    wheel = world.upstream.add_wheel("foo")
    ahead = ahead_of()
    await ahead.metadata(await world.file(wheel))
    await world.events.arrive("file.stored")
    download = await ahead.open(await world.file(wheel))
    assert download.outcome == "hit"
    assert await body(download) == wheel.data


async def test_an_old_pip_gets_the_wheel_after_the_page(world: World, ahead_of: Callable[..., Ahead]) -> None:
    world.upstream.add_wheel("foo")
    await ahead_of(agent("pip/20.3.4")).project(name("foo"))
    await world.events.arrive("file.stored")


async def test_an_sdist_is_fetched_where_there_is_no_wheel(world: World, ahead_of: Callable[..., Ahead]) -> None:
    world.upstream.add_sdist("foo")
    await ahead_of().project(name("foo"))
    await world.events.arrive("file.stored")


async def test_nothing_is_guessed_for_browsers(world: World, ahead_of: Callable[..., Ahead]) -> None:
    tree(world.upstream)
    ahead = ahead_of("Mozilla/5.0")
    listing = await ahead.project(name("top"))
    await body(ahead.metadata(listing.page.files[0]))
    await settled(ahead)
    assert world.asked() == 2


async def test_what_is_stored_already_costs_nothing(world: World, ahead_of: Callable[..., Ahead]) -> None:
    tree(world.upstream)
    first = ahead_of()
    await first.project(name("top"))
    await world.events.arrive("metadata.fetched", 4)
    await settled(first)
    before, second = world.asked(), ahead_of()
    await second.project(name("top"))
    await settled(second)
    assert world.asked() == before
    assert second._credit.left == 64 * MIB


async def test_wrong_guesses_end_with_the_credit(world: World, ahead_of: Callable[..., Ahead]) -> None:
    """Each project needs twenty that nobody asks for afterwards."""
    for number in range(5):
        world.upstream.add_wheel(f"top-{number}", requires=[f"p{number}-{n}" for n in range(20)])
        for n in range(20):
            world.upstream.add_wheel(f"p{number}-{n}")
    ahead = ahead_of(limit=100_000)  # a guess at an unknown page reserves 64 kB
    for number in range(5):
        await ahead.project(name(f"top-{number}"))
        await settled(ahead)
    assert world.asked() < 40


async def test_a_file_that_costs_more_than_may_be_lost_is_left(world: World, ahead_of: Callable[..., Ahead]) -> None:
    wheel = world.upstream.add_wheel("foo", size_padding=300_000)
    ahead = ahead_of(limit=200_000)
    await ahead.metadata(await world.file(wheel))
    await settled(ahead)
    assert world.asked("*.whl") == 0


async def test_a_failed_guess_is_nobodys_error_and_is_made_again(world: World, ahead_of: Callable[..., Ahead]) -> None:
    world.upstream.add_wheel("top", requires=["gone", "left"])
    world.upstream.add_wheel("left")
    ahead = ahead_of()
    await ahead.project(name("top"))
    await world.events.arrive("ahead.failed")
    await world.events.arrive("metadata.fetched", 2)
    with pytest.raises(NotFound):
        await ahead.project(name("gone"))


async def test_circles_end(world: World, ahead_of: Callable[..., Ahead]) -> None:
    world.upstream.add_wheel("chicken", requires=["egg"])
    world.upstream.add_wheel("egg", requires=["chicken"])
    ahead = ahead_of()
    await ahead.project(name("chicken"))
    await settled(ahead)
    assert world.asked() == 4


@pytest.mark.slow
async def test_guesses_stand_back_while_clients_wait(world: World, ahead_of: Callable[..., Ahead]) -> None:
    tree(world.upstream)
    for project in ("a", "b", "c"):
        world.upstream.add_wheel(project)
        world.upstream.behave(f"/simple/{project}/", rude.silent())
    ahead = ahead_of()
    waiting = [asyncio.create_task(ahead.project(name(project))) for project in ("a", "b", "c")]
    for project in ("a", "b", "c"):
        await world.upstream.arrived(f"/simple/{project}/")
    await ahead.project(name("top"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await world.upstream.arrived("*.metadata")
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await world.events.arrive("metadata.fetched", 4)


async def settled(ahead: Ahead) -> None:
    """Until no guess is under way."""
    while tasks := list(ahead._tasks._tasks.values()):
        await asyncio.wait(tasks)
