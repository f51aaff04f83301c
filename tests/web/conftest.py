"""What every test of this folder must leave behind: nothing open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.web.site import MemorySource


@pytest.fixture(autouse=True)
def every_source_is_closed() -> Iterator[None]:
    MemorySource.open = 0
    yield
    assert MemorySource.open == 0
