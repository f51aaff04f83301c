"""Poetry: config.toml, auth.toml, poetry.toml, the sources of pyproject.toml, and POETRY_* variables.

Read from the source of Poetry 2.5 and tried with it. It asks the network through requests: no truststore, no setting
for a proxy, and certificate authorities by repository or from requests' own variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipway.clients.base import Change, ConfigFile, Effective, Entry, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.folders import installed, nearest, user_config
from pipway.clients.layers import (
    BUNDLED,
    ENVIRONMENT,
    default_index,
    effective,
    proxies,
    requests_trust,
    text,
    variable,
)
from pipway.clients.ordinary_files import is_file
from pipway.clients.remarks import (
    broken_file,
    check_login,
    never_read,
    no_file_for,
    no_scope,
    unknown_key,
    without_effect,
)
from pipway.clients.toml_edits import TomlEdit
from pipway.clients.toml_files import TomlFile, read
from pipway.errors import UsageError
from pipway.findings import Finding, Place

NAME = "poetry"
SOURCE = ("tool", "poetry", "source")
OURS = "pipway"  #: what `configure` calls the source that it adds

_DEFAULTS = {Setting.CA: BUNDLED, Setting.TIMEOUT: "15", Setting.RETRIES: "5", Setting.KEYRING: "true"}
#: What a source may say; Poetry refuses a project with anything else (`additionalProperties` is false in its schema).
_SOURCE_KEYS = ("name", "url", "priority", "links", "indexed")
_CONFIG_KEYS = (
    *("cache-dir", "data-dir", "virtualenvs", "requests", "installer", "python", "solver", "system-git-client"),
    *("keyring", "repositories", "certificates", "http-basic", "pypi-token", "experimental"),
)
#: Strongest first; a source that is explicit serves only who names it.
_PRIORITIES = ("primary", "supplemental")


class Poetry:
    """The client of Poetry."""

    name = NAME

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """Every poetry in PATH."""
        return installed(surroundings, NAME)

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """config.toml, auth.toml, and poetry.toml and pyproject.toml of the project."""
        folder, project = config_folder(surroundings), project_folder(surroundings)
        paths: list[tuple[Path, str, Scope | None]] = [
            (folder / "config.toml", "user", "user"),
            (folder / "auth.toml", "user", None),
            (project / "poetry.toml", "project", None),
            (project / "pyproject.toml", "project", "project"),
        ]
        return [ConfigFile(path, layer, scope, is_file(path)) for path, layer, scope in paths]

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """Sources decide; their certificates come from the configuration, by the source's name."""
        configs = _configs(surroundings)
        sources = _sources(read(project_folder(surroundings) / "pyproject.toml"))
        primary = [entry for _, priority, entry in sources if priority == "primary"]
        others = [entry for _, priority, entry in sources if priority == "supplemental"]
        index = primary[0].value if primary else default_index()
        name = next((name for name, _, entry in sources if primary and entry is primary[0]), "")
        entries = [*primary[:1], *reversed([*primary[1:], *others])]
        entries = [_as(entry, Setting.EXTRA_INDEXES) for entry in entries[1:]] + entries[:1] if primary else entries
        if not primary:
            entries = [_as(entry, Setting.EXTRA_INDEXES) for entry in entries]
        entries += proxies(surroundings.environ, index) + _trust(surroundings, configs, name)
        entries += variable(surroundings.environ, "POETRY_REQUESTS_TIMEOUT", Setting.TIMEOUT)
        entries += _setting(surroundings, configs, ("keyring", "enabled"), Setting.KEYRING)
        entries += _setting(surroundings, configs, ("solver", "min-release-age"), Setting.COOLDOWN)
        return effective(entries, _DEFAULTS | {Setting.INDEX: index})

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """Files that stop Poetry, keys it does not know, certificates for repositories that do not exist."""
        return list(_findings(surroundings))

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """Project: the source in pyproject.toml. User: certificates in config.toml."""
        if scope not in ("user", "project"):
            raise no_scope(NAME, scope, ("user", "project"))
        if wish.proxy is not None:
            raise no_file_for(NAME, "proxy", f"export HTTPS_PROXY={_shown(wish.proxy)} HTTP_PROXY={_shown(wish.proxy)}")
        if wish.timeout is not None:
            raise no_file_for(NAME, "time-out", f"export POETRY_REQUESTS_TIMEOUT={wish.timeout}")
        if wish.no_proxy is not None:
            raise no_file_for(NAME, "no_proxy", f"export NO_PROXY={wish.no_proxy}")
        if wish.index is not None and scope == "user":
            raise no_file_for(
                NAME, "index for all projects", "run it with --scope project", why="sources belong to a project"
            )
        project = read(project_folder(surroundings) / "pyproject.toml")
        changes = []
        if scope == "project" and (wish.index is not None or Setting.INDEX in wish.drop):
            changes += _changed(project, lambda edit: _point(edit, project, wish))
        if wish.ca is not None or Setting.CA in wish.drop:
            names = [OURS] if wish.index is not None else [name for name, _, _ in _sources(project)]
            changes += _certificates(surroundings, wish, names, scope)
        return changes


