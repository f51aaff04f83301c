"""Every setting, once: name, type, default, help. Files, variables, arguments, schema and docs derive from here.

A setting's name is its path (`cache.page_ttl`), its variable is `PIPWAY_` and that path in capitals
(`PIPWAY_CACHE_PAGE_TTL`) unless it says otherwise. To add one, add a line here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from pipway.platforms import default_data_dir
from pipway.settings.values import (
    ADDRESS,
    COUNT,
    DURATION,
    OPTIONAL_PATH,
    PATH,
    SIZE,
    SWITCH,
    UPSTREAMS,
    Address,
    Kind,
    Upstream,
    choice,
)
from pipway.settings.ways import COMMAND, LOGINS, NETWORKS, PARENTS, PATHS, ROUTES, TARGETS, TEXT, WORDS, Hop, Route
from pipway.wire.auth.base import SCHEMES

T = TypeVar("T")

#: Settings that are gone: old name → what to write instead. Naming one is an error that says so.
REMOVED: Mapping[str, str] = MappingProxyType({})

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
MIB, GIB = 2**20, 2**30


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table. `argument` is the option of `pipway serve`, where there is one."""

    name: str
    kind: Kind[Any]
    help: str
    variable: str
    argument: str | None
    default: Any  #: None when it depends on the machine


def _setting(
    kind: Kind[Any],
    default: T,
    help: str,
    *,
    variable: str | None = None,
    argument: str | None = None,
) -> T:
    facts = {"kind": kind, "help": help, "variable": variable, "argument": argument}
    return field(default=default, metadata=facts)


@dataclass(frozen=True, slots=True)
class Server:
    """The port."""

    listen: Address = _setting(ADDRESS, Address("127.0.0.1", 3141), "Where to listen; port 0 picks a free one.",
                               variable="PIPWAY_LISTEN", argument="--listen")  # fmt: skip
    grace: float = _setting(DURATION, 30.0, "How long running answers may still take after a request to stop.")


@dataclass(frozen=True, slots=True)
class Cache:
    """What is kept, and for how long it is used without asking."""

    page_ttl: float = _setting(DURATION, 10 * MINUTE, "How long a project's page is served without asking upstream.")
    stale_while_revalidate: float = _setting(
        DURATION, 5 * MINUTE, "How long after that it is still served at once while it is refreshed behind the scenes."
    )
    stale_if_error: float = _setting(
        DURATION, 0.0, "How long a stored page is served when upstream fails or cannot be reached; 0 is for ever."
    )
    negative_ttl: float = _setting(DURATION, MINUTE, "How long upstream's own 404 is believed.")
    patience: float = _setting(
        DURATION, 3.0, "How long a client waits for upstream when a stored page could be served instead."
    )
    disk_budget: int = _setting(SIZE, 20 * GIB, "Bytes of files kept on disk; what was used least recently goes first.")
    memory_pages: int = _setting(SIZE, 256 * MIB, "Bytes of ready-made answers kept in memory.")


