"""The files of a tree: which are looked at, and what they say, within bounds.

`run` walks; collectors read what a file includes with `Tree.read`. .gitignore is respected, links do not lead out of
the root unless asked, devices and pipes are not opened, and nothing is ever run.
"""

from __future__ import annotations

import itertools
import os
import posixpath
import re
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from pipway.audit.facts import Source, Where
from pipway.audit.git import tracked as git
from pipway.audit.gitignore import spec
from pipway.clients.ordinary_files import content

LARGEST = 2 << 20  #: bytes of a file
LARGEST_LOCK = 32 << 20  #: bytes of what a program wrote: a large repository's lock has more than ten million
MOST = 200_000  #: files and folders of a tree
DEEPEST = 64  #: folders within folders
PATIENCE = 10.0  #: seconds for all patterns of all .gitignore files; then none is asked any more
_RULES = 1 << 18  # bytes of a .gitignore

#: names of what programs write, which may be large
_WRITTEN = re.compile(
    r"(?i)(?:uv|poetry|pdm|pixi|pipfile)\.lock|pylock(?:\.[^.]+)?\.toml|.*(?:requirement|constraint|lock).*\.txt"
)

#: Folders of tools, which nobody writes by hand.
_PASSED = frozenset(
    (
        *(".git", ".hg", ".svn", ".bzr", ".tox", ".nox", ".eggs", "node_modules", "site-packages", "dist-packages"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", "__pycache__", "__pypackages__"),
    )
)


@dataclass(frozen=True, slots=True)
class _Ignored:
    """The patterns of one .gitignore, and the folder they hold for."""

    folder: str  #: relative to the top, "" or ending with a slash
    spec: GitIgnoreSpec


@dataclass
class Tree:
    """What may be read: files below `root`."""

    root: Path
    follow: bool = False  #: links may lead out of the root
    known: frozenset[str] | None = None  #: tracked files, relative to the root; None: ask git's index
    skipped: list[str] = field(default_factory=list)  #: what was not looked at because it is too much, too deep …
    instead: Mapping[str, str] = field(default_factory=dict, repr=False)  #: texts that are not written yet, by `place`
    _matching: float = 0.0  # seconds

    @cached_property
    def _real(self) -> str:
        return os.path.realpath(self.root)

    @cached_property
    def _top(self) -> Path | None:
        return git.repository(Path(self._real))

    @cached_property
    def _prefix(self) -> str:
        """The root, seen from the top of the repository: "" or "packages/one/"."""
        inside = "" if self._top is None else Path(self._real).relative_to(self._top).as_posix()
        return "" if inside in {"", "."} else f"{inside}/"

    @cached_property
    def tracked(self) -> frozenset[str]:
        """Paths that version control knows, relative to the root."""
        if self.known is not None:
            return self.known
        names = frozenset[str]() if self._top is None else git.tracked(self._top)
        skip = len(self._prefix)
        return frozenset(name[skip:] for name in names if name.startswith(self._prefix))

    @cached_property
    def _tracked_folders(self) -> frozenset[str]:
        found: set[str] = set()
        for name in self.tracked:
            while (name := posixpath.dirname(name)) and name not in found:
                found.add(name)
        return frozenset(found)

    def read(self, path: str | PurePosixPath, kind: str = "", where: Where = Where.REPOSITORY) -> Source | None:
        """A file relative to the root. None when it is not there, too large, no text, or out of the tree."""
        name = posixpath.normpath(str(path))
        if posixpath.isabs(name) or name == ".." or name.startswith("../") or "\0" in name:
            return None
        real = self.place(name)
        found = None if real is None else load(Path(real))
        if real is None or found is None:
            return None
        text, mode = self.instead.get(real, found[0]), found[1]
        return Source(name, text, kind, where, tracked=name in self.tracked, mode=mode)

    def why_not(self, path: str) -> str:
        """Why `read` gives nothing of a file that is there."""
        real = self.place(path)
        if real is None:
            return "a link leads out of the tree"
        try:
            raw = content(Path(real), largest(Path(real).name))
        except (OSError, ValueError) as error:
            return f"it cannot be read: {getattr(error, 'strerror', None) or error}"
        if len(raw) > (most := largest(Path(real).name)):
            return f"it is larger than {most >> 20} MiB"
        return "it is no text"

    def head(self, path: str, most: int = 1024) -> str:
        """The beginning of a file; "" when there is none."""
        real = self.place(path)
        try:
            return "" if real is None else content(Path(real), most)[:most].decode("utf-8-sig", "replace")
        except OSError:
            return ""

    def files(self, below: Sequence[str] = ("",)) -> Iterator[str]:
        """Every file that is looked at, relative to the root, sorted by folder and name.

        What `below` names itself is looked at even when it is ignored.
        """
        budget = [MOST]
        for path in dict.fromkeys(posixpath.normpath(each) if each else "" for each in below):
            path = "" if path == "." else path
            if path and not os.path.isdir(self.root / path):  # noqa: PTH112 - a link that loops is no folder
                yield path
            else:
                above = self._above(path)
                whole = self._prefix + path
                named = bool(whole) and self._is_ignored(path, above, folder=True)
                yield from self._walk(path, () if named else above, 0, budget, set())

    def place(self, name: str) -> str | None:
        """The real path, None when a link leads out of the root."""
        try:
            real = os.path.realpath(Path(self._real, name))
        except (OSError, ValueError):
            return None
        inside = self.follow or real == self._real or real.startswith(self._real.rstrip(os.sep) + os.sep)
        return real if inside else None

    def _above(self, path: str) -> tuple[_Ignored, ...]:
        """The patterns that hold before a folder's own: of the repository's top, and of every folder between."""
        if self._top is None:
            return ()
        folders = [""]
        for part in PurePosixPath(self._prefix + path).parts[:-1] if self._prefix + path else ():
            folders.append(f"{folders[-1]}{part}/")
        last = self._prefix + (f"{path}/" if path else "")
        return tuple(
            found
            for folder in folders
            if folder != last
            if (found := _patterns(self._top / folder / ".gitignore", folder)) is not None
        )

    def _walk(
        self, folder: str, ignored: tuple[_Ignored, ...], depth: int, budget: list[int], seen: set[tuple[int, int]]
    ) -> Iterator[str]:
        here = self.root / folder
        try:
            with os.scandir(here) as entries:
                found = sorted(itertools.islice(entries, MOST + 1), key=lambda entry: entry.name)
        except OSError:
            return
        prefix = f"{folder}/" if folder else ""
        if depth > DEEPEST or any(entry.name == "pyvenv.cfg" for entry in found):
            if depth > DEEPEST:
                self.skipped.append(f"{folder}: too many folders within folders")
            return
        if any(entry.name == ".gitignore" for entry in found):
            own = _patterns(here / ".gitignore", self._prefix + prefix)
            ignored = ignored if own is None else (*ignored, own)
        folders: list[str] = []
        for entry in found:
            budget[0] -= 1
            if budget[0] < 0:
                if budget[0] == -1:
                    self.skipped.append(f"{prefix or '.'}: more than {MOST} files and folders")
                return
            path = prefix + entry.name
            if self._is_folder(entry, seen):
                if entry.name not in _PASSED and not self._is_ignored(path, ignored, folder=True):
                    folders.append(path)
            elif self._is_file(entry) and not self._is_ignored(path, ignored, folder=False):
                yield path
        for path in folders:
            yield from self._walk(path, ignored, depth + 1, budget, seen)

    def _is_folder(self, entry: os.DirEntry[str], seen: set[tuple[int, int]]) -> bool:
        """A linked folder is looked at only when links are followed, and once."""
        try:
            if entry.is_dir(follow_symlinks=False):
                return True
            if not self.follow or not entry.is_dir():
                return False
            status = entry.stat()
        except OSError:
            return False
        again = (status.st_dev, status.st_ino) in seen
        seen.add((status.st_dev, status.st_ino))
        return not again

    def _is_file(self, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_file()
        except OSError:
            return False

    def _is_ignored(self, path: str, ignored: tuple[_Ignored, ...], *, folder: bool) -> bool:
        """gitignore(5): the last pattern that matches decides, those of inner folders after those of outer ones."""
        if not ignored or self._matching > PATIENCE or path in (self._tracked_folders if folder else self.tracked):
            return False
        whole = (self._prefix + path).rstrip("/") + ("/" if folder else "")
        begun = time.perf_counter()
        verdicts = (each.spec.check_file(whole[len(each.folder) :]).include for each in reversed(ignored))
        verdict = next((each for each in verdicts if each is not None), False)
        self._matching += time.perf_counter() - begun
        if self._matching > PATIENCE:
            self.skipped.append(".gitignore: its patterns take too long, so the rest is looked at without them")
        return verdict


def largest(name: str) -> int:
    """Bytes that a file of this name may have."""
    return max(LARGEST, LARGEST_LOCK) if _WRITTEN.fullmatch(name) else LARGEST


def load(path: Path) -> tuple[str, int] | None:
    """The text and the permission bits of a file that is not too large; None when it is no such file or no text.

    Bytes that are no UTF-8 stay as surrogates and a byte order mark stays, so that all can be written back as it was.
    """
    try:
        most = largest(path.name)
        raw = content(path, most)
        mode = stat.S_IMODE(path.stat().st_mode)
    except (OSError, ValueError):
        return None
    if len(raw) > most or b"\0" in raw:
        return None
    return raw.decode("utf-8", "surrogateescape"), mode


def _patterns(file: Path, folder: str) -> _Ignored | None:
    try:
        if file.is_symlink() or len(raw := content(file, _RULES)) > _RULES:
            return None
        return _Ignored(folder, spec(raw.decode("utf-8", "replace").splitlines()))
    except (OSError, ValueError):
        return None
