"""pixi: its configuration files, and the [pypi-options] of a workspace.

From pixi's own reference (0.76) and not tried. The index of Python packages is the workspace's alone: `index-url` of a
configuration file is only what `pixi init` writes into a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipway.clients.base import Change, ConfigFile, Effective, Entry, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.folders import ancestors, installed, windows_data
from pipway.clients.layers import BUNDLED, SYSTEM, default_index, effective, parts, proxies, text, truth, variable
from pipway.clients.ordinary_files import is_file
from pipway.clients.remarks import broken_file, check_login, no_file_for, no_scope, without_effect
from pipway.clients.toml_edits import TomlEdit
from pipway.clients.toml_files import TomlFile, read
from pipway.findings import Finding

NAME = "pixi"

_DEFAULTS = {Setting.CA: BUNDLED, Setting.KEYRING: "disabled"}
_ROOTS = {"webpki": BUNDLED, "system": SYSTEM, "native": SYSTEM, "all": SYSTEM}


class Pixi:
    """The client of pixi."""

    name = NAME

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """Every pixi in PATH."""
        return installed(surroundings, NAME)

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """System, user (several places), the workspace's own, and its manifest."""
        paths = _paths(surroundings)
        user = _user_file(surroundings)
        scopes: dict[Path, Scope] = {user: "user", paths[0][1] if paths else user: "global"}
        files = [ConfigFile(path, layer, scopes.get(path), is_file(path)) for layer, path in paths]
        manifest, _ = _manifest(surroundings)
        return [*files, ConfigFile(manifest, "project", "project", is_file(manifest))]

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """The workspace's index; variables beat files for the proxy, and the authorities."""
        entries = _options(surroundings)
        index = next((entry.value for entry in reversed(entries) if entry.setting is Setting.INDEX), default_index())
        scheme = parts(index).scheme
        keys = {
            ("proxy-config", scheme): Setting.PROXY,
            ("proxy-config", "non-proxy-hosts"): Setting.NO_PROXY,
            ("tls-root-certs",): Setting.CA,
            ("pypi-config", "allow-insecure-host"): Setting.TRUSTED_HOSTS,
            ("pypi-config", "keyring-provider"): Setting.KEYRING,
        }
        for layer, file in _configs(surroundings):
            for path, setting in keys.items():
                entries += _said(file, layer, path, setting)
            if truth(text(file.get("tls-no-verify") or "")):
                place = file.place("tls-no-verify")
                entries.append(Entry(Setting.TRUSTED_HOSTS, "*", layer, place, "tls-no-verify"))
        entries += proxies(surroundings.environ, index)
        for name in ("SSL_CERT_DIR", "SSL_CERT_FILE"):
            entries += variable(surroundings.environ, name, Setting.CA)
        return effective(entries, _DEFAULTS | {Setting.INDEX: index})

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """Broken files, and an index in a file where it does nothing."""
        return list(_findings(surroundings))

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """The proxy, and the index of new workspaces, in config.toml; the index of this one in its manifest."""
        if scope == "venv":
            raise no_scope(NAME, scope, ("user", "project", "global"))
        if wish.ca is not None:
            raise no_file_for(NAME, "certificate authorities", f"export SSL_CERT_FILE={wish.ca}")
        if wish.timeout is not None:
            raise no_file_for(NAME, "time-out", f"export UV_HTTP_TIMEOUT={wish.timeout}", why="it has no such setting")
        paths = dict(_paths(surroundings))
        path = {"user": _user_file(surroundings), "global": paths.get("system")}.get(scope) or paths["project"]
        changes = []
        if scope == "project":
            check_login(_manifest(surroundings)[0], wish.index, wish.proxy)
        if scope == "project" and (wish.index is not None or Setting.INDEX in wish.drop):
            manifest, under = _manifest(surroundings)
            changes += _changed(read(manifest), (*under, "pypi-options"), wish, proxy=False)
        if scope != "project" or wish.proxy is not None or wish.no_proxy is not None or Setting.PROXY in wish.drop:
            changes += _changed(read(path), ("pypi-config",) if scope != "project" else None, wish, proxy=True)
        return changes


def _paths(surroundings: Surroundings) -> list[tuple[str, Path]]:
    """The configuration files, weakest first."""
    environ, home = surroundings.environ, surroundings.home
    found: list[tuple[str, Path]] = []
    if environ.get("PIXI_CONFIG_FILE"):
        found = [("PIXI_CONFIG_FILE", surroundings.cwd / environ["PIXI_CONFIG_FILE"])]
    elif not truth(environ.get("PIXI_NO_CONFIG", "")):
        system = "/etc/pixi" if surroundings.system != "windows" else "/ProgramData/pixi"
        folders = [surroundings.under_root(system), *_user_folders(surroundings), home / ".pixi"]
        if environ.get("PIXI_HOME"):
            folders.append(Path(environ["PIXI_HOME"]))
        layers = ["system", *["user"] * (len(folders) - 1)]
        found = [(layer, folder / "config.toml") for layer, folder in zip(layers, folders, strict=True)]
    return [*found, ("project", workspace(surroundings) / ".pixi" / "config.toml")]


