"""Where an installer unpacks what it fetched, whether it may write there, and how much room is left.

The download probe asks. A file is made and taken away again, nothing else is written.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipway.clients.base import Surroundings

_VARIABLES = ("TMPDIR", "TEMP", "TMP")  # in the order in which Python's tempfile asks them


@dataclass(frozen=True, slots=True)
class Room:
    """A folder for temporary files."""

    path: Path
    free: int  #: bytes
    writable: bool
    others: tuple[Path, ...] = ()

    def better(self, needed: int) -> Path | None:
        """Another folder that has room."""
        return next((each for each in self.others if _free(each) >= needed and _writable(each)), None)


def temporary(surroundings: Surroundings) -> Room:
    """The one that an installer takes; folders that cannot be used are passed over, as tempfile does."""
    candidates = list(_candidates(surroundings))
    path = next((each for each in candidates if _writable(each)), candidates[0])
    others = (Path("/var/tmp"), surroundings.home, surroundings.cwd, Path("/tmp"))  # noqa: S108 - suggested only
    return Room(path, _free(path), _writable(path), tuple(each for each in others if each != path))


def _candidates(surroundings: Surroundings) -> Iterator[Path]:
    for name in _VARIABLES:
        if text := surroundings.environ.get(name):
            yield Path(text)
    for text in ("/tmp", "/var/tmp", "/usr/tmp"):  # noqa: S108 - what tempfile tries, looked at only
        yield Path(text)
    yield surroundings.cwd


def _writable(folder: Path) -> bool:
    """Full is not forbidden: an empty file is no use of room."""
    try:
        handle, name = tempfile.mkstemp(prefix="pipway-doctor-", dir=folder)
    except OSError:
        return False
    os.close(handle)
    Path(name).unlink(missing_ok=True)
    return True


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
