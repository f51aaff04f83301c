"""The fake passes the contract of the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.contracts.blobs import BlobsContract
from tests.servers.memory_blobs import MemoryBlobs

from pipway.store.base import Blobs


class TestMemoryBlobs(BlobsContract):
    @pytest_asyncio.fixture
    async def blobs(self) -> AsyncIterator[Blobs]:
        store = MemoryBlobs()
        yield store
        await store.aclose()