def config_folder(surroundings: Surroundings) -> Path:
    """POETRY_CONFIG_DIR, or the user's folder called pypoetry."""
    own = surroundings.environ.get("POETRY_CONFIG_DIR")
    return surroundings.cwd / own if own else user_config(surroundings, "pypoetry", roaming=True)


def project_folder(surroundings: Surroundings) -> Path:
    """The nearest folder with a pyproject.toml; poetry.toml counts only beside it."""
    return nearest(surroundings.cwd, lambda each: is_file(each / "pyproject.toml")) or surroundings.cwd


def _configs(surroundings: Surroundings) -> list[tuple[str, TomlFile]]:
    """What is merged, weakest first: config.toml, auth.toml, poetry.toml."""
    folder, project = config_folder(surroundings), project_folder(surroundings)
    return [
        ("user", read(folder / "config.toml")),
        ("user", read(folder / "auth.toml")),
        ("project", read(project / "poetry.toml")),
    ]


def _sources(project: TomlFile) -> list[tuple[str, str, Entry]]:
    """Name, priority and address of each source; one called pypi is the default index."""
    found = []
    for number, source in project.tables(*SOURCE):
        name, priority = str(source.get("name", "")), str(source.get("priority", "primary")).lower()
        url = default_index() if name.lower() == "pypi" else source.get("url")
        if url and priority in (*_PRIORITIES, "explicit"):
            place = project.place(*SOURCE, number, "url")
            found.append((name, priority, Entry(Setting.INDEX, str(url), "project", place, "tool.poetry.source.url")))
    return found


def _as(entry: Entry, setting: Setting) -> Entry:
    return Entry(setting, entry.value, entry.layer, entry.place, entry.key)


def _setting(
    surroundings: Surroundings, configs: Sequence[tuple[str, TomlFile]], keys: tuple[str, ...], setting: Setting
) -> list[Entry]:
    """One key of the configuration, weakest place first, with the variable that overrules it."""
    found = [
        Entry(setting, text(file.get(*keys)), layer, file.place(*keys), ".".join(keys))
        for layer, file in configs
        if file.get(*keys) is not None
    ]
    name = "POETRY_" + "_".join(key.upper().replace("-", "_") for key in keys)
    if name in surroundings.environ:
        found.append(Entry(setting, surroundings.environ[name], ENVIRONMENT, Place(name), name))
    return found


def _trust(surroundings: Surroundings, configs: Sequence[tuple[str, TomlFile]], source: str) -> list[Entry]:
    """requests looks at its variables only when the source has no certificate of its own."""
    entries = requests_trust(surroundings.environ)
    if not source:
        return entries
    for key, setting in (("cert", Setting.CA), ("client-cert", Setting.CLIENT_CERTIFICATE)):
        said = _setting(surroundings, configs, ("certificates", source, key), setting)
        # `cert = false` and `cert = true` switch, they name no file.
        entries += [entry for entry in said if entry.value.lower() not in ("true", "false")]
        if any(entry.value.lower() == "false" for entry in said):
            host = Entry(Setting.TRUSTED_HOSTS, source, said[-1].layer, said[-1].place, said[-1].key)
            entries.append(host)
    return entries


