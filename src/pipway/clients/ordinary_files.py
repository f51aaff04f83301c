"""Files of other tools, opened so that nothing waits and nothing is without end.

Every client reads through it. A pipe in the place of a file would wait for a writer, a device would fill the memory,
and a folder that nobody else may look into would be an error where there is only no file.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether an ordinary file is there, as far as we may see."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # before Python 3.14 a folder without permission raises; a name with NUL is none
        return False


def content(path: Path, most: int) -> bytes:
    """Its first `most` bytes and one more, which tells that there is more. OSError when it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):  # /dev/null is one of those, and stands for an empty file
            raise OSError(errno.EINVAL, "it is no ordinary file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most + 1) or b""
    finally:
        os.close(descriptor)
