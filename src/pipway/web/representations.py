"""Rendered pages: the bytes of one page in one form and one encoding, made once per change and shared.

`web.simple` asks for them. Rendering, compressing and hashing happen in a thread, once however many clients wait;
memory is bounded by bytes. Pages are only referred to weakly: whether they stay in memory is the index's business.
"""

from __future__ import annotations

import asyncio
import hashlib
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

from pipway.offload import offload
from pipway.simple.page import Page


class Representation(NamedTuple):
    """Bytes and the first 128 bits of their SHA-256 in hexadecimal."""

    body: bytes
    digest: str


class _Kept(NamedTuple):
    page: weakref.ref[Page]
    representation: Representation


class Representations:
    """Keeps the most recently used ones, at most `limit` bytes of bodies together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._making: dict[Hashable, tuple[Page, asyncio.Future[Representation]]] = {}

    @property
    def size(self) -> int:
        """Bytes of bodies held now."""
        return self._size

    async def get(self, page: Page, kind: Hashable, build: Callable[[], bytes], *, weight: int) -> Representation:
        """The bytes of `page` as `kind`; `build` makes them unless this very page object has them already.

        `weight` (about the bytes to be made) decides whether that takes a thread. Whatever `build` raises reaches
        everyone who waits for it, and is not remembered.
        """
        key = (page.name, kind)
        kept = self._kept.get(key)
        if kept is not None and kept.page() is page:
            self._kept.move_to_end(key)
            return kept.representation
        making = self._making.get(key)
        if making is None or making[0] is not page:
            future = asyncio.ensure_future(offload(weight, lambda: _make(build)))
            making = self._making[key] = (page, future)
            future.add_done_callback(lambda done: self._finish(key, page, done))
        # Shielded: a client that leaves must not take the page from the others.
        return await asyncio.shield(making[1])

    def _finish(self, key: Hashable, page: Page, done: asyncio.Future[Representation]) -> None:
        current = self._making.get(key)
        newest = current is not None and current[1] is done
        if newest:
            del self._making[key]
        if done.cancelled() or done.exception() is not None or not newest:
            return
        self._drop(key)
        made = done.result()
        self._kept[key] = _Kept(weakref.ref(page), made)
        self._size += len(made.body)
        while self._size > self._limit:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._size -= len(kept.representation.body)


def _make(build: Callable[[], bytes]) -> Representation:
    body = build()
    return Representation(body, hashlib.sha256(body).hexdigest()[:32])
