"""What is wrong with uv's configuration. `clients.uv` hands it on; every case was tried with uv 0.13.8."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.version import InvalidVersion, Version

from pipway.clients import proxy_variables
from pipway.clients.base import Installed, Surroundings
from pipway.clients.layers import truth
from pipway.clients.ordinary_files import is_file
from pipway.clients.remarks import broken_file, never_read, unknown_key, without_effect
from pipway.clients.toml_files import Broken, TomlFile, read
from pipway.clients.uv_files import NAME, TABLE, Layer, layers, project_files, system_files, user_file
from pipway.findings import Finding, Fix, Place, Severity

_NEWEST = Version("0.13.8")  # whose keys these are; of newer ones only what looks mistyped is told
_SINCE = {
    **dict.fromkeys(("http-proxy", "https-proxy", "no-proxy"), Version("0.9.23")),
    "system-certs": Version("0.11"),
}
_KEYS = """
required-version system-certs native-tls offline no-cache cache-dir preview preview-features python-preference
python-downloads concurrent-downloads concurrent-builds concurrent-installs index index-url extra-index-url no-index
find-links index-strategy keyring-provider http-proxy https-proxy no-proxy allow-insecure-host resolution prerelease
prerelease-package fork-strategy dependency-metadata config-settings config-settings-package no-build-isolation
require-build-hashes no-build-isolation-package extra-build-dependencies extra-build-variables exclude-newer
exclude-newer-package link-mode compile-bytecode no-sources no-sources-package upgrade upgrade-package reinstall
reinstall-package no-build no-build-package no-binary no-binary-package torch-backend python-install-mirror
pypy-install-mirror graalpy-install-mirror pyodide-install-mirror python-downloads-json-url publish-url
trusted-publishing check-url add-bounds audit pip cache-keys override-dependencies exclude-dependencies
constraint-dependencies build-constraint-dependencies environments required-environments minimum-libc-version conflicts
workspace sources managed package default-groups dependency-groups dev-dependencies build-backend
"""
_LISTS = ("no-proxy", "extra-index-url", "find-links", "allow-insecure-host", "index")
#: What pip reads and uv does not, and what uv reads instead.
_OF_PIP = {
    "PIP_INDEX_URL": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "PIP_EXTRA_INDEX_URL": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "PIP_PROXY": ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
    "PIP_CERT": ("SSL_CERT_FILE", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS"),
    "REQUESTS_CA_BUNDLE": ("SSL_CERT_FILE", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS"),
}
_PROXY_VARIABLES = tuple(
    name for kind in ("no", "https", "http", "all") for name in (f"{kind}_proxy".upper(), f"{kind}_proxy")
)
_LOGIN = re.compile(r"UV_INDEX_(.+)_(?:USERNAME|PASSWORD)")


def findings(surroundings: Surroundings, installed: Installed | None) -> list[Finding]:
    """All of it."""
    read_layers = layers(surroundings)
    return [
        *_broken(surroundings),
        *(found for layer in read_layers for found in _keys(layer, installed)),
        *_proxies(surroundings, read_layers),
        *_urls(read_layers),
        *proxy_variables.findings(surroundings.environ, windows=surroundings.system == "windows"),
        *_beside(surroundings),
        *_unread(surroundings),
        *_variables(surroundings, read_layers),
    ]


def _broken(surroundings: Surroundings) -> Iterator[Finding]:
    if truth(surroundings.environ.get("UV_NO_CONFIG", "")):
        return
    explicit = surroundings.environ.get("UV_CONFIG_FILE")
    if explicit:
        file = read(surroundings.cwd / explicit)
        if file.raw is None:
            file = TomlFile(file.path, broken=Broken("UV_CONFIG_FILE names it, and it is not there"))
        files = [file]
    else:
        paths = [*system_files(surroundings), user_file(surroundings)]
        files = [*map(read, paths), *project_files(surroundings)]
    for file in files:
        if file.broken:
            stops = file.path.name != "pyproject.toml"
            yield broken_file(NAME, file.path, file.broken, stops=stops)


def _keys(layer: Layer, installed: Installed | None) -> Iterator[Finding]:
    stops = not layer.under
    consequence = "uv refuses to start" if stops else "uv ignores all of [tool.uv]"
    version = _version(installed)
    for key, value in layer.file.table(*layer.under).items():
        place = layer.file.place(*layer.under, key)
        since = _SINCE.get(key)
        if since and version and version < since:
            why = f"{consequence}: this is uv {version}, which has no such setting before {since}"
            yield unknown_key(NAME, place, key, (), stops=True, consequence=why)
        elif key not in _KEYS.split():
            finding = unknown_key(NAME, place, key, _KEYS.split(), stops=True, consequence=consequence)
            mistyped = finding.fix is not None and finding.fix.text.startswith("write")
            if mistyped or version is None or version <= _NEWEST:
                yield finding
        elif key in _LISTS and not isinstance(value, list):
            broken = Broken(f"{key} must be a list, as in {key} = [...]", place.line)
            yield broken_file(NAME, layer.file.path, broken, stops=stops, consequence=consequence)


def _version(installed: Installed | None) -> Version | None:
    try:
        return Version(installed.version) if installed else None
    except InvalidVersion:
        return None


def _proxies(surroundings: Surroundings, read_layers: list[Layer]) -> Iterator[Finding]:
    """Tried on the wire: the proxy of a file wins over every variable, and takes no exceptions from them."""

    def places(*keys: str) -> list[Place]:
        return [
            layer.file.place(*layer.under, key)
            for key in keys
            for layer in read_layers
            if layer.file.get(*layer.under, key) is not None
        ]

    proxied = places("http-proxy", "https-proxy")
    excepted = places("no-proxy")
    environ = surroundings.environ
    if excepted and not proxied:
        yield without_effect(
            NAME,
            excepted[-1],
            "no-proxy",
            why="uv looks at it only when http-proxy or https-proxy is in a file as well",
            fix="put the hosts into NO_PROXY",
        )
    if not proxied:
        return
    for name in _PROXY_VARIABLES:
        if environ.get(name):
            is_exception = name.lower() == "no_proxy"
            yield without_effect(
                NAME,
                Place(name),
                name,
                why=f"{proxied[-1]} names a proxy, and uv then looks at no proxy variable",
                fix="write the hosts as no-proxy beside it" if is_exception else "keep one of the two",
            )


def _urls(read_layers: list[Layer]) -> Iterator[Finding]:
    """What is wrong with the proxies that files name."""
    for layer in read_layers:
        for key in ("http-proxy", "https-proxy"):
            url = layer.file.get(*layer.under, key)
            if isinstance(url, str):
                yield from proxy_variables.of_url(key, url, layer.file.place(*layer.under, key))


def _beside(surroundings: Surroundings) -> Iterator[Finding]:
    """uv.toml next to a pyproject.toml with settings of its own."""
    for file in project_files(surroundings):
        project = read(file.path.with_name("pyproject.toml"))
        settings = set(project.table(*TABLE)) - {"sources", "workspace", "build-backend", "package", "managed"}
        if file.path.name == "uv.toml" and settings:
            yield without_effect(
                NAME,
                project.place(*TABLE, min(settings)),
                "[tool.uv]",
                why=f"{file.path} stands beside it, and uv reads its settings from there only",
                fix="keep the settings in one of the two files",
            )


def _unread(surroundings: Surroundings) -> Iterator[Finding]:
    right = user_file(surroundings)
    home = surroundings.home
    candidates = [
        home / ".config" / "uv.toml",
        home / ".uv.toml",
        home / ".uv" / "uv.toml",
        surroundings.cwd / ".uv.toml",
        home / "Library" / "Application Support" / "uv" / "uv.toml",
        right.with_name("config.toml"),
    ]
    for path in candidates:
        if path != right and is_file(path):
            yield never_read(NAME, path, Path("uv.toml") if path.parent == surroundings.cwd != home else right)


def _variables(surroundings: Surroundings, read_layers: list[Layer]) -> Iterator[Finding]:
    environ = surroundings.environ
    for name, own in _OF_PIP.items():
        if environ.get(name) and not any(environ.get(each) for each in own):
            yield Finding(
                "PW706",
                Severity.INFO,
                f"uv does not read {name}",
                why="it reads neither pip's variables nor pip's files",
                place=Place(name),
                fix=Fix(f"set {own[0]}, too", commands=(f'export {own[0]}="${name}"',)),
            )
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if environ.get(name) and not (surroundings.cwd / environ[name]).exists():
            yield Finding(
                "PW702",
                Severity.HIGH,
                f"{name} names something that is not there, so uv does not use it",
                why="the variable takes the place of all certificate authorities",
                place=Place(name),
                fix=Fix("name a file that exists", commands=(f"unset {name}",)),
            )
    names = {
        re.sub(r"[^A-Z0-9]", "_", str(index.get("name", "")).upper())
        for layer in read_layers
        for _, index in layer.file.tables(*layer.under, "index")
    }
    words = f"{environ.get('UV_INDEX', '')} {environ.get('UV_DEFAULT_INDEX', '')}".split()
    names |= {re.sub(r"[^A-Z0-9]", "_", word.partition("=")[0].upper()) for word in words if "=" in word}
    for name in environ:
        match = _LOGIN.fullmatch(name)
        if match and match[1] not in names:
            why = "no index has that name"
            yield without_effect(
                NAME, Place(name), name, why=why, fix="give the index that name in its [[index]] table"
            )
