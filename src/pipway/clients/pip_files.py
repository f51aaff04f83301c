"""Where pip reads its configuration, on each system, and what stands there.

The pip client calls it. The order is pip's own (`iter_config_files`): global, user (the legacy place, then the new),
site, PIP_CONFIG_FILE; what comes later wins.
"""

from __future__ import annotations

import ntpath
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipway.clients import pip_facts
from pipway.clients.base import ConfigFile, Installed, Surroundings
from pipway.clients.ini import Ini, Kind, Problem, plain
from pipway.clients.ordinary_files import content, is_file
from pipway.clients.pip_options import normalised
from pipway.errors import UsageError

LARGEST = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Loaded:
    """One file that is there."""

    file: ConfigFile
    ini: Ini
    error: str = ""  #: why it cannot be opened


def name(surroundings: Surroundings) -> str:
    """What the file is called on this system."""
    return "pip.ini" if surroundings.system == "windows" else "pip.conf"


def switched_off(surroundings: Surroundings) -> bool:
    """Whether PIP_CONFIG_FILE says that no file is read at all."""
    return surroundings.environ.get("PIP_CONFIG_FILE") == ("nul" if surroundings.system == "windows" else os.devnull)


def files(surroundings: Surroundings, installed: Installed | None, *, isolated: bool = False) -> list[ConfigFile]:
    """Every file it reads, weakest first, whether it exists or not. None of them when PIP_CONFIG_FILE is os.devnull."""
    if switched_off(surroundings):
        return []
    base = name(surroundings)
    named = surroundings.environ.get("PIP_CONFIG_FILE")
    version = installed.version if installed else ""
    system_wide = _global(surroundings, version, prefix(surroundings, installed))
    found = [_file(folder / base, "global") for folder in system_wide]
    if found:
        found[-1] = ConfigFile(found[-1].path, "global", "global", found[-1].exists)
    if not isolated and not (named and Path(named).exists()):
        legacy = surroundings.home / ("pip" if surroundings.system == "windows" else ".pip")
        found.append(_file(legacy / base, "user"))
        new = _file(user_folder(surroundings, version) / base, "user")
        found.append(ConfigFile(new.path, "user", "user", new.exists))
    site = _file(prefix(surroundings, installed) / base, "site")
    found.append(ConfigFile(site.path, "site", "venv", site.exists))
    if named:
        file = _file(surroundings.cwd / named, "PIP_CONFIG_FILE")
        found.append(ConfigFile(file.path, file.layer, "user" if file.exists else None, file.exists))
    return found


def user_folder(surroundings: Surroundings, version: str) -> Path:
    """The user's own folder, at the place of today."""
    environ, home = surroundings.environ, surroundings.home
    if surroundings.system == "windows":
        return Path(environ.get("APPDATA") or home / "AppData" / "Roaming") / "pip"
    if surroundings.system == "darwin":
        data = environ.get("XDG_DATA_HOME") if pip_facts.reads_xdg_on_macos(version) else None
        folder = Path(data or home / "Library" / "Application Support") / "pip"
        return folder if folder.is_dir() else home / ".config" / "pip"
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip"


def prefix(surroundings: Surroundings, installed: Installed | None) -> Path:
    """The `sys.prefix` of the Python that pip runs on: the environment's folder."""
    if installed and installed.prefix:
        return Path(installed.prefix)
    if surroundings.venv is not None:
        return surroundings.venv
    return Path(surroundings.python).parent.parent


def prefix_of(location: str) -> str:
    """The prefix below which a package lies, from where it lies. "" when that cannot be told."""
    for separator in ("/lib/python", "\\lib\\site-packages", "\\Lib\\site-packages", "/lib64/python"):
        before, found, _ = location.partition(separator)
        if found:
            # Debian's pip below /usr/local runs on the Python of /usr.
            return "/usr" if before == "/usr/local" and "dist-packages" in location else before
    return ""


