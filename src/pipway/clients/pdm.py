"""PDM: site, user and project configuration, the sources of pyproject.toml, and PDM_* variables.

Read from the source of PDM 2.29. A variable beats every file, the project's pdm.toml the user's file, and that the
site's. It asks the network through httpx and believes the system's authorities unless a file names others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipway.clients.base import Change, ConfigFile, Effective, Entry, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.folders import installed, nearest, site_config, user_config
from pipway.clients.layers import (
    SYSTEM,
    default_index,
    effective,
    parts,
    proxies,
    requests_trust,
    text,
    truth,
    variable,
)
from pipway.clients.ordinary_files import is_file
from pipway.clients.remarks import broken_file, check_login, never_read, no_file_for, no_scope, without_effect
from pipway.clients.toml_edits import TomlEdit
from pipway.clients.toml_files import TomlFile, read
from pipway.findings import Finding

NAME = "pdm"
SOURCE = ("tool", "pdm", "source")

_DEFAULTS = {Setting.CA: SYSTEM, Setting.TIMEOUT: "15", Setting.RETRIES: "4"}
_KEYS = {
    ("pypi", "url"): Setting.INDEX,
    ("pypi", "ca_certs"): Setting.CA,
    ("pypi", "client_cert"): Setting.CLIENT_CERTIFICATE,
    ("request_timeout",): Setting.TIMEOUT,
    ("strategy", "exclude-newer"): Setting.COOLDOWN,
}


class Pdm:
    """The client of PDM."""

    name = NAME

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """Every pdm in PATH."""
        return installed(surroundings, NAME)

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """Site, user, pdm.toml (and the old .pdm.toml), and the project's sources."""
        scopes: dict[str, Scope] = {"site": "global", "user": "user", "project": "project"}
        paths = [(file.path, layer, scopes[layer]) for layer, file in _configs(surroundings)]
        legacy = project_folder(surroundings) / ".pdm.toml"
        files = [ConfigFile(path, layer, scope, is_file(path)) for path, layer, scope in paths if path != legacy]
        project = project_folder(surroundings) / "pyproject.toml"
        return [
            *files,
            ConfigFile(legacy, "project", None, is_file(legacy)),
            ConfigFile(project, "project", None, is_file(project)),
        ]

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """pypi.url is the index, unless a source of the project is called pypi; other sources are beside it."""
        entries = []
        for keys, setting in _KEYS.items():
            for layer, file in _configs(surroundings):
                if file.get(*keys) is not None:
                    value = text(file.get(*keys))
                    entries.append(Entry(setting, value, layer, file.place(*keys), ".".join(keys)))
        entries += variable(surroundings.environ, "PDM_PYPI_URL", Setting.INDEX)
        entries += variable(surroundings.environ, "PDM_REQUEST_TIMEOUT", Setting.TIMEOUT)
        entries += _sources(surroundings)
        index = next((entry.value for entry in reversed(entries) if entry.setting is Setting.INDEX), default_index())
        named = [entry for entry in entries if entry.setting is Setting.CA]
        entries = [entry for entry in entries if entry.setting is not Setting.CA]
        entries += proxies(surroundings.environ, index) + requests_trust(surroundings.environ) + named
        entries += _insecure(surroundings, index)
        return effective(entries, _DEFAULTS | {Setting.INDEX: index})

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """Broken files, files in the wrong place, the variable that beats a file."""
        return list(_findings(surroundings))

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """pypi.url, pypi.ca_certs and request_timeout in the scope's configuration."""
        if scope == "venv":
            raise no_scope(NAME, scope, ("user", "project", "global"))
        if wish.proxy is not None:
            shown = "URL" if "@" in wish.proxy else wish.proxy
            raise no_file_for(NAME, "proxy", f"export HTTPS_PROXY={shown} HTTP_PROXY={shown}")
        if wish.no_proxy is not None:
            raise no_file_for(NAME, "no_proxy", f"export NO_PROXY={wish.no_proxy}")
        layers = {"global": "site", "user": "user", "project": "project"}
        file = next(file for layer, file in _configs(surroundings) if layer == layers[scope])
        if scope == "project":
            check_login(file.path, wish.index)
        edit = TomlEdit(file)
        for keys, setting in _KEYS.items():
            if setting in wish.drop:
                edit.remove(keys)
        if Setting.EXTRA_INDEXES in wish.drop or wish.index is not None:
            stored = edit.get("pypi")
            for name in [*stored] if isinstance(stored, dict) else []:
                if not isinstance(stored[name], dict):
                    continue
                edit.remove(("pypi", name))
        if wish.index is not None:
            edit.set(("pypi", "url"), wish.index)
            edit.remove(("pypi", "verify_ssl"))
        if wish.ca is not None:
            edit.set(("pypi", "ca_certs"), str(wish.ca))
        if wish.timeout is not None:
            edit.set(("request_timeout",), wish.timeout)
        after = edit.result()
        secret = "@" in parts(wish.index or "").netloc
        return [] if after == (file.raw or b"") else [Change(file.path, file.raw, after, private=secret)]


