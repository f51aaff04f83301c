"""Which indexes are asked: those of the settings, else the default one. `app` and `pipway ca` read it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable

from pipway.settings import Settings

Address = str | Callable[[], Awaitable[str]]


def upstreams(settings: Settings) -> list[tuple[str, Address]]:
    """Names and addresses; the default index's address is looked up when it is first needed."""
    if settings.upstreams:
        return [(upstream.name, upstream.url) for upstream in settings.upstreams]
    return [("default", _default_index)]


async def _default_index() -> str:
    """Where the default index lives, from the one package that says so; importing it takes 0.3 s, so in a thread."""
    module = await asyncio.to_thread(importlib.import_module, "pypi_simple")
    return str(module.PYPI_SIMPLE_ENDPOINT)
