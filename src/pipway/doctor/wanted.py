"""What the failed command wants of a project's files: a version, a Python, uploaded before some day. Pure but for -r.

The index and download probes compare it with what the page offers.
"""

from __future__ import annotations

import platform
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pipway.clients.base import Setting
from pipway.doctor.base import Case
from pipway.doctor.commands import understood
from pipway.simple.guess import likely_file
from pipway.simple.installer import Installer
from pipway.simple.names import version_of
from pipway.simple.page import File, NormalizedName, Page

_BEFORE = ("--uploaded-prior-to", "--exclude-newer")
_BEFORE_VARIABLES = ("PIP_UPLOADED_PRIOR_TO", "UV_EXCLUDE_NEWER")
_PYTHON = "--python-version"
_HASH = re.compile(r"--hash[= ]sha256:([0-9a-fA-F]{64})")
_LARGEST = 1 << 20  # bytes of a requirements file


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of one project."""

    project: NormalizedName
    specifier: SpecifierSet
    python: str  #: "" when it is not known
    before: str  #: the option or variable that asks for upload times, "" for none
    hashes: frozenset[str] = frozenset()  #: SHA-256 that a requirements file allows; empty for all
    hashes_at: str = ""  #: which file says so
    text: str = ""  #: the requirement as it stands in the command, quoted for a shell

    def takes_python(self, file: File) -> bool:
        """Whether it may be installed by this Python."""
        if not file.requires_python or not self.python:
            return True
        try:
            return SpecifierSet(file.requires_python).contains(self.python, prereleases=True)
        except InvalidSpecifier:
            return True

    def takes_version(self, file: File) -> bool:
        """Whether its version is one of those asked for."""
        version = self._version(file)
        return version is not None and self.specifier.contains(version, prereleases=bool(self.specifier.prereleases))

    def newest(self, files: Sequence[File]) -> str:
        """The highest version among them."""
        return str(max((version for file in files if (version := self._version(file)) is not None), default=""))

    def likely(self, page: Page) -> File | None:
        """The file that the installer takes."""
        fitting = [file for file in page.files if self.takes_python(file)]
        narrowed = msgspec.structs.replace(page, files=tuple(fitting))
        return likely_file(narrowed, _installer(self.python), str(self.specifier)) or next(
            (file for file in reversed(fitting) if self.takes_version(file)), None
        )

    def _version(self, file: File) -> Version | None:
        try:
            return Version(version_of(file.filename, self.project) or "")
        except InvalidVersion:
            return None


def _installer(python: str) -> Installer:
    """This machine, with that Python; of the C library only what every Linux of today has."""
    release = tuple(int(part) for part in re.findall(r"\d+", python)[:3]) or sys.version_info[:3]
    name, text = platform.libc_ver()
    minor = re.search(r"\.(\d+)", text)
    libc = ("glibc", int(minor[1])) if name == "glibc" and minor else None
    return Installer("pip", (), release, platform.system(), platform.machine(), libc=libc)


def wanted(case: Case) -> Wanted:
    """Out of the command, the settings and the variables."""
    words = tuple(shlex.split(" ".join(case.command))) if case.command else ()
    arguments = understood(words).arguments
    specifier, hashes, where, said = SpecifierSet(), frozenset[str](), "", ""
    for text, source in _requirements(case.surroundings.cwd, arguments):
        found = _requirement(text)
        if found is not None and canonicalize_name(found.name) == case.project:
            specifier, said = found.specifier, "" if source else shlex.quote(text)
            hashes, where = frozenset(each.lower() for each in _HASH.findall(text)), source
            break
    python = _option(arguments, (_PYTHON,))[1]
    if not python and case.subject.installed is not None:
        python = case.subject.installed.python
    return Wanted(NormalizedName(case.project), specifier, python, _before(case, arguments), hashes, where, said)


def _before(case: Case, arguments: Sequence[str]) -> str:
    name = _option(arguments, _BEFORE)[0]
    if name:
        return name
    for variable in _BEFORE_VARIABLES:
        if case.surroundings.environ.get(variable) and (case.subject.name == "uv") == variable.startswith("UV_"):
            return variable
    effective = case.subject.effective.get(Setting.COOLDOWN)
    if effective is not None and effective.value and effective.entries:
        return effective.entries[0].key or str(effective.entries[0].place)
    return ""


def _option(arguments: Sequence[str], names: Sequence[str]) -> tuple[str, str]:
    """The name and the value of an option that is given in either form."""
    for place, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name in names:
            return name, value if equals else next(iter(arguments[place + 1 : place + 2]), "")
    return "", ""


def listed(folder: Path, arguments: Sequence[str]) -> str:
    """The first project that a requirements file of the command names, "" for none."""
    for text, source in _requirements(folder, arguments):
        if source and (found := _requirement(text)) is not None:
            return canonicalize_name(found.name)
    return ""


def _requirements(folder: Path, arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    for place, word in enumerate(arguments):
        if word in ("-r", "--requirement") and place + 1 < len(arguments):
            yield from _lines(folder / arguments[place + 1], arguments[place + 1])
        elif not word.startswith("-"):
            yield word, ""


def _lines(path: Path, name: str) -> Iterator[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LARGEST)
    except OSError:
        return
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith(("#", "-")):
            yield line.strip(), name


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(re.split(r"\s(?:#|--)", text, maxsplit=1)[0].strip())
    except InvalidRequirement:
        return None
