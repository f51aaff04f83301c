"""What an installer will ask for next: the file it picks from a page, and what that file's METADATA needs.

`index.ahead` fetches it meanwhile. A guess may be wrong (constraints, what is installed already): that costs bytes,
never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from pipway.errors import UsageError
from pipway.simple.installer import Installer
from pipway.simple.names import normalize, version_of
from pipway.simple.page import File, NormalizedName, Page

_DEPENDENCIES = 300  # of one METADATA that are looked at
_VERSIONS = 20  # newest ones of a page that are looked at for a usable file


@dataclass(frozen=True)
class Wanted:
    """A project that something needs."""

    name: NormalizedName
    versions: str = ""  #: a specifier (PEP 440), empty for any
    extras: frozenset[str] = frozenset()


def likely_file(page: Page, installer: Installer, versions: str = "") -> File | None:
    """Give the file an installer picks: of the newest version that fits, the best wheel, else the sdist."""
    by_version: dict[str, list[File]] = {}
    for file in page.files:
        if not file.yanked and (spelled := version_of(file.filename, page.name)):
            by_version.setdefault(spelled, []).append(file)
    allowed = _specifier(versions)
    newest = sorted(((Version(spelled), files) for spelled, files in by_version.items()), key=_by_version, reverse=True)
    fitting = [(version, files) for version, files in newest if allowed.contains(version, prereleases=True)]
    finals = [pair for pair in fitting if not pair[0].is_prerelease or allowed.prereleases]
    for _, files in (finals or fitting)[:_VERSIONS]:
        usable = [file for file in files if _python_allowed(file.requires_python, installer.python)]
        ranked = [(rank, number) for number, file in enumerate(usable) if (rank := _rank(file, installer)) is not None]
        if ranked:
            return usable[min(ranked)[1]]
    return None


def dependencies(metadata: bytes, installer: Installer, extras: Iterable[str] = ()) -> list[Wanted]:
    """Give what METADATA says is needed on this installer's Python (Requires-Dist, core metadata specification)."""
    wanted = []
    for line in list(_requires(metadata))[:_DEPENDENCIES]:
        try:
            requirement = Requirement(line)
            if requirement.url or not _applies(requirement, installer, extras):
                continue
            wanted.append(
                Wanted(normalize(requirement.name), str(requirement.specifier), frozenset(requirement.extras))
            )
        except (InvalidRequirement, UsageError):
            continue
    return wanted


def _by_version(pair: tuple[Version, list[File]]) -> Version:
    return pair[0]


def _rank(file: File, installer: Installer) -> int | None:
    """Lower is better; None: of no use. Any sdist comes after every wheel."""
    if not file.filename.endswith(".whl"):
        return len(installer.tags) if file.filename.endswith((".tar.gz", ".zip")) else None
    try:
        tags = parse_wheel_filename(file.filename)[3]
    except (InvalidWheelFilename, InvalidVersion):
        return None
    return min((installer.tags[tag] for tag in tags if tag in installer.tags), default=None)


def _requires(metadata: bytes) -> Iterator[str]:
    """The values of Requires-Dist: header fields end at the first empty line."""
    header = metadata.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    for line in header.decode(errors="replace").split("\n"):
        name, _, value = line.partition(":")
        if name.lower() == "requires-dist":
            yield value.strip()[:2000]


def _applies(requirement: Requirement, installer: Installer, extras: Iterable[str]) -> bool:
    if requirement.marker is None:
        return True
    try:
        return any(requirement.marker.evaluate({**installer.environment, "extra": extra}) for extra in ("", *extras))
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return False


@lru_cache(maxsize=1024)
def _specifier(text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text[:500])
    except InvalidSpecifier:
        return SpecifierSet()


@lru_cache(maxsize=1024)
def _python_allowed(requires: str | None, python: tuple[int, ...]) -> bool:
    return not requires or _specifier(requires).contains(".".join(map(str, python)), prereleases=True)
