"""uv: where it reads, what that comes to, and how to point it at an index or a proxy.

uv reads no pip.conf and no PIP_* variable. What is written here was tried with uv 0.13.8 (`--show-settings`, and what
it does on the wire); versions are named where older ones differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from packaging.version import InvalidVersion, Version

from pipway.clients.base import (
    Change,
    ConfigFile,
    Effective,
    Entry,
    Installed,
    Scope,
    Setting,
    Surroundings,
    Wish,
)
from pipway.clients.folders import installed
from pipway.clients.layers import BUNDLED, COMMAND_LINE, SYSTEM, effective, options, parts, proxies, truth, variable
from pipway.clients.layers import default_index as pypi
from pipway.clients.remarks import check_login, no_file_for, no_scope
from pipway.clients.toml_edits import TomlEdit
from pipway.clients.toml_files import read
from pipway.clients.uv_files import Layer, file_for, layers, listed
from pipway.clients.uv_findings import findings
from pipway.errors import UsageError
from pipway.findings import Finding, Place

NAME = "uv"
PROXY_KEYS_SINCE = Version("0.9.23")  # older ones refuse to start when uv.toml has http-proxy (tried)

_DEFAULTS = {Setting.CA: BUNDLED, Setting.TIMEOUT: "30", Setting.RETRIES: "3", Setting.KEYRING: "disabled"}

#: One key, one setting. `[pip]` has some of them again, for `uv pip`.
_KEYS = {
    "no-index": Setting.NO_INDEX,
    "find-links": Setting.FIND_LINKS,
    "allow-insecure-host": Setting.TRUSTED_HOSTS,
    "keyring-provider": Setting.KEYRING,
    "exclude-newer": Setting.COOLDOWN,
    "require-hashes": Setting.HASHES,
}
#: variable → setting, weakest first, and what separates its parts
_VARIABLES = (
    ("UV_NO_INDEX", Setting.NO_INDEX, None),
    ("UV_FIND_LINKS", Setting.FIND_LINKS, ","),
    ("UV_INSECURE_HOST", Setting.TRUSTED_HOSTS, " "),
    ("UV_KEYRING_PROVIDER", Setting.KEYRING, None),
    ("UV_EXCLUDE_NEWER", Setting.COOLDOWN, None),
    ("UV_REQUIRE_HASHES", Setting.HASHES, None),
    ("SSL_CLIENT_CERT", Setting.CLIENT_CERTIFICATE, None),
    ("HTTP_TIMEOUT", Setting.TIMEOUT, None),
    ("UV_REQUEST_TIMEOUT", Setting.TIMEOUT, None),
    ("UV_HTTP_TIMEOUT", Setting.TIMEOUT, None),
    ("UV_HTTP_RETRIES", Setting.RETRIES, None),
)
_OPTIONS = {
    "--no-index": Setting.NO_INDEX,
    "-f": Setting.FIND_LINKS,
    "--find-links": Setting.FIND_LINKS,
    "--allow-insecure-host": Setting.TRUSTED_HOSTS,
    "--trusted-host": Setting.TRUSTED_HOSTS,
    "--keyring-provider": Setting.KEYRING,
    "--exclude-newer": Setting.COOLDOWN,
    "--require-hashes": Setting.HASHES,
}
_INDEX_OPTIONS = {"-i": Setting.INDEX, "--index-url": Setting.INDEX}
_DEFAULT_OPTIONS = {"--default-index": Setting.INDEX}
_EXTRA_OPTIONS = {"--index": Setting.EXTRA_INDEXES, "--extra-index-url": Setting.EXTRA_INDEXES}
_WHAT_A_WISH_FOR_AN_INDEX_TAKES = ("index-url", "extra-index-url", "no-index", "allow-insecure-host", "index-strategy")


class Uv:
    """The client of uv."""

    name = NAME

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """Every uv in PATH."""
        return installed(surroundings, NAME)

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """System, user, then the project's; or UV_CONFIG_FILE and nothing else."""
        return listed(surroundings)

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """What `uv pip` comes to, unless `surroundings.command` is another command of uv."""
        read_layers = layers(surroundings)
        entries = [*_simple(surroundings, read_layers), *_trust(surroundings, read_layers)]
        index = _indexes(surroundings, read_layers)
        entries += index
        wins = next((entry.value for entry in reversed(index) if entry.setting is Setting.INDEX), "") or pypi()
        entries += _network(surroundings, read_layers, wins)
        found = effective(entries, _DEFAULTS | {Setting.INDEX: wins})
        return found | {Setting.EXTRA_INDEXES: _extra(surroundings, read_layers)}

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """Broken files, unknown keys, what another place overrules, and what uv does not read."""
        return findings(surroundings, installed)

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """uv.toml of the scope; pyproject.toml where the project keeps its uv settings there."""
        if scope == "venv":
            raise no_scope(NAME, scope, ("user", "project", "global"))
        if wish.ca is not None:
            raise no_file_for(NAME, "certificate authorities", f"export SSL_CERT_FILE={wish.ca}")
        if wish.timeout is not None:
            raise no_file_for(NAME, "time-out", f"export UV_HTTP_TIMEOUT={wish.timeout}")
        if wish.proxy is not None or wish.no_proxy is not None:
            self._check_version(surroundings)
        path, under = file_for(surroundings, scope)
        if scope == "project":
            check_login(path, wish.index, wish.proxy)
        file = read(path)
        edit = TomlEdit(file)
        for setting in wish.drop:
            _drop(edit, under, setting)
        if wish.proxy is not None:
            for key in ("http-proxy", "https-proxy"):
                edit.set((*under, key), wish.proxy)
        if wish.no_proxy is not None:
            hosts = [host.strip() for host in wish.no_proxy.split(",") if host.strip()]
            edit.set((*under, "no-proxy"), hosts)
        if wish.index is not None:
            _point(edit, under, wish.index, keep_extra=Setting.EXTRA_INDEXES in wish.keep)
        after = edit.result()
        secret = any("@" in parts(url).netloc for url in (wish.index or "", wish.proxy or ""))
        return [] if after == (file.raw or b"") else [Change(path, file.raw, after, private=secret)]

    def _check_version(self, surroundings: Surroundings) -> None:
        for one in self.find(surroundings)[:1]:
            try:
                old = Version(one.version) < PROXY_KEYS_SINCE
            except InvalidVersion:
                continue
            if old:
                raise UsageError(
                    "client-too-old",
                    f"uv {one.version} has no proxy in its configuration files",
                    why=f"it would refuse to start; uv has the keys since {PROXY_KEYS_SINCE}",
                    fix="export HTTPS_PROXY and HTTP_PROXY, or update uv",
                )


