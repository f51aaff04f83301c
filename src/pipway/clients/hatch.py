"""hatch: where it keeps its configuration, and which installer reads the network's settings for it.

Environments are filled by pip, or by uv where `installer = "uv"` says so, each with its own files and variables; hatch
has no index, proxy or authority of its own (read from the source of hatch 1.18). Its [publish] is for uploads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipway.clients.base import Change, ConfigFile, Effective, Entry, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.folders import installed, nearest, user_config
from pipway.clients.layers import default_index, effective, proxies, requests_trust, variable
from pipway.clients.ordinary_files import is_file
from pipway.clients.remarks import broken_file, unknown_key
from pipway.clients.toml_files import TomlFile, read
from pipway.clients.uv import Uv
from pipway.errors import UsageError
from pipway.findings import Finding

NAME = "hatch"

_KEYS = ("mode", "project", "shell", "dirs", "projects", "publish", "template", "terminal")
_OF_PIP = (
    ("PIP_EXTRA_INDEX_URL", Setting.EXTRA_INDEXES, " "),
    ("PIP_INDEX_URL", Setting.INDEX, None),
    ("PIP_PROXY", Setting.PROXY, None),
    ("PIP_CERT", Setting.CA, None),
    ("PIP_CLIENT_CERT", Setting.CLIENT_CERTIFICATE, None),
    ("PIP_TRUSTED_HOST", Setting.TRUSTED_HOSTS, " "),
    ("PIP_DEFAULT_TIMEOUT", Setting.TIMEOUT, None),
    ("PIP_RETRIES", Setting.RETRIES, None),
)


class Hatch:
    """The client of hatch."""

    name = NAME

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """Every hatch in PATH."""
        return installed(surroundings, NAME)

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """config.toml of the user, and pyproject.toml and hatch.toml of the project."""
        folder = project_folder(surroundings)
        paths = [(config_file(surroundings), "user"), (folder / "pyproject.toml", "project")]
        paths.append((folder / "hatch.toml", "project"))
        return [ConfigFile(path, layer, None, is_file(path)) for path, layer in paths]

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """What its installer comes to in the default environment: uv's settings, or pip's variables.

        pip's files are for the client of pip to tell. An environment's `env-vars` beat the variables of the shell.
        """
        names, environ = _env_vars(surroundings)
        inner = replace(surroundings, environ=dict(surroundings.environ) | environ, command=())
        if uses_uv(surroundings):
            found = Uv().effective(inner, None)
        else:
            index = inner.environ.get("PIP_INDEX_URL") or default_index()
            entries = proxies(inner.environ, index) + requests_trust(inner.environ)
            for name, setting, split in _OF_PIP:
                entries += variable(inner.environ, name, setting, split=split)
            found = effective(entries, {Setting.INDEX: index, Setting.TIMEOUT: "15", Setting.RETRIES: "5"})
        return {setting: _placed(one, names) for setting, one in found.items()}

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """Files that stop hatch, and keys that it does not know."""
        return list(_findings(surroundings))

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """Always UsageError: pip or uv reads the network's settings, and they are changed there."""
        tool = "uv" if uses_uv(surroundings) else "pip"
        raise UsageError(
            "no-such-setting",
            "hatch has no settings for the network in its configuration files",
            why=f"it fills its environments with {tool}, which reads its own",
            fix=f"pipway configure {tool}",
        )


def config_file(surroundings: Surroundings) -> Path:
    """HATCH_CONFIG, or config.toml in the user's folder."""
    own = surroundings.environ.get("HATCH_CONFIG")
    return surroundings.cwd / own if own else user_config(surroundings, NAME) / "config.toml"


def project_folder(surroundings: Surroundings) -> Path:
    """The nearest folder with a pyproject.toml."""
    return nearest(surroundings.cwd, lambda each: is_file(each / "pyproject.toml")) or surroundings.cwd


def _environments(surroundings: Surroundings) -> Iterator[tuple[TomlFile, tuple[str, ...]]]:
    """Where the default environment is described, strongest first; hatch.toml replaces [tool.hatch] key by key."""
    folder = project_folder(surroundings)
    yield read(folder / "hatch.toml"), ("envs", "default")
    yield read(folder / "pyproject.toml"), ("tool", "hatch", "envs", "default")


def uses_uv(surroundings: Surroundings) -> bool:
    """Whether uv fills the default environment."""
    said = surroundings.environ.get("HATCH_ENV_TYPE_VIRTUAL_UV_PATH")
    return bool(said) or any(file.get(*keys, "installer") == "uv" for file, keys in _environments(surroundings))


def _env_vars(surroundings: Surroundings) -> tuple[dict[str, Entry], dict[str, str]]:
    """`env-vars` of the default environment, with their places."""
    places, environ = dict[str, Entry](), dict[str, str]()
    for file, keys in _environments(surroundings):
        for name, value in file.table(*keys, "env-vars").items():
            if name not in environ:
                environ[name] = str(value)
                place = file.place(*keys, "env-vars", name)
                places[name] = Entry(Setting.INDEX, str(value), "project", place, ".".join((*keys, "env-vars", name)))
    return places, environ


def _placed(one: Effective, names: Mapping[str, Entry]) -> Effective:
    """A variable that the project sets is in the project's file."""

    def there(entry: Entry) -> Entry:
        own = names.get(entry.key)
        return replace(entry, layer=own.layer, place=own.place, key=own.key) if own else entry

    return replace(one, entries=tuple(map(there, one.entries)), shadows=tuple(map(there, one.shadows)))


def _findings(surroundings: Surroundings) -> Iterator[Finding]:
    user = read(config_file(surroundings))
    for file in (user, *(file for file, _ in _environments(surroundings))):
        if file.broken:
            yield broken_file(NAME, file.path, file.broken)
    for key in user.data:
        if key not in _KEYS:
            yield unknown_key(NAME, user.place(key), key, _KEYS, stops=False, consequence="it has no effect")
