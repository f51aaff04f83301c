"""Where programs keep their configuration on each system, for wherever `Surroundings` say that they run.

The same places as platformdirs, which knows only the machine that it runs on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipway.clients.base import Installed, Surroundings
from pipway.clients.found import Found
from pipway.clients.here import on_path, running, version


def user_config(surroundings: Surroundings, name: str, *, roaming: bool = False) -> Path:
    """A user's folder of that name, as platformdirs gives it."""
    environ, home = surroundings.environ, surroundings.home
    if surroundings.system == "windows":
        return windows_data(surroundings, roaming=roaming) / name
    if surroundings.system == "darwin":
        return home / "Library" / "Application Support" / name
    return Path(environ.get("XDG_CONFIG_HOME", "").strip() or home / ".config") / name


def windows_data(surroundings: Surroundings, *, roaming: bool) -> Path:
    """%APPDATA%, or %LOCALAPPDATA%."""
    variable, folder = ("APPDATA", "Roaming") if roaming else ("LOCALAPPDATA", "Local")
    return Path(surroundings.environ.get(variable) or surroundings.home / "AppData" / folder)


def site_config(surroundings: Surroundings, name: str) -> Path:
    """The machine's folder of that name, as platformdirs gives it."""
    if surroundings.system == "windows":
        return Path(surroundings.environ.get("PROGRAMDATA") or surroundings.under_root("ProgramData")) / name
    if surroundings.system == "darwin":
        return surroundings.under_root("/Library/Application Support") / name
    first = surroundings.environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep)[0].strip()
    return (Path(first) if first else surroundings.under_root("/etc/xdg")) / name


def ancestors(folder: Path, *, most: int = 64) -> Iterator[Path]:
    """A folder and the ones above it."""
    yield from (folder, *folder.parents)[:most]


def nearest(folder: Path, suits: Callable[[Path], bool]) -> Path | None:
    """The first of a folder and those above that suits."""
    return next((each for each in ancestors(folder) if suits(each)), None)


def installed(surroundings: Surroundings, *names: str) -> Sequence[Installed]:
    """The programs of these names in PATH, with what they say of their version."""
    return Found(
        Installed(name, (str(path),), version(running(surroundings, (str(path), "--version"))))
        for name in names
        for path in on_path(surroundings, name)
    )
