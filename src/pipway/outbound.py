"""The way out, built from settings: credentials, logins, routes, trust, and the HTTP client on top.

`app` uses it for the server, `cli` for `pipway route` and `pipway credentials`. Like `app` it builds, nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from pipway import __version__
from pipway.dial import http
from pipway.dial.base import Dialer, Target
from pipway.dial.credentials.base import Credential, checked, key_of
from pipway.dial.credentials.chain import CredentialChain
from pipway.dial.credentials.file import FilePlace
from pipway.dial.credentials.keyring import KeyringPlace
from pipway.dial.direct import Direct, Rule
from pipway.dial.gate import Gate
from pipway.dial.login import Logins
from pipway.dial.negotiate.choose import schemes
from pipway.dial.negotiate.ntlm import load_spnego
from pipway.dial.origin_login import OriginLogins
from pipway.dial.pac.decider import Pac
from pipway.dial.pac.source import LONGEST as PAC_LONGEST
from pipway.dial.pac.source import Source
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.dial.route.environment import Environment
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import DIRECT, Decider, Way
from pipway.dial.route.router import Router
from pipway.dial.route.system import System, system_settings
from pipway.dial.route.table import Parents, Route, Routes, route_pattern
from pipway.dial.spare import Spares
from pipway.dial.trust import Trust
from pipway.dial.url import Origin
from pipway.dial.via_http import ViaHttp
from pipway.dial.via_socks import ViaSocks
from pipway.errors import PipwayError, Unavailable, UsageError
from pipway.settings import Settings
from pipway.settings.ways import Hop
from pipway.trace import Trace
from pipway.wire.auth.base import Unusable
from pipway.wire.proxy_url import ProxyUrl, parse_proxy_url

_LONGEST = 4096  # characters of a line that holds a password
PASSWORD, PASSWORD_FILE, NT_HASH = "PIPWAY_PARENT_PASSWORD", "PIPWAY_PARENT_PASSWORD_FILE", "PIPWAY_PARENT_NT_HASH"


_LOGINS = 2  # times `limits.connect` for a way through parents: the connections, and the logins after them
_WAYS = 3  # that are waited for in turn


@dataclass(frozen=True)
class Outbound:
    """Everything that leads out."""

    via: str  #: what our requests to proxies, and those that are sent on, call us: a loop is seen by it
    router: Router
    judging: Callable[
        [Rule], Router
    ]  #: the same routes for other people's targets: direct ways obey a rule on addresses
    logins: Logins
    trust: Trust
    credentials: CredentialChain
    dialer: Callable[[Way], Dialer]  #: for one way, whatever the routes say
    trust_options: Mapping[str, tuple[Path | None, Path | None]]  #: by host: ca, client certificate
    spares: Spares
    pac: Pac | None
    system: System | None

    async def context(self, origin: Origin) -> ssl.SSLContext:
        """For TLS with an origin: never the context of the leg to a parent."""
        ca, certificate = self.trust_options.get(origin.host, (None, None))
        return await self.trust.context(ca=ca, client_certificate=certificate)

    async def context_for_others(self, origin: Origin) -> ssl.SSLContext:
        """The same for other people's requests: our client certificates would let them in as us."""
        return await self.trust.context(ca=self.trust_options.get(origin.host, (None, None))[0])

    async def warm(self, settings: Settings) -> None:
        """Load what the first request would wait for half a second. What is wrong with it is that request's to tell."""
        with contextlib.suppress(PipwayError):
            await self.trust.context()
        if any(parent.user and "socks" not in parent.scheme for parent in parents(settings)):
            with contextlib.suppress(Unusable):
                await asyncio.to_thread(load_spnego)

    def client(self, settings: Settings, trace: Trace, router: Router | None = None) -> http.Client:
        """The one HTTP client; with `router` one for forwarded requests: as many at once as there may be clients."""
        limits = settings.limits
        others = router is not None
        router = router or self.router
        return http.Client(
            router,
            trust=self.context_for_others if others else self.context,
            per_origin=limits.connections if others else 32,
            limits=http.Limits(
                connect=limits.connect,
                dial=limits.connect * (1 + _LOGINS * _most_ways(settings)),
                first_byte=limits.first_byte,
                stall=limits.stall,
            ),
            user_agent=f"pipway/{__version__}",
            trace=trace,
            route=router.key,
            logins=OriginLogins(self.logins.gate.memory, trace=trace),
        )

    async def aclose(self) -> None:
        """Let go of what no stream holds. Last of all: nothing is dialled any more."""
        await self.spares.aclose()
        if self.pac is not None:
            self.pac.close()
        if self.system is not None:
            self.system.close()


