"""What every index must do. A test class inherits `IndexContract` and gives the fixtures `index` and `world`.

`world` holds the upstream (tests.servers.upstream) that the index under test stands in front of.
"""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from tests.index.conftest import World, body
from tests.servers import rude

from pipway.errors import NotFound, Unavailable
from pipway.index.base import Index
from pipway.simple.page import File, NormalizedName


async def first_file(index: Index, project: str) -> File:
    """The first file of a project's page."""
    return (await index.project(NormalizedName(project))).page.files[0]


class IndexContract:
    """Inherit and give the fixtures."""

    async def test_a_project_is_a_page_with_a_lease(self, index: Index, world: World) -> None:
        world.upstream.add_wheel("Foo.Bar")
        listing = await index.project(NormalizedName("foo-bar"))
        assert listing.page.name == "foo-bar"
        assert [file.filename for file in listing.page.files] == ["foo_bar-1.0-py3-none-any.whl"]
        assert listing.outcome in ("hit", "miss", "joined", "stale")
        assert listing.fetched is not None
        assert listing.fetched.tzinfo is not None

    async def test_nothing_changed_means_the_same_page(self, index: Index, world: World) -> None:
        world.upstream.add_wheel("foo")
        first = await index.project(NormalizedName("foo"))
        assert (await index.project(NormalizedName("foo"), recheck=True)).page is first.page

    async def test_unknown_names_are_not_found(self, index: Index, world: World) -> None:
        with pytest.raises(NotFound):
            await index.project(NormalizedName("nothing"))

    async def test_a_failure_is_never_not_found(self, index: Index, world: World) -> None:
        world.upstream.behave("*", rude.failing(500))
        with pytest.raises(Unavailable) as caught:
            await index.project(NormalizedName("foo"))
        assert caught.value.retry_after > 0

    async def test_a_file_is_its_bytes_with_a_true_length(self, index: Index, world: World) -> None:
        wheel = world.upstream.add_wheel("foo")
        file = await first_file(index, "foo")
        download = await index.open(file)
        assert download.source.size == len(wheel.data)
        assert await body(download) == wheel.data
        assert await index.size(file) == len(wheel.data)

    async def test_readers_at_once_do_not_disturb_each_other(self, index: Index, world: World) -> None:
        wheel = world.upstream.add_wheel("foo", size_padding=200_000)
        file = await first_file(index, "foo")
        assert set(await asyncio.gather(*(body(index.open(file)) for _ in range(8)))) == {wheel.data}

    async def test_a_missing_file_is_not_found(self, index: Index, world: World) -> None:
        world.upstream.add_wheel("foo")
        file = await first_file(index, "foo")
        world.upstream.behave("/files/*", rude.answering(404))
        with pytest.raises(NotFound):
            await index.open(file)

    async def test_metadata_is_the_wheels_own_with_a_strong_etag(self, index: Index, world: World) -> None:
        wheel = world.upstream.add_wheel("foo")
        assert wheel.metadata is not None
        download = await index.metadata(await first_file(index, "foo"))
        assert download.etag == f'"sha256-{hashlib.sha256(wheel.metadata).hexdigest()}"'
        assert await body(download) == wheel.metadata

    async def test_projects_come_in_batches(self, index: Index, world: World) -> None:
        for project in ("foo", "Bar.Baz"):
            world.upstream.add_wheel(project)
        names = [name async for batch in index.projects() for name in batch]
        assert names == ["foo", "Bar.Baz"]

    async def test_without_a_list_there_is_no_first_batch(self, index: Index, world: World) -> None:
        await world.upstream.stop()
        with pytest.raises(Unavailable):
            await anext(index.projects())
