"""Keep the blobs within a budget of bytes, and the catalog in step with the disk.

`app` calls it now and then and after much was stored, the command line on demand; several processes may. It never
removes what this process is reading; on POSIX a file that another process reads stays readable to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipway.store.base import Blobs, Digest
from pipway.store.catalog import Catalog

#: Bytes that could be fetched in the time one request's round trips take (0.1 s at 10 MB/s): see `worth_losing`.
ROUND_TRIP_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep found and did."""

    blobs: int  #: found
    bytes: int  #: found
    removed: int  #: blobs removed
    freed: int  #: bytes removed
    busy: int  #: blobs that would have gone but are being read
    gone: int  #: blobs that were gone already and whose catalog rows were dropped

    @property
    def left(self) -> int:
        """Bytes still stored."""
        return self.bytes - self.freed


def worth_losing(size: int, idle: float) -> float:
    """How little a blob of `size` bytes, not used for `idle` seconds, is worth; the highest goes first.

    Greedy-Dual-Size without its bookkeeping. To keep a blob saves, per use, the time to fetch it again: a fixed
    part (round trips, worth K bytes) and a part that grows with its size, so (K + size). It is used about once per
    `idle`. Per byte that it occupies, keeping it is worth (K + size) / (size * idle); this is the inverse. Among
    big blobs that is plain LRU; a 10 KB metadata file outlives a big wheel a hundredfold, for it costs nothing.
    """
    return max(idle, 1.0) * size / (ROUND_TRIP_BYTES + size)


async def sweep(blobs: Blobs, catalog: Catalog, *, budget: int, now: datetime) -> SweepResult:
    """Remove the least valuable blobs until at most `budget` bytes are left; `now` is aware UTC.

    A blob whose last use nobody knows (its process was killed before it wrote that down) counts as used now, and is
    remembered so. Rows of blobs that are gone, removed here or elsewhere, are dropped.
    """
    uses = await catalog.uses()
    found = {digest: size async for digest, size in blobs.list()}
    for digest in found.keys() - uses.keys():
        catalog.touch(digest, now)
    gone = await _gone(blobs, await catalog.digests() - found.keys())

    total = sum(found.values())
    removed: list[Digest] = []
    freed = busy = 0
    if total > budget:
        for digest in await asyncio.to_thread(_worst_first, found, uses, now):
            if total - freed <= budget:
                break
            if await blobs.delete(digest):
                removed.append(digest)
                freed += found[digest]
            else:
                busy += 1
    if gone or removed:
        await catalog.forget_blobs([*gone, *removed])
        await catalog.shrink()
    await catalog.flush()
    return SweepResult(len(found), total, len(removed), freed, busy, len(gone))


def _worst_first(found: Mapping[Digest, int], uses: Mapping[Digest, datetime], now: datetime) -> list[Digest]:
    def worth(digest: Digest) -> float:
        return worth_losing(found[digest], (now - uses.get(digest, now)).total_seconds())

    return sorted(found, key=worth, reverse=True)


async def _gone(blobs: Blobs, missing: Iterable[Digest]) -> list[Digest]:
    """Those that are really not there: some may have been stored since the listing."""
    return [digest for digest in missing if await blobs.size(digest) is None]
