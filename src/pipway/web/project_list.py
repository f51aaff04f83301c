"""The body of `/simple/`: every project's name, rendered and compressed batch by batch as the index gives them.

`web.simple` makes one per request; the server iterates and closes it. Memory holds one batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pipway.simple import projects
from pipway.simple.negotiate import Encoding, Form
from pipway.web.encoding import compressor


class ListBody:
    """An async iterator of chunks. Call `start` first, close it with `aclose`."""

    def __init__(self, batches: AsyncIterator[list[str]], form: Form, encoding: Encoding) -> None:
        self._batches = batches
        self._form = form
        self._compressor = compressor(encoding)
        self._next: list[str] | None = None
        self._begun = False
        self._ended = False

    async def start(self) -> None:
        """Fetch the first batch. Raises what the index raises, when an error answer is still possible."""
        self._next = await anext(self._batches, None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._ended:
            batch = self._next
            chunk = await asyncio.to_thread(self._chunk, batch)
            if batch is None:
                self._ended = True
            else:
                self._next = await anext(self._batches, None)
            if chunk:  # an empty chunk would end a chunked body (RFC 9112 §7.1)
                return chunk
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Release the index's iterator; safe at any moment and more than once."""
        self._ended = True
        close = getattr(self._batches, "aclose", None)
        if close is not None:
            await close()

    def _chunk(self, batch: list[str] | None) -> bytes:
        data = b"" if self._begun else projects.list_head(self._form)
        data += (
            projects.list_tail(self._form)
            if batch is None
            else projects.list_items(batch, self._form, first=not self._begun)
        )
        self._begun = True
        if self._compressor is None:
            return data
        return self._compressor.compress(data) + (self._compressor.flush() if batch is None else b"")
