"""Where computing happens: at once when it is small, in a thread when it would stall every connection.

`index` and `web` call it for reading, rendering and compressing pages. A hand-over to a thread and back costs some
0.1 ms and often more under load, which is what a page of a hundred files costs altogether.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Bytes of page that are worked on directly; some 0.5 ms of reading or rendering each.
SMALL = 65_536


async def offload(weight: int, function: Callable[[], T]) -> T:
    """Give `function()`; it may hold up the event loop only if it works on at most `SMALL` bytes (`weight`)."""
    if weight <= SMALL:
        return function()
    return await asyncio.to_thread(function)