def build(settings: Settings, environ: Mapping[str, str], trace: Trace, *, typed: Mapping[str, str] = {}) -> Outbound:
    """Make it. `typed` has what a person typed in: passwords by `key_of`. UsageError when something cannot be used."""
    file = FilePlace(credentials_file())
    given = _given(settings, environ) | {
        key: Credential(key, password=text, origin="the prompt") for key, text in typed.items()
    }
    variables = Environment(environ if settings.outbound.environment else {}, parent=partial(named_parent, settings))
    for url in variables.urls:
        if url.user and url.password:
            parent = Parent(url.scheme, url.host, url.port, url.user)
            given.setdefault(key_of(parent), Credential(url.user, password=url.password, origin="the environment"))
    no_proxy = NoProxy(settings.outbound.no_proxy)
    for remark in (*no_proxy.remarks, *variables.remarks):
        trace.emit("route.remark", remark=remark)
    credentials = CredentialChain(given, file, KeyringPlace(), command=settings.parent.password_command, trace=trace)
    gate = Gate(Rejections(settings.data / "logins"), trace=trace)
    logins = Logins(gate=gate, credentials=credentials, schemes=schemes, trace=trace)
    strict = None if settings.trust.strict == "auto" else settings.trust.strict == "true"
    trust = Trust(
        extra=settings.trust.extra_ca, environ=environ if settings.trust.environment else {}, strict=strict, trace=trace
    )
    spares = Spares()
    via = f"pipway-{secrets.token_hex(8)}"
    ways = _Ways(settings, logins, trust, trace, spares, via)
    fetched = partial(_pac, settings, trust, trace)
    pac = fetched(settings.outbound.pac, no_proxy=no_proxy) if settings.outbound.pac else None
    system = _system(settings, fetched, no_proxy, trace) if settings.outbound.system else None
    deciders = _deciders(settings, pac, no_proxy, variables, system)

    def router(rule: Rule | None = None) -> Router:
        build = partial(ways.dialer, rule=rule)
        return Router(deciders, build=build, trace=trace, limit=_LOGINS * settings.limits.connect)

    options = _trust_options(settings)
    return Outbound(via, router(), router, logins, trust, credentials, ways.dialer, options, spares, pac, system)


def _most_ways(settings: Settings) -> int:
    """How many ways one stream may have to try; a few more where some fail at once."""
    named = [len(settings.parent.url), *(len(route.via) for route in settings.routes)]
    by_file = bool(settings.outbound.pac) or (settings.outbound.system and not settings.parent.url)
    return min(_WAYS, max([1, *named, _WAYS if by_file else 1]))


def credentials_file() -> Path:
    """Where secrets are kept when there is no keyring."""
    return platformdirs.user_config_path("pipway", appauthor=False) / "credentials.json"


class _Ways:
    """Makes the dialer of a way: each hop wraps the one before."""

    def __init__(
        self, settings: Settings, logins: Logins, trust: Trust, trace: Trace, spares: Spares, via: str
    ) -> None:
        self._limit = settings.limits.connect
        self._via = via
        self._spares = spares
        self._logins = logins
        self._trust = trust
        self._trace = trace

    def dialer(self, way: Way, *, rule: Rule | None = None) -> Dialer:
        """For `Router`. The rule judges what is dialled from here: behind a parent nobody here knows the address."""
        dialer: Dialer = Direct(connect_limit=self._limit, allow=None if way.hops else rule)
        for parent in way.hops:
            if parent.scheme in ("http", "https"):
                trust = partial(self._trust.context, ca=parent.ca, client_certificate=parent.client_certificate)
                login = self._logins.of(parent)
                dialer = ViaHttp(
                    parent, dialer, login=login, trust=trust, trace=self._trace, spares=self._spares, via=self._via
                )
            else:
                dialer = ViaSocks(
                    parent,
                    dialer,
                    gate=self._logins.gate,
                    credentials=self._logins.credentials,
                    trace=self._trace,
                    allow=rule if parent is way.hops[-1] else None,  # for the schemes that have names looked up here
                )
        return dialer


