"""Every difference between operating systems, in one place.

Whoever needs a fast path asks here whether it exists; the answer on Windows and macOS is the portable one.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

WINDOWS = sys.platform == "win32"

#: `os.sendfile` with Linux semantics (file to socket, count bounded by the caller); macOS differs in its result.
HAS_SENDFILE = sys.platform == "linux" and hasattr(os, "sendfile")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Give the event loop's constructor: uvloop where it can be installed, else asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415  (absent on Windows and PyPy; the import is the question)
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def sync_directory(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut (POSIX needs the directory's own fsync; Windows has none)."""
    if WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
