"""One file replaced whole: whoever reads it meanwhile, or after a crash, finds the old one or the new one.

`changes` calls it. A link stays a link: the file that it leads to is replaced. Mode and owner stay as they were.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pipway import platforms
from pipway.errors import UsageError

_LARGEST = 16 << 20  # bytes; configuration is a few kilobytes
_FRESH = 0o666  # of a new file, less what the umask takes
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class State:
    """What a file is at one moment; everything None when there is none."""

    content: bytes | None = field(repr=False)
    mode: int | None = None
    owner: tuple[int, int] | None = None  #: user and group


def target_of(path: Path) -> Path:
    """The file itself, behind any links. UsageError when they lead in a circle."""
    try:
        return path.absolute().resolve()
    except (OSError, RuntimeError) as error:
        raise failed(path, error) from None


def state_of(target: Path) -> State:
    """What is there now. UsageError when that is no ordinary file, or cannot be read."""
    try:
        status = target.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait
            raise UsageError("not-a-file", f"{target} is no ordinary file", fix="move it away")
        with target.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return State(None)
    except OSError as error:
        raise failed(target, error) from None
    if len(content) > _LARGEST:
        raise UsageError("file-too-large", f"{target} is larger than {_LARGEST >> 20} MB", fix="is it the right file?")
    return State(content, stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))


def put(target: Path, state: State, *, expected: bytes | None) -> tuple[Path, ...]:
    """Make `target` what `state` says, if it still has the bytes `expected`.

    Gives the folders that had to be made, outermost first. UsageError, and nothing changed, when that cannot be.
    """
    try:
        if state.content is None:
            _check(target, expected)
            target.unlink(missing_ok=True)
            platforms.sync_directory(target.parent)
            return ()
        made = _make(target.parent)
        try:
            _rename_over(target, state, state.content, expected)
        except BaseException:
            forget(made)
            raise
    except OSError as error:
        raise failed(target, error) from None
    return made


def forget(folders: tuple[Path, ...]) -> None:
    """Remove folders that were made for a file, as far as they are empty."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _rename_over(target: Path, state: State, content: bytes, expected: bytes | None) -> None:
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(13, "it is not writable for you")
    part = target.with_name(f".{target.name}.pipway-new")
    part.unlink(missing_ok=True)  # left by a run that was killed
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if not platforms.WINDOWS:
                _dress(file.fileno(), state)
            os.fsync(file.fileno())
        _check(target, expected)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    platforms.sync_directory(target.parent)


def _dress(descriptor: int, state: State) -> None:
    status = os.fstat(descriptor)
    if state.owner is not None and state.owner != (status.st_uid, status.st_gid):
        os.fchown(descriptor, *state.owner)
    os.fchmod(descriptor, state.mode if state.mode is not None else _FRESH & ~_umask())


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _make(folder: Path) -> tuple[Path, ...]:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    missing.reverse()
    for path in missing:
        path.mkdir(exist_ok=True)
    return tuple(missing)


def _check(target: Path, expected: bytes | None) -> None:
    if state_of(target).content != expected:
        raise UsageError(
            "changed-meanwhile",
            f"{target} changed while it was about to be written",
            why="somebody else writes it, too; it was left as it is",
            fix="run the command again",
        )


def failed(path: Path, error: Exception) -> UsageError:
    """What to say when the system refuses."""
    why = getattr(error, "strerror", None) or str(error)
    return UsageError(
        "file-unwritable", f"cannot change {path}", why=why, fix="check who owns it and its folder, or choose a --scope"
    )