def parents(settings: Settings) -> list[Parent]:
    """Every parent that the settings name."""
    hops = [*settings.parent.url, *(hop for route in settings.routes for way in route.via for hop in way)]
    return [parent_of(hop, settings) for hop in hops if hop.url not in ("direct", "refuse")]


def parent_of(hop: Hop, settings: Settings) -> Parent:
    """A parent as the settings describe it: what its own hop says, else what holds for all."""
    return replace(named_parent(settings, parse_proxy_url(hop.url)), **hop.options)


def named_parent(settings: Settings, url: ProxyUrl) -> Parent:
    """A parent that a person named, in the settings, a variable or the system's own settings."""
    common = settings.parent
    return Parent(
        url.scheme,
        url.host,
        url.port,
        url.user or None,
        named=True,
        schemes=common.schemes,
        basic_in_clear=common.basic_in_clear,
        spn=common.spn or None,
        canonicalize=common.canonicalize,
        ca=common.ca,
        client_certificate=common.client_certificate,
    )


def _pac(settings: Settings, trust: Trust, trace: Trace, where: str, *, no_proxy: NoProxy) -> Pac:
    """Its file is fetched without any proxy: it is what tells which to use."""

    async def fetch(url: str) -> tuple[bytes, str]:
        limits = http.Limits(connect=settings.limits.connect, first_byte=settings.limits.first_byte)
        client = http.Client(
            Direct(connect_limit=settings.limits.connect),
            trust=lambda _: trust.context(),
            limits=limits,
            user_agent=f"pipway/{__version__}",
            trace=trace,
        )
        try:
            async with asyncio.timeout(settings.limits.first_byte):  # for all of it: everybody waits for this file
                response = await client.request("GET", url)
                if response.status != 200:
                    raise Unavailable("pac-unavailable", f"the PAC file's server answered {response.status}")
                return await response.read(PAC_LONGEST), response.header("content-type") or ""
        except TimeoutError:
            raise Unavailable("pac-unavailable", "the PAC file's server is too slow") from None
        finally:
            await client.aclose()

    source = Source(where, fetch=fetch, refresh=settings.outbound.pac_refresh, clock=time.monotonic)
    return Pac(
        source,
        no_proxy=no_proxy,
        allowed=parents(settings),
        trace=trace,
        clock=time.monotonic,
    )


def _system(settings: Settings, pac: Callable[..., Pac], no_proxy: NoProxy, trace: Trace) -> System:
    """Its PAC file has the exceptions of `outbound.pac`, and gives credentials to the same parents."""
    return System(
        system_settings,
        pac=partial(pac, no_proxy=NoProxy("none")),  # it asks for no target that is excepted
        no_proxy=no_proxy,
        parent=partial(named_parent, settings),
        trace=trace,
    )


def _deciders(
    settings: Settings, pac: Pac | None, no_proxy: NoProxy, variables: Environment, system: System | None
) -> Sequence[Decider]:
    deciders: list[Decider] = []
    origins = settings.origins
    if settings.routes:
        routes = [
            Route(
                tuple(route_pattern(text) for text in route.match),
                tuple(_way(way, settings) for way in route.via if way[0].url != "refuse"),
                route.fastest,
            )
            for route in settings.routes
        ]
        deciders.append(Routes(routes, source=origins.get("routes", "settings")))
    excepted_by = f"no_proxy ({origins.get('outbound.no_proxy', 'default')})"
    if pac is not None:  # it chooses; `parent.url` then only says who may be given credentials
        deciders.append(pac)
    elif settings.parent.url:
        ways = [Way((parent_of(hop, settings),)) for hop in settings.parent.url]
        deciders.append(
            Parents(ways, no_proxy, source=f"parent ({origins.get('parent.url', '')})", excepted_by=excepted_by)
        )
    deciders.append(variables)
    if system is not None:
        deciders.append(system)
    return deciders


