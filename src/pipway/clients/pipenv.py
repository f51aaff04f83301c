"""pipenv: the sources of the Pipfile, and what leads to another index.

Read from the source of pipenv 2026.10. It starts pip with PIP_CONFIG_FILE at nothing: pip.conf counts only while there
is no Pipfile, as what the new one begins with. The proxy and the authorities are those of pip's variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipway.clients.base import Change, ConfigFile, Effective, Entry, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.folders import ancestors, installed
from pipway.clients.layers import (
    SYSTEM,
    default_index,
    effective,
    options,
    parts,
    proxies,
    requests_trust,
    variable,
)
from pipway.clients.ordinary_files import is_file
from pipway.clients.remarks import broken_file, check_login, no_file_for, no_scope, unknown_key, without_effect
from pipway.clients.toml_edits import TomlEdit
from pipway.clients.toml_files import TomlFile, read
from pipway.findings import Finding, Place

NAME = "pipenv"

_DEFAULTS = {Setting.CA: SYSTEM, Setting.TIMEOUT: "15", Setting.RETRIES: "5", Setting.HASHES: "lock"}
_SOURCE_KEYS = ("name", "url", "verify_ssl")
_OPTIONS = {"-i": Setting.INDEX, "--index": Setting.INDEX, "--extra-index-url": Setting.EXTRA_INDEXES}
_MOST_FOLDERS = 11  # PIPENV_MAX_DEPTH and one


class Pipenv:
    """The client of pipenv."""

    name = NAME

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """Every pipenv in PATH."""
        return installed(surroundings, NAME)

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """The Pipfile."""
        path = pipfile(surroundings)
        return [ConfigFile(path, "project", "project", is_file(path))]

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """The first source is the index; PIPENV_PYPI_MIRROR stands in for a source that is the default index."""
        entries = _sources(surroundings, read(pipfile(surroundings)))
        entries += [entry for entry in options(surroundings, NAME, _OPTIONS) if entry.value.startswith("http")]
        index = next((entry.value for entry in reversed(entries) if entry.setting is Setting.INDEX), default_index())
        environ = surroundings.environ
        entries += proxies(environ, index) + variable(environ, "PIP_PROXY", Setting.PROXY)
        entries += requests_trust(environ) + variable(environ, "PIP_CERT", Setting.CA)
        entries += variable(environ, "PIP_CLIENT_CERT", Setting.CLIENT_CERTIFICATE)
        for name in ("PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT"):
            entries += variable(environ, name, Setting.TIMEOUT)
        entries += variable(environ, "PIP_RETRIES", Setting.RETRIES)
        for name in ("PIP_KEYRING_PROVIDER", "PIPENV_KEYRING_PROVIDER"):
            entries += variable(environ, name, Setting.KEYRING)
        return effective(entries, _DEFAULTS | {Setting.INDEX: index})

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """A Pipfile that cannot be read, sources without an address, variables that do nothing."""
        return list(_findings(surroundings))

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """The Pipfile's first source."""
        if scope != "project":
            raise no_scope(NAME, scope, ("project",))
        for value, what, name in (
            (wish.proxy, "proxy", "HTTPS_PROXY"),
            (wish.no_proxy, "no_proxy", "NO_PROXY"),
            (wish.ca, "certificate authorities", "PIP_CERT"),
            (wish.timeout, "time-out", "PIP_DEFAULT_TIMEOUT"),
        ):
            if value is not None:
                shown = "URL" if "@" in str(value) else value
                raise no_file_for(NAME, what, f"export {name}={shown}")
        file = read(pipfile(surroundings))
        check_login(file.path, wish.index)
        edit = TomlEdit(file)
        if Setting.INDEX in wish.drop:
            edit.remove(("source",))
        if wish.index is not None:
            _point(edit, wish.index)
        after = edit.result()
        return [] if after == (file.raw or b"") else [Change(file.path, file.raw, after)]


def pipfile(surroundings: Surroundings) -> Path:
    """PIPENV_PIPFILE, or the nearest one."""
    own = surroundings.environ.get("PIPENV_PIPFILE")
    if own:
        return surroundings.cwd / own
    for folder in ancestors(surroundings.cwd, most=_MOST_FOLDERS):
        if is_file(folder / "Pipfile"):
            return folder / "Pipfile"
    return surroundings.cwd / "Pipfile"


def _sources(surroundings: Surroundings, file: TomlFile) -> list[Entry]:
    """Weakest first: the other sources from the last to the second, then the first, then the mirror in its place."""
    found = []
    for number, source in file.tables("source"):
        if not source.get("url"):
            continue
        place = file.place("source", number, "url")
        found.append(Entry(Setting.EXTRA_INDEXES, str(source["url"]), "project", place, "source.url"))
        if source.get("verify_ssl") is False:
            host = parts(str(source["url"])).netloc.rpartition("@")[2]
            place = file.place("source", number, "verify_ssl")
            found.append(Entry(Setting.TRUSTED_HOSTS, host, "project", place, "source.verify_ssl"))
    sources = [entry for entry in found if entry.setting is Setting.EXTRA_INDEXES]
    entries = [entry for entry in found if entry.setting is Setting.TRUSTED_HOSTS] + sources[:0:-1]
    first = [replace(entry, setting=Setting.INDEX) for entry in sources[:1]]
    mirror = variable(surroundings.environ, "PIPENV_PYPI_MIRROR", Setting.INDEX)
    mirror += options(surroundings, NAME, {"--pypi-mirror": Setting.INDEX})
    if not first or _is_default(first[0].value):
        return entries + first + mirror
    return entries + mirror + first


def _is_default(url: str) -> bool:
    return parts(url).hostname == parts(default_index()).hostname


def _point(edit: TomlEdit, url: str) -> None:
    """The first source; its name stays, because packages and the lock file refer to it. The others serve by name."""
    if not edit.tables("source"):
        edit.append(("source",), {"url": url, "verify_ssl": True, "name": "pipway"})
        return
    edit.set(("source", 0, "url"), url)
    edit.set(("source", 0, "verify_ssl"), True)


def _findings(surroundings: Surroundings) -> Iterator[Finding]:
    file = read(pipfile(surroundings))
    if file.broken:
        yield broken_file(NAME, file.path, file.broken)
    if isinstance(file.get("source"), dict):
        why = "[source] must be [[source]]"
        yield unknown_key(NAME, file.place("source"), "source", (), stops=True, consequence=why)
    for number, source in file.tables("source"):
        for key in source:
            if key not in _SOURCE_KEYS:
                place = file.place("source", number, key)
                yield unknown_key(NAME, place, key, _SOURCE_KEYS, stops=False, consequence="it has no effect")
    environ = surroundings.environ
    urls = [str(source.get("url", "")) for _, source in file.tables("source")]
    if environ.get("PIPENV_PYPI_MIRROR") and urls and not any(map(_is_default, urls)):
        why = "it stands in for the default index, which is no source of the Pipfile"
        fix = "change the Pipfile's source: pipway configure pipenv --scope project"
        yield without_effect(NAME, Place("PIPENV_PYPI_MIRROR"), "PIPENV_PYPI_MIRROR", why=why, fix=fix)
    if file.tables("source"):
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
            if environ.get(name):
                why = "pipenv hands pip the sources of the Pipfile"
                yield without_effect(NAME, Place(name), name, why=why, fix="change the Pipfile's source")
