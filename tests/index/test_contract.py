"""Every index of this package keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contracts.index import IndexContract
from tests.index.conftest import Build, World
from tests.servers.upstream import Upstream

from pipway.index.base import Index
from pipway.index.merged import Merged


class TestCached(IndexContract):
    @pytest.fixture
    async def index(self, world: World) -> Index:
        return world.index


class TestCachedOverHtml(IndexContract):
    """The bare HTML front that many networks have instead of an index: no validators, no metadata, no sizes."""

    @pytest.fixture
    async def index(self, upstream: Upstream, build: Build) -> Index:
        upstream.form = "minimal"
        upstream.serve_metadata = upstream.ranges = False
        return (await build()).index

    @pytest.fixture
    async def world(self, index: Index, upstream: Upstream, tmp_path: Path) -> World:
        return World(upstream, tmp_path)


class TestCachedOverMerged(IndexContract):
    @pytest.fixture
    async def index(self, world: World) -> Index:
        return world.over(Merged([world.remote])).index
