"""Files that are being written: created locked, so that those a killed process left behind can be told apart.

Everything here blocks and runs in the threads of `fs`. Several processes share the folder.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipway.platforms import open_shared, try_lock
from pipway.store.disk import disk


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file being written: locked through `descriptor` while its writer lives, read through its own `reading`."""

    path: Path
    descriptor: int
    reading: int


def create(folder: Path) -> Incoming:
    """Make a new file, locked."""
    with disk(folder):
        while True:
            path = folder / f"{secrets.token_hex(12)}.part"
            try:
                descriptor = open_shared(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            except FileNotFoundError:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                continue
            # Between creating and locking, a sweep of another process may take the file for an orphan.
            if try_lock(descriptor) and os.fstat(descriptor).st_nlink:
                try:
                    return Incoming(path, descriptor, open_shared(path, os.O_RDONLY))
                except OSError:
                    path.unlink(missing_ok=True)
                    os.close(descriptor)
                    raise
            os.close(descriptor)


def discard(incoming: Incoming) -> None:
    """Remove an unfinished file; `reading` belongs to its readers."""
    try:
        with suppress(OSError):  # whatever cannot be removed now is an orphan for `sweep`
            incoming.path.unlink(missing_ok=True)
    finally:
        os.close(incoming.descriptor)


def sweep(folder: Path) -> int:
    """Remove what nobody writes any more; gives the number of files."""
    removed = 0
    for path in folder.glob("*.part"):
        try:
            descriptor = open_shared(path, os.O_RDWR)
        except OSError:  # gone, or another user's
            continue
        try:
            # Lockable: its writer is dead, has not locked it yet (and will make another), or has just published it.
            if try_lock(descriptor):
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue
        finally:
            os.close(descriptor)
    return removed
