"""A project's page and a wheel's METADATA, read for what an audit compares: digests of some versions, needs.

`ask` gives the bytes. Everything in them is somebody else's: what cannot be read is nothing, never an exception.
"""

from __future__ import annotations

import email.parser
import email.policy
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement

from pipway.audit.online.answers import Offered
from pipway.audit.online.questions import Wanted, known_name, version_of
from pipway.simple import names
from pipway.simple.page import NormalizedName

JSON = "application/vnd.pypi.simple.v1+json"
_MOST = 1000  # requirements of one file

#: Where a requirement has to hold to hold everywhere.
_PLACES: tuple[dict[str, str], ...] = tuple(
    {
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.5",
        "implementation_version": f"3.{minor}.5",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_release": "1",
        "platform_version": "1",
        **system,
    }
    for minor in (9, 11, 12, 13, 14)
    for system in (
        {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
        {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
        {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
    )
)


class _File(msgspec.Struct, rename="kebab", gc=False):
    filename: str
    url: str = ""
    hashes: dict[str, str] | None = None
    core_metadata: bool | dict[str, str] | None = None


class _State(msgspec.Struct):
    status: str | None = None


class Page(msgspec.Struct, rename="kebab"):
    """PEP 691, as much as is asked."""

    files: list[_File]
    project_status: _State | None = None

    @property
    def condition(self) -> str:
        """PEP 792, "" for one that is active."""
        said = (self.project_status.status if self.project_status else "") or ""
        return "" if said == "active" else said

    def address(self, filename: str) -> str:
        """Of a file, as the page has it; "" when it has none."""
        return next((each.url for each in self.files if each.filename == filename), "")

    def has_metadata(self, filename: str) -> bool:
        """PEP 658."""
        return any(each.filename == filename and each.core_metadata not in (None, False) for each in self.files)


_read = msgspec.json.Decoder(Page).decode


def page_of(body: bytes) -> Page | None:
    """None when it is none."""
    try:
        return _read(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def offers(page: Page, name: str, question: Wanted) -> Mapping[str, tuple[Offered, ...]]:
    """The files of each version that is asked about."""
    found: dict[str, list[Offered]] = {version: [] for version in question.versions}
    for each in page.files:
        version = version_of(_spelled(each.filename, name)) if _may_be(each.filename, question) else ""
        if version in found:
            hashes = {kind.lower(): digest.lower() for kind, digest in (each.hashes or {}).items()}
            found[version].append(Offered(each.filename, hashes))
    return {version: tuple(files) for version, files in found.items()}


def _spelled(filename: str, name: str) -> str:
    return names.version_of(filename, NormalizedName(name)) or ""


def _may_be(filename: str, question: Wanted) -> bool:
    """A look before the name is taken apart: pages have thousands of files, locks a few versions."""
    if filename in question.filenames:
        return True
    return any(_numbers(version) in filename for version in question.versions)


@lru_cache(maxsize=16384)
def _numbers(version: str) -> str:
    """What every spelling of a version has in it: its release without zeros at the end, up to the first letter."""
    text = version.rpartition("!")[2]
    end = next((at for at, char in enumerate(text) if not char.isdigit() and char != "."), len(text))
    return text[:end].rstrip(".")


def needs(metadata: bytes, extras: Collection[str]) -> tuple[str, ...]:
    """Projects that are needed on every system, with these extras."""
    wanted = ("", *sorted(extras))
    found: dict[str, None] = {}
    for requirement in _requirements(metadata):
        name = known_name(requirement.name)
        if name and any(_everywhere(requirement.marker, extra) for extra in wanted):
            found[name] = None
    return tuple(found)


def _requirements(metadata: bytes) -> Iterator[Requirement]:
    parsed = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(metadata)
    for text in (parsed.get_all("Requires-Dist") or [])[:_MOST]:
        try:
            yield Requirement(str(text))
        except (InvalidRequirement, RecursionError):
            continue


def _everywhere(marker: Marker | None, extra: str) -> bool:
    if marker is None:
        return True
    try:
        return all(marker.evaluate(_place(place, extra)) for place in _PLACES)
    except (UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        return False


def _place(place: Mapping[str, str], extra: str) -> dict[str, Any]:
    return {**place, "extra": extra}