def _simple(surroundings: Surroundings, read_layers: Sequence[Layer]) -> list[Entry]:
    """Everything that is one key, one variable or one option."""
    entries = []
    for pip in (False, True) if _pip(surroundings) else (False,):
        for layer in read_layers:
            for key, setting in _KEYS.items():
                entries += layer.said(key, setting, pip=pip)
    for name, setting, split in _VARIABLES:
        entries += _environment(surroundings, name, setting, split)
    return entries + options(surroundings, NAME, _OPTIONS)


def _environment(surroundings: Surroundings, name: str, setting: Setting, split: str | None = None) -> list[Entry]:
    return variable(surroundings.environ, name, setting, split=split)


def _pip(surroundings: Surroundings) -> bool:
    """Whether `[pip]` counts: `uv pip`, which is also meant when no command is known."""
    words = [word for word in surroundings.command[1:] if not word.startswith("-")]
    return not words or words[0] == "pip"


def _trust(surroundings: Surroundings, read_layers: Sequence[Layer]) -> list[Entry]:
    """SSL_CERT_FILE and SSL_CERT_DIR replace all roots, those of the system too."""
    entries = []
    for layer in read_layers:
        mine = layer.said("system-certs", Setting.CA) or layer.said("native-tls", Setting.CA)
        entries += [_system(entry) for entry in mine]
    said = [
        entry for name in ("UV_NATIVE_TLS", "UV_SYSTEM_CERTS") for entry in _environment(surroundings, name, Setting.CA)
    ]
    entries += [_system(entry) for entry in said]
    for option in ("--native-tls", "--system-certs"):
        if option in surroundings.command:
            entries.append(Entry(Setting.CA, SYSTEM, COMMAND_LINE, Place(option), option))
    return entries + [
        entry for name in ("SSL_CERT_DIR", "SSL_CERT_FILE") for entry in _environment(surroundings, name, Setting.CA)
    ]


def _system(entry: Entry) -> Entry:
    return replace(entry, value=SYSTEM if truth(entry.value) else BUNDLED)


def _indexes(surroundings: Surroundings, read_layers: Sequence[Layer]) -> list[Entry]:
    """The places that name the default index, weakest first.

    `[[index]]` with `default` of any file is stronger than `index-url` of any other: uv takes the first default of
    its list, in which the old keys come last.
    """
    entries = []
    for pip in (False, True) if _pip(surroundings) else (False,):
        for layer in read_layers:
            entries += layer.said("index-url", Setting.INDEX, pip=pip)
    for layer in read_layers:
        entries += reversed(layer.indexes(default=True))
    entries += _environment(surroundings, "UV_INDEX_URL", Setting.INDEX)
    entries += options(surroundings, NAME, _INDEX_OPTIONS)
    entries += [_unnamed(entry) for entry in _environment(surroundings, "UV_DEFAULT_INDEX", Setting.INDEX)]
    return entries + [_unnamed(entry) for entry in options(surroundings, NAME, _DEFAULT_OPTIONS)]


