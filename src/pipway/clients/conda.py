"""conda and mamba: the .condarc files, CONDA_* variables, and requests' own.

The search path and the names are those of conda's source (24 and newer) and documentation; it was not run here. Its
packages are conda's: an index of Python packages is for pip inside of an environment, which reads its own files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipway.clients.base import Change, ConfigFile, Effective, Entry, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.folders import installed
from pipway.clients.layers import (
    BUNDLED,
    ENVIRONMENT,
    SYSTEM,
    effective,
    parts,
    proxies,
    requests_trust,
    text,
    variable,
)
from pipway.clients.ordinary_files import is_file
from pipway.clients.remarks import broken_file, no_file_for, no_scope, unknown_key
from pipway.clients.yaml_files import YamlFile, edited, read
from pipway.findings import Finding, Place

NAME = "conda"

_DEFAULTS = {Setting.INDEX: "defaults", Setting.CA: BUNDLED, Setting.TIMEOUT: "60", Setting.RETRIES: "3"}
_KEYS = {
    "remote_read_timeout_secs": Setting.TIMEOUT,
    "remote_max_retries": Setting.RETRIES,
    "client_ssl_cert": Setting.CLIENT_CERTIFICATE,
    "ssl_verify": Setting.CA,
}
_TYPOS = (*_KEYS, "channels", "proxy_servers", "channel_alias", "channel_priority", "default_channels", "offline")
_MISSPELT = {"proxy_server", "proxies", "proxy", "channel", "ssl-verify", "sslverify", "timeout", "verify_ssl"}


class Conda:
    """The client of conda and mamba."""

    name = NAME

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """Every conda, mamba and micromamba in PATH."""
        return installed(surroundings, NAME, "mamba", "micromamba")

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """The search path, weakest first; of condarc.d what is there."""
        scopes = {_file(surroundings, scope): scope for scope in _scopes(surroundings)}
        return [ConfigFile(path, layer, scopes.get(path), is_file(path)) for layer, path in _paths(surroundings)]

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """Channels add up, those of the strongest file first; proxy_servers is for a scheme, or for one host of it."""
        channels: list[Entry] = []
        entries: list[Entry] = []
        servers: dict[str, list[Entry]] = {}
        for layer, path in _paths(surroundings):
            file = read(path)
            channels = [*_channels(file, layer), *channels]
            for key, setting in _KEYS.items():
                if file.data.get(key) is not None:
                    entries += _entry(setting, file.data[key], layer, file.place(key), key)
            for name, url in _mapping(file.data.get("proxy_servers")).items():
                place = file.place("proxy_servers", str(name))
                said = Entry(Setting.PROXY, text(url or ""), layer, place, f"proxy_servers.{name}")
                servers.setdefault(str(name), []).append(said)
        for key, setting in _KEYS.items():
            for said in variable(surroundings.environ, f"CONDA_{key.upper()}", setting):
                entries += _entry(setting, said.value, ENVIRONMENT, said.place, said.key)
        for said in variable(surroundings.environ, "CONDA_CHANNELS", Setting.INDEX, split=","):
            channels.insert(0, said)
        index = channels[0].value if channels else _DEFAULTS[Setting.INDEX]
        url = index if "://" in index else f"https://{index}"
        entries += proxies(surroundings.environ, url)
        host = f"{parts(url).scheme}://{parts(url).hostname}"
        for name in ("all", parts(url).scheme, f"all://{parts(url).hostname}", host):
            entries += servers.get(name, [])
        # requests looks at its variables only where ssl_verify is true, which it is unless said otherwise.
        entries = requests_trust(surroundings.environ) + entries
        others = [Entry(Setting.EXTRA_INDEXES, one.value, one.layer, one.place, one.key) for one in channels[:0:-1]]
        return effective([*others, *channels[:1], *entries], _DEFAULTS)

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """Files that stop conda, and keys that look like one of its own."""
        return list(_findings(surroundings))

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """proxy_servers, ssl_verify and remote_read_timeout_secs of the scope's .condarc."""
        if scope not in _scopes(surroundings):
            raise no_scope(NAME, scope, _scopes(surroundings))
        if wish.index is not None:
            why = "its channels hold conda's packages; Python's come through pip inside of an environment"
            raise no_file_for(NAME, "index of Python packages", "pipway configure pip --scope venv", why=why)
        if wish.no_proxy is not None:
            raise no_file_for(NAME, "no_proxy", f"export NO_PROXY={wish.no_proxy}")
        file = read(_file(surroundings, scope))
        values: dict[Sequence[str], Any] = {}
        if wish.proxy is not None:
            values |= {("proxy_servers", scheme): wish.proxy for scheme in ("http", "https")}
        elif Setting.PROXY in wish.drop:
            values[("proxy_servers",)] = None
        if wish.ca is not None:
            values[("ssl_verify",)] = str(wish.ca)
        elif Setting.CA in wish.drop:
            values[("ssl_verify",)] = None
        if wish.timeout is not None:
            values[("remote_read_timeout_secs",)] = float(wish.timeout)
        after = edited(file, values)
        secret = "@" in parts(wish.proxy or "").netloc
        return [] if after == (file.raw or b"") else [Change(file.path, file.raw, after, private=secret)]


