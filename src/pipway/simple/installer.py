"""Which Python on which platform an installer works for, out of its User-Agent; `guess` needs it.

pip and uv send the same JSON behind their name (the "linehaul" format): Python, implementation, system, libc, CPU.
Whoever sends none, as browsers do, stays unknown: nothing is guessed for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import msgspec
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

_LIMIT = 2000  # characters of a User-Agent that are read
_RELEASE = re.compile(r"\d{1,4}(?:\.\d{1,4})*")
_SYSTEMS = {"Linux": ("posix", "linux"), "Darwin": ("posix", "darwin"), "Windows": ("nt", "win32")}
_WINDOWS = {"amd64": "win_amd64", "x86_64": "win_amd64", "x86": "win32", "arm64": "win_arm64"}
#: Older spellings of what a glibc minor version allows (PEP 600).
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
#: pip reads METADATA beside the wheel since this version; before, it fetches whole wheels to read them.
_METADATA_SINCE = (22, 3)


@dataclass(frozen=True)
class Installer:
    """One client's Python and platform. `libc` is ("glibc", 36), minor version, where it is known."""

    tool: str  #: "pip", "uv", …
    tool_release: tuple[int, ...]
    python: tuple[int, ...]  #: (3, 12, 1)
    system: str  #: as `platform.system()` says it
    cpu: str  #: as `platform.machine()` says it
    implementation: str = "CPython"
    libc: tuple[str, int] | None = None
    macos: tuple[int, int] | None = None

    @property
    def reads_metadata(self) -> bool:
        """Whether it reads a wheel's METADATA before it fetches the wheel (PEP 658)."""
        return self.tool != "pip" or self.tool_release >= _METADATA_SINCE

    @cached_property
    def tags(self) -> Mapping[Tag, int]:
        """Wheels it can use: tag → rank, 0 is best (PEP 425)."""
        version = self.python[:2]
        platforms = list(self._platforms())
        native = cpython_tags(version, platforms=platforms) if self.implementation == "CPython" else ()
        both = [*native, *compatible_tags(version, platforms=platforms)]
        return {tag: rank for rank, tag in reversed(list(enumerate(both)))}

    @cached_property
    def environment(self) -> dict[str, str]:
        """What environment markers are evaluated in (PEP 508); what the client does not say is empty."""
        os_name, sys_platform = _SYSTEMS.get(self.system, ("", ""))
        full = ".".join(map(str, self.python))
        return {
            "implementation_name": self.implementation.lower(),
            "implementation_version": full,
            "os_name": os_name,
            "platform_machine": self.cpu,
            "platform_python_implementation": self.implementation,
            "platform_release": "",
            "platform_system": self.system,
            "platform_version": "",
            "python_full_version": full,
            "python_version": ".".join(map(str, self.python[:2])),
            "sys_platform": sys_platform,
        }

    def _platforms(self) -> Iterator[str]:
        if self.system == "Windows":
            yield from filter(None, [_WINDOWS.get(self.cpu.lower())])
        elif self.system == "Darwin" and self.macos:
            yield from mac_platforms(self.macos, self.cpu)
        elif self.system == "Linux":
            name, newest = self.libc or ("", 0)
            for minor in range(newest, -1 if name == "musl" else 4, -1) if name else ():
                yield f"{'musllinux_1' if name == 'musl' else 'manylinux_2'}_{minor}_{self.cpu}"
                if name == "glibc" and minor in _LEGACY:
                    yield f"{_LEGACY[minor]}_{self.cpu}"
            yield f"linux_{self.cpu}"


@lru_cache(maxsize=64)
def read_user_agent(text: str) -> Installer | None:
    """Give what a User-Agent says; None when it names no Python, or not in the known form."""
    tool, _, rest = text[:_LIMIT].partition("/")
    version, _, facts = rest.partition(" ")
    try:
        said = msgspec.json.decode(facts)
        python = _release(said["python"])
        return Installer(
            tool=tool.lower(),
            tool_release=_release(version),
            python=python,
            system=str(said["system"]["name"]),
            cpu=str(said["cpu"]),
            implementation=str(said["implementation"]["name"]),
            libc=_libc(said),
            macos=_macos(said),
        )
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError):
        return None


def _libc(said: Any) -> tuple[str, int] | None:
    libc = (said.get("distro") or {}).get("libc")
    if not libc:
        return None
    minor = (*_release(libc["version"]), 0)[1]
    return ("glibc" if libc["lib"] == "glibc" else "musl"), min(minor, 99)


def _macos(said: Any) -> tuple[int, int] | None:
    if said["system"]["name"] != "Darwin":
        return None
    major, minor, *_ = (*_release(said["distro"]["version"]), 0)
    return major, minor


def _release(text: Any) -> tuple[int, ...]:
    """The leading numbers of a version. ValueError when there are none."""
    found = _RELEASE.match(str(text))
    if found is None:
        raise ValueError("not a version")
    return tuple(map(int, found[0].split(".")))
