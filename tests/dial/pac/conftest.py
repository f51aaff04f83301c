"""PAC files: a thread runs them, so one event loop will do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from pipway.platforms import loop_factory


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The one that users have."""
    return {"fastest": loop_factory()}
