"""The protocol of a blob store. Implementations: `fs` (later `s3`); all pass tests/contracts/blobs.py.

A blob is visible only after `commit` has checked digest and length. Bytes being written can be read at once
through `Writer.source`, which is how one download serves many clients while it arrives.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NewType, Protocol

from pipway.wire.answer import Source

Digest = NewType("Digest", str)  #: SHA-256 in lower-case hexadecimal, 64 characters


class Writer(Protocol):
    """A blob being written. Exactly one of commit and abort ends it; `aclose`d writers are aborted."""

    @property
    def written(self) -> int:
        """Bytes written so far (also the offset at which a resumed transfer continues)."""

    async def write(self, data: bytes) -> None:
        """Append; hashing and disk work happen off the event loop. Readers are woken."""

    async def commit(self, *, hashes: Mapping[str, str], size: int | None) -> Digest:
        """Verify every given digest that hashlib knows, and the length; fsync; publish atomically.

        Raises BadUpstream and aborts when anything differs. Readers that wait get the error.
        """

    async def abort(self, reason: Exception) -> None:
        """Drop what was written; readers that wait get `reason`."""

    def source(self, size: int) -> Source:
        """A reader of this growing blob; `size` is the promised total length."""


class Blobs(Protocol):
    """Content-addressed storage."""

    async def open(self, digest: Digest) -> Source | None:
        """A pinned reader, or None when it is not there. The first opening in a process verifies the digest:

        a corrupt or truncated blob is quarantined (event `blob.quarantined`) and reported as not there."""

    async def begin(self) -> Writer:
        """Start writing a blob of a digest not known yet."""

    async def size(self, digest: Digest) -> int | None:
        """Length in bytes, None when not there."""

    async def delete(self, digest: Digest) -> bool:
        """Remove it unless it is being read; says whether it is gone."""

    def list(self) -> AsyncIterator[tuple[Digest, int]]:
        """Every blob with its length, in no order."""
