"""What the operating system says about a full or forbidden disk, in words that carry the fix.

Used by everything in this package that touches files. It never decides what to do next.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipway.errors import Unavailable

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}


def disk_error(error: OSError, path: Path) -> Unavailable:
    """Say what `error` at `path` means: `disk-full`, `disk-forbidden`, `too-many-files` or `disk-failed`."""
    why = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return Unavailable(
            "disk-full",
            f"there is no room left to write under {path}",
            why=why,
            fix="free some space, lower the cache's size budget, or run `pipway cache prune`",
        )
    if error.errno in _FORBIDDEN:
        return Unavailable(
            "disk-forbidden",
            f"the system does not let pipway use {path}",
            why=why,
            fix="give the user that runs pipway read and write permission there, or choose another --data directory",
        )
    if error.errno in _DESCRIPTORS:
        return Unavailable(
            "too-many-files",
            "no more files can be opened",
            why=why,
            fix="raise the limit on open files (ulimit -n, LimitNOFILE=)",
        )
    return Unavailable("disk-failed", f"reading or writing under {path} failed", why=why, fix="check the disk")


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into an Unavailable that names `path`."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def catalog_error(error: sqlite3.Error, path: Path) -> Unavailable:
    """Say what SQLite's `error` on the catalog at `path` means."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    why = str(error)
    if primary == sqlite3.SQLITE_FULL:
        return disk_error(OSError(errno.ENOSPC, why), path)
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return disk_error(OSError(errno.EACCES, why), path)
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable("catalog-busy", f"another process keeps {path} locked", why=why, fix="try again shortly")
    return Unavailable("catalog-failed", f"the catalog {path} cannot be used", why=why, fix="check the disk")
