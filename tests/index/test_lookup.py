"""From a URL to its file, and only to files that a page lists."""

from __future__ import annotations

import pytest
from tests.index.conftest import World, name
from tests.servers import rude

from pipway.errors import NotFound, Unavailable


async def test_a_known_page_answers_without_asking_anyone(world: World) -> None:
    wheel = world.upstream.add_wheel("foo")
    await world.index.project(name("foo"))
    await world.restart(offline=True)
    world.clock.advance(86_400)
    assert (await world.lookup.find(world.upstream.url_of(wheel))).sha256 == wheel.digest


async def test_an_unknown_page_is_asked_for(world: World) -> None:
    """A lock file's URL comes without any page before it."""
    wheel = world.upstream.add_wheel("foo")
    assert (await world.lookup.find(world.upstream.url_of(wheel))).sha256 == wheel.digest
    assert world.asked("/simple/*") == 1


async def test_a_file_newer_than_our_page_is_found_by_revalidating_once(world: World) -> None:
    world.upstream.add_wheel("foo")
    await world.index.project(name("foo"))
    newer = world.upstream.add_wheel("foo", "2.0")
    world.clock.advance(10)
    assert (await world.lookup.find(world.upstream.url_of(newer))).sha256 == newer.digest
    assert world.asked("/simple/foo/") == 2


async def test_an_ambiguous_sdist_name_tries_every_project(world: World) -> None:
    """Before PEP 625 any dash could end the name."""
    sdist = world.upstream.add_file("foo-bar", "foo-bar-1.0.tar.gz", b"data")
    assert (await world.lookup.find(world.upstream.url_of(sdist))).sha256 == sdist.digest


async def test_what_no_page_lists_is_never_fetched(world: World) -> None:
    world.upstream.add_wheel("foo")
    for url in (
        f"{world.upstream.origin}/files/evil/foo-1.0-py3-none-any.whl",
        "http://169.254.169.254/latest/foo-1.0-py3-none-any.whl",
        f"{world.upstream.origin}/admin",
        "nonsense",
    ):
        with pytest.raises(NotFound):
            await world.lookup.find(url)
    assert world.asked("/files/*") == world.asked("/admin") == 0


async def test_an_outage_is_not_an_absence(world: World) -> None:
    wheel = world.upstream.add_wheel("foo")
    world.upstream.behave("/simple/*", rude.failing(503))
    with pytest.raises(Unavailable):
        await world.lookup.find(world.upstream.url_of(wheel))


@pytest.mark.parametrize("respelled", ["%2B", "%2b"])
async def test_a_client_may_spell_a_url_otherwise(world: World, respelled: str) -> None:
    """pip re-quotes every path it asks for; a local version's "+" (PEP 440) comes as %2B."""
    wheel = world.upstream.add_wheel("foo", "1.0+cu118")
    url = world.upstream.url_of(wheel)
    for spelling in (url.replace("%2B", "+"), url.replace("%2B", "+").replace("+", respelled)):
        assert (await world.lookup.find(spelling)).sha256 == wheel.digest


async def test_another_path_is_another_file(world: World) -> None:
    """An encoded slash does not separate (RFC 3986 §2.2)."""
    wheel = world.upstream.add_wheel("foo", "1.0+local")
    url = world.upstream.url_of(wheel)
    folder, _, last = url.rpartition("/")
    with pytest.raises(NotFound):
        await world.lookup.find(f"{folder}%2F{last.replace('+', '%2B')}")
