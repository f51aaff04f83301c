"""Blobs that changed on the disk are kept aside for a person to look at: the newest few, never served.

Everything here blocks and runs in the threads of `fs`.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from pipway.platforms import sync_directory
from pipway.store.disk import disk

#: At most so many are kept …
KEPT_FILES = 16
#: … of at most so many bytes together, the newest always.
KEPT_BYTES = 1 << 30


def put_away(blob: Path, folder: Path, inode: int) -> None:
    """Move a rotten blob here, unless a good one has taken its place meanwhile."""
    with disk(folder), suppress(FileNotFoundError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if blob.stat().st_ino == inode:
            blob.replace(folder / f"{blob.name}.{secrets.token_hex(4)}")
            sync_directory(blob.parent)
            _keep_newest(folder)


def empty(folder: Path) -> int:
    """Remove everything; gives the number of bytes."""
    freed = 0
    with disk(folder):
        for path in folder.glob("*"):
            with suppress(FileNotFoundError):  # another process empties it, too
                size = path.stat().st_size
                path.unlink()
                freed += size
    return freed


def _keep_newest(folder: Path) -> None:
    # By change of status, which moving here was: the content's own time says when it was stored.
    found = sorted(((path.stat(), path) for path in folder.iterdir()), key=lambda pair: -pair[0].st_ctime_ns)
    total = 0
    for number, (status, path) in enumerate(found):
        total += status.st_size
        if number and (number >= KEPT_FILES or total > KEPT_BYTES):
            path.unlink(missing_ok=True)