def _findings(surroundings: Surroundings) -> Iterator[Finding]:
    project = read(project_folder(surroundings) / "pyproject.toml")
    configs = _configs(surroundings)
    for file in (*(file for _, file in configs), project):
        if file.broken:
            yield broken_file(NAME, file.path, file.broken)
    sources = project.get(*SOURCE)
    if isinstance(sources, dict):
        why = "[tool.poetry.source] must be [[tool.poetry.source]]: there may be several"
        yield unknown_key(NAME, project.place(*SOURCE), "source", (), stops=True, consequence=why)
    names = {name.lower() for name, _, _ in _sources(project)}
    for number, source in project.tables(*SOURCE):
        for key in source:
            if key not in _SOURCE_KEYS:
                place = project.place(*SOURCE, number, key)
                known = ("priority",) if key in ("default", "secondary") else _SOURCE_KEYS
                why = "Poetry refuses the project"
                yield unknown_key(NAME, place, key, known, stops=True, consequence=why)
    for _, file in configs:
        for key in file.data:
            if key not in _CONFIG_KEYS:
                why = "it has no effect"
                yield unknown_key(NAME, file.place(key), key, _CONFIG_KEYS, stops=False, consequence=why)
        names |= {str(name).lower() for name in file.table("repositories")}
    for _, file in configs:
        for name in file.table("certificates"):
            if name.lower() not in names or name.lower() == "pypi":
                why = "no source has that name, and the default index has no certificates of its own"
                what = f"certificates.{name}"
                fix = "export REQUESTS_CA_BUNDLE with that file, or name a source of the project"
                yield without_effect(NAME, file.place("certificates", name), what, why=why, fix=fix)
    yield from _unread(surroundings)


def _unread(surroundings: Surroundings) -> Iterator[Finding]:
    right = config_folder(surroundings) / "config.toml"
    wrong = (surroundings.home / ".poetry" / "config.toml", surroundings.home / ".config" / "poetry" / "config.toml")
    for path in (*wrong, right.with_name("poetry.toml")):
        if path != right and is_file(path):
            yield never_read(NAME, path, right)
    project = project_folder(surroundings)
    if surroundings.cwd != project and is_file(surroundings.cwd / "poetry.toml"):
        yield never_read(NAME, surroundings.cwd / "poetry.toml", project / "poetry.toml")


def _changed(file: TomlFile, step: Any, *, private: bool = False) -> list[Change]:
    edit = TomlEdit(file)
    step(edit)
    after = edit.result()
    return [] if after == (file.raw or b"") else [Change(file.path, file.raw, after, private=private)]


def _point(edit: TomlEdit, project: TomlFile, wish: Wish) -> None:
    """One primary source: then Poetry asks the default index no more. Others serve only who names them."""
    if wish.index is None:
        edit.remove(SOURCE)
        return
    if project.raw is None:
        raise UsageError("no-project", f"there is no {project.path}", fix="run it in a project of Poetry")
    check_login(project.path, wish.index)
    at = None
    for number, source in enumerate(edit.tables(*SOURCE)):
        if source.get("name") == OURS:
            at = number
        elif str(source.get("name", "")).lower() != "pypi" and source.get("priority") != "explicit":
            edit.set((*SOURCE, number, "priority"), "explicit")
    for number in reversed(range(len(edit.tables(*SOURCE)))):
        if str(edit.get(*SOURCE, number, "name")).lower() == "pypi":
            edit.remove((*SOURCE, number))
            at = at - 1 if at is not None and number < at else at
    if at is None:
        edit.append(SOURCE, {"name": OURS, "url": wish.index, "priority": "primary"})
    else:
        edit.set((*SOURCE, at, "url"), wish.index)
        edit.set((*SOURCE, at, "priority"), "primary")


def _certificates(surroundings: Surroundings, wish: Wish, names: Sequence[str], scope: Scope) -> list[Change]:
    folder = config_folder(surroundings) if scope == "user" else project_folder(surroundings)
    names = [name for name in names if name.lower() != "pypi"]
    if not names and wish.ca is not None:
        fix = f"export REQUESTS_CA_BUNDLE={wish.ca}"
        raise no_file_for(NAME, "certificate authorities for the default index", fix, why="only sources have them")

    def step(edit: TomlEdit) -> None:
        for name in names:
            if wish.ca is None:
                edit.remove(("certificates", name, "cert"))
            else:
                edit.set(("certificates", name, "cert"), str(wish.ca))

    return _changed(read(folder / ("config.toml" if scope == "user" else "poetry.toml")), step)


def _shown(url: str) -> str:
    return "URL" if "@" in url else url