def _entry(setting: Setting, value: object, layer: str, place: Place, key: str) -> list[Entry]:
    """`ssl_verify` is yes, no, `truststore`, or a file."""
    said = text(value)
    if setting is not Setting.CA:
        return [Entry(setting, said, layer, place, key)]
    if said.lower() in ("false", "no", "0", "off"):
        return [Entry(Setting.TRUSTED_HOSTS, "*", layer, place, key)]
    if said.lower() in ("true", "yes", "1", "on"):
        return []
    return [Entry(setting, SYSTEM if said == "truststore" else said, layer, place, key)]


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _channels(file: YamlFile, layer: str) -> list[Entry]:
    found = file.data.get("channels", file.data.get("channel"))
    names = found if isinstance(found, list) else [found] if isinstance(found, str) else []
    place = file.place("channels")
    return [Entry(Setting.INDEX, str(name), layer, place, "channels") for name in names]


def _prefixes(surroundings: Surroundings) -> list[tuple[str, Path]]:
    """CONDA_ROOT is where conda itself is installed, which CONDA_EXE tells; CONDA_PREFIX the active environment."""
    environ = surroundings.environ
    root = environ.get("CONDA_ROOT", "")
    if not root and environ.get("CONDA_EXE"):
        root = str(Path(environ["CONDA_EXE"]).parent.parent)
    return [(layer, Path(path)) for layer, path in (("root", root), ("venv", environ.get("CONDA_PREFIX", ""))) if path]


def _paths(surroundings: Surroundings) -> list[tuple[str, Path]]:
    """The search path, weakest first."""
    home, prefixes = surroundings.home, _prefixes(surroundings)
    windows = surroundings.system == "windows"
    folders = ["/ProgramData/conda"] if windows else ["/etc/conda", "/var/lib/conda"]
    xdg = surroundings.environ.get("XDG_CONFIG_HOME")
    found = [each for folder in folders for each in _three("system", surroundings.under_root(folder))]
    found += [each for layer, prefix in prefixes if layer == "root" for each in _three(layer, prefix)]
    found += _three("user", Path(xdg) / NAME) if xdg else []
    found += [*_three("user", home / ".config" / NAME), *_three("user", home / ".conda"), ("user", home / ".condarc")]
    found += [each for layer, prefix in prefixes if layer == "venv" for each in _three(layer, prefix)]
    for name in ("CONDARC", "MAMBARC"):
        own = surroundings.environ.get(name)
        found += [(name, surroundings.cwd / own)] if own else []
    return list(dict.fromkeys(found))


def _three(layer: str, folder: Path) -> list[tuple[str, Path]]:
    try:
        more = sorted(path for path in (folder / "condarc.d").iterdir() if path.suffix in (".yml", ".yaml"))
    except OSError:
        more = []
    return [(layer, folder / ".condarc"), (layer, folder / "condarc"), *((layer, path) for path in more)]


def _scopes(surroundings: Surroundings) -> tuple[Scope, ...]:
    active = any(layer == "venv" for layer, _ in _prefixes(surroundings))
    return ("user", "venv", "global") if active else ("user", "global")


def _file(surroundings: Surroundings, scope: Scope) -> Path:
    if scope == "venv":
        return dict(_prefixes(surroundings))["venv"] / ".condarc"
    if scope == "global":
        return next(path for layer, path in _paths(surroundings) if layer == "system")
    return surroundings.home / ".condarc"


def _findings(surroundings: Surroundings) -> Iterator[Finding]:
    for _, path in _paths(surroundings):
        file = read(path)
        if file.broken:
            yield broken_file(NAME, path, file.broken)
        for key in file.data:
            if key in _MISSPELT:
                why = "it has no effect"
                yield unknown_key(NAME, file.place(str(key)), str(key), _TYPOS, stops=False, consequence=why)
        servers = file.data.get("proxy_servers")
        if servers is not None and not isinstance(servers, Mapping):
            why = "proxy_servers must hold http: and https:, each with an address"
            place = file.place("proxy_servers")
            yield unknown_key(NAME, place, "proxy_servers", (), stops=True, consequence=why)
