"""Names: of projects, of files, and what a file's name says about its project and version.

Everyone who takes a name from a client or an upstream passes it through here before it touches a disk or a URL.
Nothing here trusts its input, and nothing here does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from packaging.version import InvalidVersion, Version

from pipway.errors import UsageError
from pipway.simple.page import NormalizedName

#: Longer names exist nowhere; the bound keeps keys, paths and log lines short.
NAME_LIMIT = 200
#: Bytes of a file name that every file system takes.
FILENAME_LIMIT = 255
#: Project names tried for one ambiguous file name.
CANDIDATE_LIMIT = 8

#: PEP 508 (names): letters and digits at both ends, ASCII only.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
#: Most file names, told apart at a quarter of the cost.
_ORDINARY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,254}").fullmatch
_SEPARATORS = re.compile(r"[-_.]+")

#: What follows a file's own name when it is fetched beside it (PEP 658, PEP 503 on signatures, PEP 740).
_SIDECARS = (".metadata", ".asc", ".provenance")
#: Source archives that installers have ever taken, longest first where one ends another.
SDIST_SUFFIXES = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tar.lzma", ".tar.lz", ".tar.z", ".tgz", ".tbz2", ".tbz",
                  ".txz", ".tlz", ".tar")  # fmt: skip
#: Built forms that are not wheels; their names may end in a platform and a Python version.
_BUILT_SUFFIXES = (".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg")
DIST_SUFFIXES = (".whl", *SDIST_SUFFIXES, *_BUILT_SUFFIXES)
#: "-py3.8", ".win-amd64", "-1.noarch": what `bdist_*` put behind the version.
_BUILD_TAG = re.compile(r"(?:[-.](?:py\d[\d.]*|win32|win-\w+|linux-\w+|macosx-[\w.-]+|\d+\.(?:noarch|src|x86_64)))+$")


def is_valid_name(name: str) -> bool:
    """Say whether a project can have this name (PEP 508), normalised or not."""
    return len(name) <= NAME_LIMIT and _NAME.fullmatch(name) is not None


def normalize(name: str) -> NormalizedName:
    """Give the name by which a project is known (PEP 503). UsageError "invalid-name" for what can be no name."""
    if not is_valid_name(name):
        raise UsageError(
            "invalid-name",
            f"{name[:80]!r} is not a project name",
            why="a name has ASCII letters and digits, with single '.', '-' or '_' or runs of them between (PEP 508)",
            fix="check the spelling of the requirement",
        )
    return NormalizedName(_SEPARATORS.sub("-", name).lower())


def valid_filename(filename: str) -> bool:
    """Say whether it is one harmless path segment: printable, no separator, no leading dot, at most 255 bytes."""
    if _ORDINARY(filename):
        return True
    return (
        0 < len(filename) <= FILENAME_LIMIT
        and filename.isprintable()  # no control, format (bidi), surrogate or line separator characters
        and "/" not in filename
        and "\\" not in filename
        and filename[0] not in ". "
        and filename[-1] != " "
        and (filename.isascii() or len(filename.encode()) <= FILENAME_LIMIT)
    )


def is_distribution(filename: str) -> bool:
    """Say whether the name ends like something an installer may download."""
    return filename.lower().endswith(DIST_SUFFIXES)


def project_candidates(filename: str) -> tuple[NormalizedName, ...]:
    """Give the projects a file may belong to, most likely first; at most eight, none when it is no distribution.

    A wheel says it (PEP 427). In an sdist older than PEP 625 any dash may end the name: first come the splits
    whose rest is a version, the longest rest first, then the other splits from the right.
    """
    stem, kind = _split_suffix(_without_sidecar(filename))
    if not kind:
        return ()
    if kind == ".whl" or kind == ".egg":
        return tuple(_names([stem.partition("-")[0]]))
    if kind == ".deb" and "_" in stem:
        return tuple(_names([stem.partition("_")[0]]))
    dashes = [match.start() for match in re.finditer("-", stem)][:64]
    if not dashes:
        return tuple(_names([stem]))
    sure = [at for at in dashes if _parse(stem[at + 1 :]) is not None]
    rest = [at for at in reversed(dashes) if at not in sure]
    return tuple(_names(stem[:at] for at in (*sure, *rest)))


def version_of(filename: str, project: NormalizedName) -> str | None:
    """Give the version in a file's name in canonical spelling (PEP 440), None when it has none for this project."""
    if filename.endswith(".whl"):  # PEP 427: the fast way for most files of most pages
        parts = filename.split("-", 2)
        if len(parts) == 3 and _canonical(parts[0]) == project:
            return _spelling(parts[1])
        return None
    stem, kind = _split_suffix(filename)
    if not kind:
        return None
    if kind == ".egg":
        stem = "-".join(stem.split("-")[:2])
    head, _, tail = stem.rpartition("-")
    if head and _canonical(head) == project and (found := _spelling(tail)):
        return found
    for match in re.finditer("-", stem[:FILENAME_LIMIT]):
        if _canonical(stem[: match.start()]) == project and (found := _spelling(stem[match.end() :])):
            return found
    return None


def versions_of(filenames: Iterable[str], project: NormalizedName) -> tuple[str, ...]:
    """Give the versions that have a file, oldest first, without duplicates (PEP 700: "logically a set")."""
    spellings = {version_of(filename, project) for filename in filenames} - {None}
    # Of spellings that mean the same version ("1.9", "1.9.0") always the same one, so that pages do not flicker.
    parsed = {version: text for text in sorted(filter(None, spellings), reverse=True) if (version := _parse(text))}
    return tuple(parsed[version] for version in sorted(parsed))


def _without_sidecar(filename: str) -> str:
    for suffix in _SIDECARS:
        filename = filename.removesuffix(suffix)
    return filename


def _split_suffix(filename: str) -> tuple[str, str]:
    """Split into stem and the kind of file; the kind is empty when no installer would take it."""
    lowered = filename[-12:].lower()
    for suffix in DIST_SUFFIXES:
        if lowered.endswith(suffix):
            stem = filename[: -len(suffix)]
            if suffix in _BUILT_SUFFIXES and suffix != ".egg":
                stem = _BUILD_TAG.sub("", stem)
            return stem, suffix
    return filename, ""


def _names(texts: Iterable[str]) -> Iterator[NormalizedName]:
    seen: set[NormalizedName] = set()
    for text in texts:
        name = _canonical(text)
        if name is not None and name not in seen and len(seen) < CANDIDATE_LIMIT:
            seen.add(name)
            yield name


@lru_cache(maxsize=4096)
def _canonical(name: str) -> NormalizedName | None:
    try:
        return normalize(name)
    except UsageError:
        return None


@lru_cache(maxsize=16384)
def _parse(text: str) -> Version | None:
    if len(text) > 128:  # int() of thousands of digits is quadratic
        return None
    try:
        return Version(text)
    except InvalidVersion:
        return None


@lru_cache(maxsize=16384)
def _spelling(text: str) -> str | None:
    version = _parse(text)
    return None if version is None else str(version)