def _user_folders(surroundings: Surroundings) -> list[Path]:
    home, own = surroundings.home, surroundings.environ.get("XDG_CONFIG_HOME")
    if surroundings.system == "windows":
        return [windows_data(surroundings, roaming=True) / NAME]
    if surroundings.system == "darwin":
        return [Path(own or home / ".config") / NAME, home / "Library" / "Application Support" / NAME]
    return list(dict.fromkeys([home / ".config" / NAME, Path(own or home / ".config") / NAME]))


def _user_file(surroundings: Surroundings) -> Path:
    """The user's file that exists and is strongest, else the usual one."""
    mine = [path for layer, path in _paths(surroundings) if layer in ("user", "PIXI_CONFIG_FILE")]
    usual = _user_folders(surroundings)[-1] / "config.toml"
    return next((path for path in reversed(mine) if is_file(path)), usual)


def _configs(surroundings: Surroundings) -> list[tuple[str, TomlFile]]:
    return [(layer, read(path)) for layer, path in _paths(surroundings)]


def workspace(surroundings: Surroundings) -> Path:
    """The nearest folder with a manifest."""
    return _manifest(surroundings)[0].parent


def _manifest(surroundings: Surroundings) -> tuple[Path, tuple[str, ...]]:
    for folder in ancestors(surroundings.cwd):
        if is_file(folder / "pixi.toml"):
            return folder / "pixi.toml", ()
        if read(folder / "pyproject.toml").get("tool", NAME) is not None:
            return folder / "pyproject.toml", ("tool", NAME)
    return surroundings.cwd / "pixi.toml", ()


def _options(surroundings: Surroundings) -> list[Entry]:
    path, under = _manifest(surroundings)
    file = read(path)
    keys = {
        "find-links": Setting.FIND_LINKS,
        "extra-index-urls": Setting.EXTRA_INDEXES,
        "index-url": Setting.INDEX,
        "exclude-newer": Setting.COOLDOWN,
    }
    return [
        entry
        for key, setting in keys.items()
        for entry in _said(file, "project", (*under, "pypi-options", key), setting)
    ]


def _said(file: TomlFile, layer: str, keys: tuple[str, ...], setting: Setting) -> list[Entry]:
    value = file.get(*keys)
    if value is None:
        return []
    place, name = file.place(*keys), ".".join(keys)
    parts = value if isinstance(value, list) and setting is not Setting.NO_PROXY else [value]
    found = []
    for part in reversed(parts):
        said = next((text(each) for each in part.values()), "") if isinstance(part, Mapping) else text(part)
        said = _ROOTS.get(said, said) if setting is Setting.CA else said
        found.append(Entry(setting, said, layer, place, name))
    return found


def _changed(file: TomlFile, table: tuple[str, ...] | None, wish: Wish, *, proxy: bool) -> list[Change]:
    edit = TomlEdit(file)
    if proxy:
        for key, value, setting in (
            ("https", wish.proxy, Setting.PROXY),
            ("http", wish.proxy, Setting.PROXY),
            ("non-proxy-hosts", _hosts(wish.no_proxy), Setting.NO_PROXY),
        ):
            if value is not None:
                edit.set(("proxy-config", key), value)
            elif setting in wish.drop:
                edit.remove(("proxy-config", key))
    if table is not None:
        for key, setting in (("index-url", Setting.INDEX), ("extra-index-urls", Setting.EXTRA_INDEXES)):
            if setting in wish.drop or (wish.index is not None and setting is Setting.EXTRA_INDEXES):
                edit.remove((*table, key))
        if wish.index is not None:
            edit.set((*table, "index-url"), wish.index)
            edit.remove((*table, "allow-insecure-host"))
            edit.remove((*table, "index-strategy"))
    after = edit.result()
    secret = any("@" in parts(url or "").netloc for url in (wish.index, wish.proxy))
    return [] if after == (file.raw or b"") else [Change(file.path, file.raw, after, private=secret)]


def _hosts(said: str | None) -> list[str] | None:
    return None if said is None else [host.strip() for host in said.split(",") if host.strip()]


def _findings(surroundings: Surroundings) -> Iterator[Finding]:
    path, under = _manifest(surroundings)
    manifest = read(path)
    for file in (*(file for _, file in _configs(surroundings)), manifest):
        if file.broken:
            yield broken_file(NAME, file.path, file.broken)
    if manifest.raw is not None and manifest.get(*under, "pypi-options", "index-url") is None:
        for _, file in _configs(surroundings):
            if file.get("pypi-config", "index-url") is not None:
                place = file.place("pypi-config", "index-url")
                why = f"it is what a new workspace gets, and {path} is there already"
                fix = "write it as index-url below [pypi-options]: pipway configure pixi --scope project"
                yield without_effect(NAME, place, "pypi-config.index-url", why=why, fix=fix)
