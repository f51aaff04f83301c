"""The local disk: the contract, and what only a disk can do wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.contracts.blobs import BlobsContract

from pipway.store.base import Blobs
from pipway.store.fs import FsBlobs


class TestFsBlobs(BlobsContract):
    @pytest_asyncio.fixture
    async def blobs(self, tmp_path: Path) -> AsyncIterator[Blobs]:
        store = FsBlobs(tmp_path)
        yield store
        await store.aclose()