def project_folder(surroundings: Surroundings) -> Path:
    """PDM_PROJECT, or the nearest folder with a pyproject.toml."""
    own = surroundings.environ.get("PDM_PROJECT")
    if own:
        return surroundings.cwd / own
    return nearest(surroundings.cwd, lambda each: is_file(each / "pyproject.toml")) or surroundings.cwd


def _configs(surroundings: Surroundings) -> list[tuple[str, TomlFile]]:
    """Weakest first; the old .pdm.toml is laid over pdm.toml."""
    own = surroundings.environ.get("PDM_CONFIG_FILE")
    twice = f"{NAME}/{NAME}" if surroundings.system == "windows" else NAME  # its author has its name, for platformdirs
    user = surroundings.cwd / own if own else user_config(surroundings, twice) / "config.toml"
    project = project_folder(surroundings)
    found = [
        ("site", read(site_config(surroundings, twice) / "config.toml")),
        ("user", read(user)),
        ("project", read(project / "pdm.toml")),
    ]
    legacy = read(project / ".pdm.toml")
    return found if legacy.raw is None else [*found, ("project", legacy)]


def _sources(surroundings: Surroundings) -> list[Entry]:
    """The project's sources, then the stored ones; the one called pypi takes the place of pypi.url. Weakest first."""
    project = read(project_folder(surroundings) / "pyproject.toml")
    found: list[tuple[str, Entry]] = []
    for number, source in project.tables(*SOURCE):
        if source.get("url"):
            entry = Entry(Setting.EXTRA_INDEXES, str(source["url"]), "project", project.place(*SOURCE, number, "url"))
            found.append((str(source.get("name", "")), replace(entry, key="tool.pdm.source.url")))
    if not _alone(surroundings):
        for layer, file in reversed(_configs(surroundings)):
            for name, source in file.table("pypi").items():
                if isinstance(source, Mapping) and source.get("url") and name not in {known for known, _ in found}:
                    key, url = f"pypi.{name}.url", str(source["url"])
                    place = file.place("pypi", name, "url")
                    found.append((name, Entry(Setting.EXTRA_INDEXES, url, layer, place, key)))
    entries = [entry if name != "pypi" else replace(entry, setting=Setting.INDEX) for name, entry in found]
    if _alone(surroundings) and entries and all(entry.setting is not Setting.INDEX for entry in entries):
        entries[0] = replace(entries[0], setting=Setting.INDEX)  # nothing else is asked
    return entries[::-1]


def _alone(surroundings: Surroundings) -> bool:
    """`pypi.ignore_stored_index`: only what the project lists is asked."""
    if surroundings.environ.get("PDM_IGNORE_STORED_INDEX"):
        return truth(surroundings.environ["PDM_IGNORE_STORED_INDEX"])
    said = [file.get("pypi", "ignore_stored_index") for _, file in _configs(surroundings)]
    return next((truth(text(value)) for value in reversed(said) if value is not None), False)


def _insecure(surroundings: Surroundings, index: str) -> list[Entry]:
    host = parts(index).hostname or ""
    found = []
    for layer, file in _configs(surroundings):
        if file.get("pypi", "verify_ssl") is False:
            place = file.place("pypi", "verify_ssl")
            found.append(Entry(Setting.TRUSTED_HOSTS, host, layer, place, "pypi.verify_ssl"))
    said = variable(surroundings.environ, "PDM_PYPI_VERIFY_SSL", Setting.TRUSTED_HOSTS)
    if said:
        return [] if said[0].value.lower() not in ("false", "no", "0") else [replace(said[0], value=host)]
    return found[-1:]


def _findings(surroundings: Surroundings) -> Iterator[Finding]:
    project = read(project_folder(surroundings) / "pyproject.toml")
    configs = _configs(surroundings)
    for file in (*(file for _, file in configs), project):
        if file.broken:
            yield broken_file(NAME, file.path, file.broken)
    if surroundings.environ.get("PDM_PYPI_URL"):
        for _, file in configs:
            if file.get("pypi", "url") is not None:
                why, fix = "PDM_PYPI_URL is set, and beats every file", "unset PDM_PYPI_URL"
                yield without_effect(NAME, file.place("pypi", "url"), "pypi.url", why=why, fix=fix)
    right = next(file.path for layer, file in configs if layer == "user")
    home = surroundings.home
    for path in (home / ".pdm" / "config.toml", home / ".config" / "pdm.toml", right.with_name("pdm.toml")):
        if path != right and is_file(path):
            yield never_read(NAME, path, right)