@dataclass(frozen=True, slots=True)
class Ahead:
    """Fetching what an installer will ask for next while it still reads."""

    bytes: int = _setting(
        SIZE, 64 * MIB, "Bytes that wrong guesses may cost before guessing pauses; 0 fetches nothing ahead."
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """What nobody may exceed, upstream or client."""

    connect: float = _setting(
        DURATION, 5.0, "Upstream: how long a connection may take, and TLS after it; twice that through a parent."
    )
    first_byte: float = _setting(DURATION, 20.0, "Upstream: how long it may take until an answer begins.")
    stall: float = _setting(DURATION, 20.0, "Upstream: how long an answer may pause before it counts as broken.")
    page_bytes: int = _setting(SIZE, 32 * MIB, "Upstream: the largest project page that is read.")
    connections: int = _setting(COUNT, 4096, "Clients: connections open at once; more are refused.")
    header_seconds: float = _setting(DURATION, 15.0, "Clients: how long sending a request may take.")
    idle_seconds: float = _setting(DURATION, 75.0, "Clients: how long an idle connection is kept open.")
    write_seconds: float = _setting(DURATION, 60.0, "Clients: how long a reader may take no byte before it is dropped.")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use this server. Anything but loopback wants tokens or an address list."""

    tokens_file: Path | None = _setting(
        OPTIONAL_PATH,
        None,
        "The file with hashes of tokens (`pipway access add`); with it everybody must show one.",
    )
    allow_from: tuple[str, ...] = _setting(
        NETWORKS, (), "Addresses and networks that may connect, beside this machine; none means all."
    )
    hosts: tuple[str, ...] = _setting(
        WORDS, (), "Names of this server, beside localhost and its host name, under which browsers are served."
    )


@dataclass(frozen=True, slots=True)
class Forward:
    """What the proxy on the same port does."""

    enabled: bool = _setting(SWITCH, True, "Be an HTTP and SOCKS proxy, too.")
    reach: Literal["auto", "indexes", "everything"] = _setting(
        choice("auto", "indexes", "everything"),
        "auto",
        "Which hosts it reaches: index and file hosts and those that a route names (`indexes`), or all; `auto` is "
        "`everything` on loopback and `indexes` elsewhere.",
    )
    allow: tuple[str, ...] = _setting(
        TARGETS, (), "Targets reached in addition, such as `git.example:22`, `*:8443` or the loopback service "
        "`localhost:8080`; without a port it is 80 and 443.",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intercept:
    """Answering what clients ask of index and file hosts through the proxy; they must trust `pipway ca export`."""

    enabled: bool = _setting(SWITCH, False, "Look into tunnels to index and file hosts, and answer from the cache.")
    hosts: tuple[str, ...] = _setting(
        TARGETS, (), "Index and file hosts in addition to those of the upstreams and their pages; 443 without a port."
    )
    pass_through: tuple[str, ...] = _setting(
        TARGETS, (), "Hosts whose tunnels are never looked into; `*` stands for any characters."
    )
    on_distrust: Literal["fail", "pass"] = _setting(
        choice("fail", "pass"),
        "fail",
        "What becomes of a client that does not trust the authority: it fails, or from its next try on it is let "
        "through untouched for ten minutes.",
    )


@dataclass(frozen=True, slots=True)
class Log:
    """What is written about the server's work."""

    format: Literal["auto", "human", "json"] = _setting(
        choice("auto", "human", "json"),
        "auto",
        "`human` lines, `json` lines, or `auto`: human on a terminal, JSON otherwise.",
        argument="--log-format",
    )
    level: Literal["debug", "info", "warning", "error"] = _setting(
        choice("debug", "info", "warning", "error"), "info", "The least important event that is written."
    )
    file: Path | None = _setting(OPTIONAL_PATH, None, "Where to write; empty is standard error.")


@dataclass(frozen=True, slots=True)
class Privacy:
    """What upstream learns about the people behind this server."""

    user_agent_passthrough: bool = _setting(
        SWITCH, False, "Send a client's User-Agent upstream (it names Python, system and CI); off sends pipway's own."
    )


@dataclass(frozen=True, slots=True)
class Parent:
    """The proxy one must go through, and how its logins are done (a route's hop may say otherwise)."""

    url: tuple[Hop, ...] = _setting(
        PARENTS, (), "Parent proxies to go out through; several are tried in this order.",
        variable="PIPWAY_PARENT", argument="--parent",
    )  # fmt: skip
    schemes: tuple[str, ...] = _setting(
        LOGINS,
        tuple(SCHEMES),
        "Logins that may be used; of those offered the first is tried.",
    )
    basic_in_clear: bool = _setting(
        SWITCH, False, "Allow Basic to a parent without TLS: the password can be read on the way.",
        argument="--basic-in-clear",
    )  # fmt: skip
    spn: str = _setting(TEXT, "", "Kerberos: the parent's service principal, when it is not HTTP/HOST.")
    canonicalize: bool = _setting(
        SWITCH, False, "Kerberos: take the parent's canonical DNS name for its service principal."
    )
    password_command: tuple[str, ...] = _setting(
        COMMAND, (), "A command that prints the password of the parent's user, asked when nothing else knows it."
    )
    ca: Path | None = _setting(OPTIONAL_PATH, None, "Certificate authorities believed in addition on the way to it.")
    client_certificate: Path | None = _setting(
        OPTIONAL_PATH, None, "PEM file with certificate and key that we show to it."
    )


@dataclass(frozen=True, slots=True)
class Outbound:
    """Which way a request takes: routes, then the PAC file or else the parents, the environment, the system, direct."""

    no_proxy: str = _setting(
        TEXT, "localhost,127.0.0.0/8,::1", "Targets reached without `parent.url` and `pac`; `none` for no exception.",
        variable="PIPWAY_NO_PROXY", argument="--no-proxy",
    )  # fmt: skip
    pac: str = _setting(
        TEXT, "", "A proxy auto-configuration file: a path or an http(s) URL. It chooses; `parent.url` then only says "
        "which of its proxies may be given credentials.", variable="PIPWAY_PAC", argument="--pac",
    )  # fmt: skip
    pac_refresh: float = _setting(DURATION, 30 * MINUTE, "How long a PAC file from a URL is used without asking again.")
    environment: bool = _setting(
        SWITCH, True, "Follow http_proxy, https_proxy, all_proxy and no_proxy when nothing above decides."
    )
    system: bool = _setting(SWITCH, True, "Follow the operating system's proxy settings when nothing above decides.")


@dataclass(frozen=True, slots=True)
class Trust:
    """Which certificates are believed, beside those the operating system trusts."""

    extra_ca: tuple[Path, ...] = _setting(
        PATHS, (), "Files or folders with certificate authorities to believe in addition.", variable="PIPWAY_EXTRA_CA"
    )
    environment: bool = _setting(
        SWITCH,
        True,
        "Believe what SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and PIP_CERT name too.",
    )
    client_certificate: Path | None = _setting(
        OPTIONAL_PATH, None, "PEM file with certificate and key that is shown to indexes that ask for one."
    )
    strict: Literal["auto", "true", "false"] = _setting(
        choice("auto", "true", "false"),
        "auto",
        "Demand that certificates keep every rule of RFC 5280; `auto` is as the running Python does (3.13 demands it).",
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `origins` says where each value came from: `default`, `FILE:LINE`, `PIPWAY_X` or `--x`."""

    data: Path = field(
        default_factory=default_data_dir,
        metadata={"kind": PATH, "help": "The folder that holds what is cached.", "argument": "--data"},
    )
    upstreams: tuple[Upstream, ...] = _setting(
        UPSTREAMS, (), "Indexes to fetch from, first one first; none means the default index.",
        variable="PIPWAY_UPSTREAM", argument="--upstream",
    )  # fmt: skip
    offline: bool = _setting(SWITCH, False, "Never ask upstream; serve what is stored.", argument="--offline")
    server: Server = field(default_factory=Server)
    cache: Cache = field(default_factory=Cache)
    ahead: Ahead = field(default_factory=Ahead)
    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)
    forward: Forward = field(default_factory=Forward)
    intercept: Intercept = field(default_factory=Intercept)
    routes: tuple[Route, ...] = _setting(ROUTES, (), "Ways out by target, first match first; they come before parents.")
    parent: Parent = field(default_factory=Parent)
    outbound: Outbound = field(default_factory=Outbound)
    trust: Trust = field(default_factory=Trust)
    log: Log = field(default_factory=Log)
    privacy: Privacy = field(default_factory=Privacy)
    origins: Mapping[str, str] = field(default_factory=dict)


def options(group: type = Settings, prefix: str = "") -> Iterator[Option]:
    """Every setting, in the order of the table."""
    for item in fields(group):
        name = prefix + item.name
        if subgroup := _subgroup(item):
            yield from options(subgroup, f"{name}.")
        elif facts := item.metadata:
            yield Option(
                name=name,
                kind=facts["kind"],
                help=facts["help"],
                variable=facts.get("variable") or "PIPWAY_" + name.upper().replace(".", "_"),
                argument=facts.get("argument"),
                default=None if item.default is MISSING else item.default,
            )


def build(values: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    """Make settings from values by name; what is not given keeps its default."""
    settings: Settings = _build(values, Settings, "")
    return replace(settings, origins=MappingProxyType(dict(origins)))


def _build(values: Mapping[str, Any], group: type, prefix: str) -> Any:
    made: dict[str, Any] = {}
    for item in fields(group):
        name = prefix + item.name
        if name in values:
            made[item.name] = values[name]
        elif subgroup := _subgroup(item):
            made[item.name] = _build(values, subgroup, f"{name}.")
    return group(**made)


def _subgroup(item: Field[Any]) -> type | None:
    factory: object = item.default_factory
    return factory if isinstance(factory, type) and is_dataclass(factory) else None


def value_of(settings: Settings, name: str) -> Any:
    """The value of a setting by its dotted name."""
    return attrgetter(name)(settings)