def _unnamed(entry: Entry) -> Entry:
    """`name=url` is how an index gets a name."""
    name, equals, url = entry.value.partition("=")
    value = url if equals and "/" not in name and ":" not in name else entry.value
    return replace(entry, value=value)


def _extra(surroundings: Surroundings, read_layers: Sequence[Layer]) -> Effective:
    """The other indexes, strongest first; an option replaces its variable, and a name counts once."""
    said: list[Entry] = []
    shadowed: list[Entry] = []
    given = options(surroundings, NAME, _EXTRA_OPTIONS)
    for option, name in (("--index", "UV_INDEX"), ("--extra-index-url", "UV_EXTRA_INDEX_URL")):
        mine = [entry for entry in given if entry.key == option]
        variables = _environment(surroundings, name, Setting.EXTRA_INDEXES, " ")
        said += mine or variables
        shadowed += variables if mine else []
    if _pip(surroundings):
        for layer in reversed(read_layers):
            said += reversed(layer.said("extra-index-url", Setting.EXTRA_INDEXES, pip=True))
    for layer in reversed(read_layers):
        said += layer.indexes(default=False)
    for layer in reversed(read_layers):
        said += reversed(layer.said("extra-index-url", Setting.EXTRA_INDEXES))
    said = [_unnamed(entry) for entry in said]
    return Effective(
        Setting.EXTRA_INDEXES, tuple(dict.fromkeys(entry.value for entry in said)), tuple(said), tuple(shadowed)
    )


def _network(surroundings: Surroundings, read_layers: Sequence[Layer], index: str) -> list[Entry]:
    """A proxy in any file switches every proxy variable off, NO_PROXY too; without one `no-proxy` means nothing."""
    scheme = parts(index).scheme or "https"
    of_files = {
        key: [entry for layer in read_layers for entry in layer.said(key, setting)]
        for key, setting in (
            ("http-proxy", Setting.PROXY),
            ("https-proxy", Setting.PROXY),
            ("no-proxy", Setting.NO_PROXY),
        )
    }
    variables = proxies(surroundings.environ, index, upper_first=True)
    exceptions = of_files["no-proxy"]
    if not of_files["http-proxy"] and not of_files["https-proxy"]:
        # A shadow at most: uv looks at it only beside a proxy of a file.
        if not any(entry.setting is Setting.NO_PROXY for entry in variables):
            return variables
        return exceptions + variables
    switch = (of_files["http-proxy"] + of_files["https-proxy"])[-1]
    chosen = of_files.get(f"{scheme}-proxy") or [replace(switch, value="")]
    return [*variables, *chosen, *(exceptions or [replace(switch, setting=Setting.NO_PROXY, value="")])]


def _drop(edit: TomlEdit, under: tuple[str, ...], setting: Setting) -> None:
    keys = [key for key, mine in _KEYS.items() if mine is setting]
    keys += {
        Setting.INDEX: ["index-url"],
        Setting.EXTRA_INDEXES: ["extra-index-url"],
        Setting.PROXY: ["http-proxy", "https-proxy"],
        Setting.NO_PROXY: ["no-proxy"],
        Setting.CA: ["system-certs", "native-tls"],
    }.get(setting, [])
    for key in keys:
        edit.remove((*under, key))
        edit.remove((*under, "pip", key))
    if setting in (Setting.INDEX, Setting.EXTRA_INDEXES):
        found = edit.tables(*under, "index")
        for number in reversed(range(len(found))):
            if found[number].get("default", False) is (setting is Setting.INDEX) and not found[number].get("explicit"):
                edit.remove((*under, "index", number))


def _point(edit: TomlEdit, under: tuple[str, ...], url: str, *, keep_extra: bool = False) -> None:
    """One index: the default one; what takes packages from elsewhere goes, or serves only who names it."""
    for key in _WHAT_A_WISH_FOR_AN_INDEX_TAKES:
        if keep_extra and key == "extra-index-url":
            continue
        edit.remove((*under, key))
        edit.remove((*under, "pip", key))
    kept = False
    for number, index in reversed(list(enumerate(edit.tables(*under, "index")))):
        if index.get("default") and not kept:
            edit.set((*under, "index", number, "url"), url)
            kept = True
        elif index.get("explicit") or (keep_extra and not index.get("default")):
            continue
        elif index.get("name") and not index.get("default"):
            edit.set((*under, "index", number, "explicit"), True)
        else:
            edit.remove((*under, "index", number))
    if not kept:
        edit.append((*under, "index"), {"url": url, "default": True})