def load(config: Sequence[ConfigFile], version: str) -> Iterator[Loaded]:
    """Those that are there. A file that cannot be opened is there, too, with the reason."""
    for file in config:
        if not file.exists:
            continue
        try:
            raw = content(file.path, LARGEST)
        except OSError as error:
            yield Loaded(file, Ini(b""), error.strerror or str(error))
            continue
        yield Loaded(file, parsed(raw, version))


def parsed(content: bytes, version: str) -> Ini:
    """As that version reads it."""
    return Ini(content, normalised if pip_facts.one_spelling(version) else plain)


def stops(ini: Ini, surroundings: Surroundings) -> tuple[Problem, ...]:
    """What makes pip stop before it does anything. It reads in the locale's encoding: UTF-8, but not on Windows."""
    if ini.bom:
        return (Problem(Kind.ENCODING, 1), *ini.problems)
    windows = surroundings.system == "windows"
    return tuple(problem for problem in ini.problems if not (windows and problem.kind is Kind.ENCODING))


def to_change(surroundings: Surroundings, installed: Installed | None, scope: str) -> Path:
    """The file that `scope` means. UsageError when pip would not read it."""
    if switched_off(surroundings):
        raise UsageError(
            "pip-config-off",
            "pip reads no configuration file here",
            why="PIP_CONFIG_FILE says so",
            fix="unset PIP_CONFIG_FILE, then run this again",
        )
    if scope == "project":
        raise UsageError(
            "no-such-scope",
            "pip has no configuration file of a project",
            why="it never reads a pip.conf of the working folder",
            fix="use --scope venv",
        )
    # Without an active one the prefix may be that of pipway's own environment, which nobody means.
    if scope == "venv" and surroundings.venv is None and installed is None:
        raise UsageError("no-venv", "no virtual environment is active", fix="activate it, or use --scope user")
    paths = [file.path for file in files(surroundings, installed) if file.scope == scope]
    if not paths:
        raise UsageError("no-such-scope", f"pip has no file for --scope {scope}", fix="use --scope user or venv")
    return paths[-1]


def never_read(surroundings: Surroundings, installed: Installed | None) -> list[Path]:
    """Files that look as if pip read them, and that it does not."""
    home, cwd = surroundings.home, surroundings.cwd
    read = {file.path for file in files(surroundings, installed)}
    other = "pip.conf" if surroundings.system == "windows" else "pip.ini"
    folders = [file.path.parent for file in files(surroundings, installed)]
    looks = [
        home / ".pip.conf",
        home / "pip.conf",
        home / "pip.ini",
        home / ".piprc",
        cwd / "pip.conf",
        cwd / "pip.ini",
    ]
    looks += [
        cwd / ".pip" / "pip.conf",
        cwd / ".pip.conf",
        home / ".config" / "pip.conf",
        surroundings.under_root("/etc/pip/pip.conf"),
    ]
    looks += [folder / other for folder in folders]
    if surroundings.system == "darwin":
        looks.append(home / ".config" / "pip" / "pip.conf")
    return [path for path in dict.fromkeys(looks) if path not in read and is_file(path)]


def _global(surroundings: Surroundings, version: str, where: Path) -> list[Path]:
    environ = surroundings.environ
    if surroundings.system == "windows":
        return [Path(environ.get("PROGRAMDATA") or ntpath.join("C:\\", "ProgramData")) / "pip"]
    if surroundings.system == "darwin":
        listed = environ.get("XDG_DATA_DIRS", "") if pip_facts.reads_xdg_on_macos(version) else ""
        if listed:
            return [Path(folder) / "pip" for folder in listed.split(os.pathsep) if folder]
        homebrew = surroundings.under_root("/opt/homebrew")
        before = [homebrew / "share" / "pip"] if str(where).startswith(str(homebrew)) else []
        return [*before, surroundings.under_root("/Library/Application Support/pip")]
    listed = environ.get("XDG_CONFIG_DIRS", "")
    folders = [Path(folder) for folder in listed.split(os.pathsep) if folder]
    return [folder / "pip" for folder in folders or [surroundings.under_root("/etc/xdg")]] + [
        surroundings.under_root("/etc")
    ]


def _file(path: Path, layer: str) -> ConfigFile:
    return ConfigFile(path, layer, None, is_file(path))
