"""Which files uv reads, and what one of them says. `clients.uv` puts them together."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipway.clients.base import ConfigFile, Entry, Scope, Setting, Surroundings
from pipway.clients.folders import ancestors, user_config, windows_data
from pipway.clients.layers import text, truth
from pipway.clients.ordinary_files import is_file
from pipway.clients.toml_files import TomlFile, read

NAME = "uv"
TABLE = ("tool", "uv")  #: of pyproject.toml


@dataclass(frozen=True, slots=True)
class Layer:
    """A file that counts, or its part that does."""

    name: str
    file: TomlFile
    under: tuple[str, ...] = ()

    def said(self, key: str, setting: Setting, *, pip: bool = False) -> list[Entry]:
        """What one key says; a list is several entries, `no-proxy` one."""
        keys = (*self.under, *(("pip",) if pip else ()), key)
        value = self.file.get(*keys)
        if value is None:
            return []
        parts = value if isinstance(value, list) and key != "no-proxy" else [value]
        # Weakest first within a file, too: uv asks them in the order in which they are written.
        return [
            Entry(setting, text(part), self.name, self.file.place(*keys), ".".join(keys)) for part in reversed(parts)
        ]

    def indexes(self, *, default: bool) -> list[Entry]:
        """The `[[index]]` tables that are default, or neither that nor explicit, in their order; a name counts once."""
        found, names = [], set[str]()
        for number, index in self.file.tables(*self.under, "index"):
            name = str(index.get("name", ""))
            again = name in names
            names |= {name} - {""}
            if again or bool(index.get("default")) is not default or index.get("explicit") or "url" not in index:
                continue
            place = self.file.place(*self.under, "index", number, "url")
            setting = Setting.INDEX if default else Setting.EXTRA_INDEXES
            found.append(Entry(setting, str(index["url"]), self.name, place, ".".join((*self.under, "index.url"))))
        return found


def user_file(surroundings: Surroundings) -> Path:
    """~/.config/uv/uv.toml, on macOS as well."""
    if surroundings.system == "windows":
        return windows_data(surroundings, roaming=True) / NAME / "uv.toml"
    if surroundings.system == "darwin":
        folder = surroundings.environ.get("XDG_CONFIG_HOME") or surroundings.home / ".config"
        return Path(folder) / NAME / "uv.toml"
    return user_config(surroundings, NAME) / "uv.toml"


def system_files(surroundings: Surroundings) -> list[Path]:
    """The first of them that exists is read."""
    if surroundings.system == "windows":
        folder = surroundings.environ.get("PROGRAMDATA") or surroundings.under_root("ProgramData")
        return [Path(folder) / NAME / "uv.toml"]
    folders = surroundings.environ.get("XDG_CONFIG_DIRS") or str(surroundings.under_root("/etc/xdg"))
    paths = [Path(folder) / NAME / "uv.toml" for folder in folders.split(os.pathsep) if folder]
    return [*paths, surroundings.under_root("/etc/uv/uv.toml")]


def start(surroundings: Surroundings) -> Path:
    """Where uv begins to look: the root of the workspace, else the folder of the command."""
    folder = surroundings.cwd
    member = next((each for each in ancestors(folder) if is_file(each / "pyproject.toml")), None)
    if member is None:
        return folder
    for root in ancestors(member):
        workspace = read(root / "pyproject.toml").table(*TABLE, "workspace")
        if workspace:
            members = workspace.get("members", [])
            return root if root == member or _is_member(root, member, members) else folder
    return folder


def _is_member(root: Path, member: Path, patterns: object) -> bool:
    if not isinstance(patterns, list):
        return False
    within = member.relative_to(root).as_posix()
    return any(
        Path(within).match(pattern) or within == pattern.rstrip("/")
        for pattern in patterns
        if isinstance(pattern, str) and not glob.escape(pattern).startswith("/")
    )


def project_files(surroundings: Surroundings) -> Iterator[TomlFile]:
    """What is looked at until something is found: in each folder uv.toml, then pyproject.toml."""
    for folder in ancestors(start(surroundings)):
        own = read(folder / "uv.toml")
        if own.raw is not None:
            yield own
            return
        project = read(folder / "pyproject.toml")
        if project.raw is not None:
            yield project
            if project.get(*TABLE) is not None:
                return


def _without_project(surroundings: Surroundings) -> bool:
    """`uv tool` and uvx look at no project."""
    words = [word for word in surroundings.command if not word.startswith("-")]
    return bool(words) and (Path(words[0]).stem == "uvx" or words[1:2] == ["tool"])


def layers(surroundings: Surroundings) -> list[Layer]:
    """What counts, weakest first. A file that uv cannot read stops it, or is passed over, and says nothing."""
    environ = surroundings.environ
    if environ.get("UV_CONFIG_FILE"):
        return [Layer("UV_CONFIG_FILE", read(surroundings.cwd / environ["UV_CONFIG_FILE"]))]
    if truth(environ.get("UV_NO_CONFIG", "")):
        return []
    system = next((file for file in map(read, system_files(surroundings)) if file.raw is not None), None)
    found = [Layer("system", system)] if system else []
    user = read(user_file(surroundings))
    found += [Layer("user", user)] if user.raw is not None else []
    for file in [] if _without_project(surroundings) else project_files(surroundings):
        if file.path.name == "uv.toml":
            found.append(Layer("project", file))
        elif file.get(*TABLE) is not None:
            found.append(Layer("project", file, TABLE))
    return found


def listed(surroundings: Surroundings) -> Sequence[ConfigFile]:
    """Every file, read or not."""
    explicit = surroundings.environ.get("UV_CONFIG_FILE")
    if explicit:
        path = surroundings.cwd / explicit
        return [ConfigFile(path, "UV_CONFIG_FILE", None, is_file(path))]
    if truth(surroundings.environ.get("UV_NO_CONFIG", "")):
        return []
    scopes: tuple[Scope, ...] = ("user", "project", "global")
    wanted = {file_for(surroundings, scope)[0]: scope for scope in scopes}
    paths = [(path, "system") for path in reversed(system_files(surroundings))]
    paths.append((user_file(surroundings), "user"))
    looked = [file.path for file in project_files(surroundings)]
    project = file_for(surroundings, "project")[0]
    paths += [(path, "project") for path in dict.fromkeys([*reversed(looked), project])]
    return [ConfigFile(path, layer, wanted.get(path), is_file(path)) for path, layer in paths]


def file_for(surroundings: Surroundings, scope: Scope) -> tuple[Path, tuple[str, ...]]:
    """Where `configure` writes, and below which table."""
    if scope == "user":
        return user_file(surroundings), ()
    if scope == "global":
        paths = system_files(surroundings)
        return next((path for path in paths if is_file(path)), paths[-1]), ()
    for file in project_files(surroundings):
        if file.path.name == "uv.toml":
            return file.path, ()
        if file.get(*TABLE) is not None:
            return file.path, TABLE
    return start(surroundings) / "uv.toml", ()