def _way(hops: Sequence[Hop], settings: Settings) -> Way:
    return DIRECT if hops[0].url == "direct" else Way(tuple(parent_of(hop, settings) for hop in hops))


def _given(settings: Settings, environ: Mapping[str, str]) -> dict[str, Credential]:
    """Secrets in the URLs of the settings, and in the variables that hold one for the parents' user."""
    given: dict[str, Credential] = {}
    from_environment = _from_environment(environ)
    owner = _owner(settings) if from_environment is not None else ""
    for hop in (*settings.parent.url, *(hop for route in settings.routes for way in route.via for hop in way)):
        if hop.url in ("direct", "refuse"):
            continue
        url = parse_proxy_url(hop.url)
        if url.user and url.password:  # an empty one is none: a template whose variable was not set
            given[key_of(parent_of(hop, settings))] = Credential(url.user, password=url.password, origin="its URL")
        elif url.user and from_environment is not None and url.user.casefold() == owner:
            given[key_of(parent_of(hop, settings))] = replace(from_environment, user=url.user)
    return given


def _owner(settings: Settings) -> str:
    """Whose password the environment holds: that of the one user of the parents, or else of the routes."""
    named = settings.parent.url or [hop for route in settings.routes for way in route.via for hop in way]
    urls = [parse_proxy_url(hop.url) for hop in named if hop.url not in ("direct", "refuse")]
    users = {url.user.casefold() for url in urls if url.user and not url.password}
    if len(users) > 1:
        raise UsageError(
            "password-of-whom",
            f"{PASSWORD} (or {PASSWORD_FILE}, {NT_HASH}) holds one secret, and the parents name several users",
            why="sent for the wrong one it would be a failed logon",
            fix="unset it, and store each with pipway credentials add",
        )
    return next(iter(users), "")


def _from_environment(environ: Mapping[str, str]) -> Credential | None:
    if password := environ.get(PASSWORD):
        return Credential("", password=checked(password), origin=PASSWORD)
    if name := environ.get(PASSWORD_FILE):
        try:
            with Path(name).open(encoding="utf-8") as file:
                text = file.readline(_LONGEST).removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError("password-file", f"cannot read {PASSWORD_FILE}", why=why, fix="check that path") from None
        return Credential("", password=checked(text), origin=PASSWORD_FILE)
    if digits := environ.get(NT_HASH):
        try:
            nt_hash = bytes.fromhex(digits)
        except ValueError:
            nt_hash = b""
        if len(nt_hash) != 16:
            raise UsageError("bad-nt-hash", f"{NT_HASH} is not an NT hash", fix="it has 32 hexadecimal digits")
        return Credential("", nt_hash=nt_hash, origin=NT_HASH)
    return None


def _trust_options(settings: Settings) -> Mapping[str, tuple[Path | None, Path | None]]:
    """Per host, from the upstreams; the general client certificate goes to upstreams' hosts alone."""
    general = settings.trust.client_certificate
    return {
        (urlsplit(upstream.url).hostname or "").lower(): (upstream.ca, upstream.client_certificate or general)
        for upstream in settings.upstreams
    }


async def missing(outbound: Outbound, settings: Settings) -> list[Parent]:
    """Named parents whose user has no credential anywhere: a person may be asked for it."""
    found = []
    for parent in dict.fromkeys(parents(settings)):
        secret = parent.user is not None and not parent.scheme.startswith("socks4")
        if secret and await outbound.credentials.find(parent) is None:
            found.append(parent)
    return found


def target_of(text: str) -> Target:
    """A host, host:port or web address as `pipway route` takes it."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            "bad-target",
            "this is neither a host nor a web address",
            fix="write it as files.example or https://files.example",
        )
    return Target(parts.hostname, port or (80 if parts.scheme == "http" else 443), parts.scheme == "http")
