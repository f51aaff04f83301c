"""Which files git knows, read from its index; git itself is never run, so no hook and no monitor of a repository is.

`walk` asks: a secret in a tracked file is worse, and what is tracked is looked at even where .gitignore names it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from pipway.clients.ordinary_files import content

LARGEST = 64 << 20  #: bytes of an index; half a million files
_EXTENDED = 0x4000
_LONG = 0x0FFF
_ENTRY = 62  # bytes before an entry's name, with SHA-1


def repository(path: Path) -> Path | None:
    """The top of the work tree that `path` is in, None outside of any."""
    return next((folder for folder in (path, *path.parents) if os.path.lexists(folder / ".git")), None)


def tracked(top: Path) -> frozenset[str]:
    """Paths relative to `top`, with slashes; empty when there is no index, or none that we understand."""
    try:
        raw = content(_folder(top) / "index", LARGEST)
        return frozenset(_names(raw)) if len(raw) <= LARGEST else frozenset()
    except (OSError, ValueError, struct.error, IndexError):
        return frozenset()


def _folder(top: Path) -> Path:
    """.git, or what a file of that name points to: in a linked work tree and in a submodule (gitrepository-layout)."""
    git = top / ".git"
    if git.is_dir():
        return git
    line = content(git, 4096).decode("utf-8", "surrogateescape").strip()
    if not line.startswith("gitdir: ") or "\n" in line:
        raise ValueError("no gitdir")
    return top / line.removeprefix("gitdir: ")


def _names(raw: bytes) -> Iterator[str]:
    """Of the index format's versions 2, 3 and 4 (git's Documentation/gitformat-index.txt), with SHA-1 names."""
    sign, version, count = struct.unpack_from(">4sLL", raw)
    if sign != b"DIRC" or version not in (2, 3, 4) or count > len(raw) // _ENTRY:
        return
    place, name = 12, b""
    for _ in range(count):
        (flags,) = struct.unpack_from(">H", raw, place + 60)
        start = place + _ENTRY + (2 if version > 2 and flags & _EXTENDED else 0)
        if version == 4:  # the name shares its beginning with the one before
            gone, start = _number(raw, start)
            end = raw.index(b"\0", start)
            name = name[: len(name) - gone] + raw[start:end]
            place = end + 1
        else:
            end = start + (flags & _LONG) if flags & _LONG < _LONG else raw.index(b"\0", start)
            name = raw[start:end]
            place += (end - place + 8) // 8 * 8
        yield name.decode("utf-8", "surrogateescape")


def _number(raw: bytes, place: int) -> tuple[int, int]:
    """A variable-width number as in pack files, and where it ends."""
    byte = raw[place]
    number = byte & 127
    while byte & 128:
        place += 1
        byte = raw[place]
        number = (number + 1 << 7) | (byte & 127)
        if number > len(raw):
            raise ValueError("no such number")
    return number, place + 1
