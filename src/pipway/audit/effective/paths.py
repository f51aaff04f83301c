"""Which file of the tree a command means by a path: relative to the root, to its own folder, or as an image has it.

`requirement_files` and `config_files` ask. Names only: nothing is opened.
"""

from __future__ import annotations

import posixpath
from collections.abc import Container
from pathlib import PurePosixPath

from pipway.audit.facts import Source

_MOST = 20  # folders of a path


def meant(said: str, source: Source, known: Container[str]) -> str | None:
    """The path of a file that is `known`. In an image, below a variable and where a path is absolute, leading folders
    may be those of another machine."""
    text = said.strip().strip("\"'").replace("\\", "/")
    if not text or "://" in text or "\0" in text:
        return None
    folder = posixpath.dirname(source.path)
    elsewhere = source.kind == "dockerfile" or text.startswith(("/", "$", "%", "~"))
    parts = PurePosixPath(text.lstrip("/")).parts[-_MOST:]
    for first in range(len(parts) if elsewhere else 1):
        rest = "/".join(parts[first:])
        for base in dict.fromkeys(
            (folder, "") if source.kind in ("dockerfile", "requirements", "tox") else ("", folder)
        ):
            path = posixpath.normpath(posixpath.join(base, rest))
            if path in known:
                return path
    return None
