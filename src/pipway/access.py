"""Who may use this server, and what may be reached through it. Decisions only: no sockets, files, clock or settings.

`entrance` makes one of the settings. The listener asks `greets` about every peer, the index and the pages ask `enter`,
`gateway` asks `admit` for every client and `allow` for every target of the proxy, and `dial.direct` asks `rule` about
each address that it is about to dial, so that no name server can change its mind in between.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from pipway.dial.addresses import judge
from pipway.dial.base import Target
from pipway.dial.route.no_proxy import Network, Pattern, first_match, pattern
from pipway.errors import LoginNeeded, Refused, UsageError
from pipway.tokens import Tokens
from pipway.wire.meant import IpAddress, meant, plain, unmapped

Reach = Literal["auto", "indexes", "everything"]

#: Ports that may be reached without being named: what `http:` and `https:` mean.
USUAL_PORTS = frozenset((80, 443))

#: Networks that no proxied request reaches, and what they are. Only loopback can be opened, by `forward.allow`.
_CLOSED: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("127.0.0.0/8", "a loopback address"),
        ("::1/128", "a loopback address"),
        ("0.0.0.0/8", "the address of no machine"),  # RFC 1122 §3.2.1.3; Linux connects to itself
        ("::/128", "the address of no machine"),
        ("169.254.0.0/16", "a link-local address, as cloud metadata has"),
        ("fe80::/10", "a link-local address"),
        ("224.0.0.0/4", "a multicast address"),
        ("ff00::/8", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        # Metadata that is not link-local: Amazon (instances, then pods), Google, Alibaba, Oracle, Azure.
        ("fd00:ec2::254/128", "a cloud's metadata address"),
        ("fd00:ec2::23/128", "a cloud's metadata address"),
        ("fd20:ce::254/128", "a cloud's metadata address"),
        ("100.100.100.200/32", "a cloud's metadata address"),
        ("192.0.0.192/32", "a cloud's metadata address"),
        ("168.63.129.16/32", "a cloud's metadata address"),
    )
)
_LOOPBACK = tuple(network for network, what in _CLOSED if what == "a loopback address")
#: Names that mean an own address wherever they are looked up, a parent proxy's included (RFC 6761 §6.3).
_LOCAL_NAMES = frozenset(
    ("localhost", "localhost.localdomain", "localhost4", "localhost6", "localhost6.localdomain6", "ip6-localhost",
     "ip6-loopback", "loopback", "broadcasthost")
)  # fmt: skip
_METADATA_NAMES = frozenset(
    ("metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal")
)
_PRIVATE = "private"  #: in an address list: RFC 1918, RFC 4193, and this machine
_PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_OPEN_LOOPBACK = "only forward.allow opens loopback services, by address and port"


class Caller(Protocol):
    """Who asks; `server.outside.Caller` conforms."""

    @property
    def peer(self) -> str:
        """Its address."""

    @property
    def login(self) -> str | None:
        """The value of Proxy-Authorization."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of `forward.allow`: a target, and the loopback service that it opens if it is one."""

    pattern: Pattern
    loopback: bool = False

    def opens(self, address: IpAddress, port: int) -> bool:
        """Whether it names this very loopback service."""
        if not self.loopback or not _port_fits(self.pattern, port) or not _is_loopback(address):
            return False
        return self.pattern.domain != "" or (self.pattern.network is not None and address in self.pattern.network)


class Access:
    """All decisions for one server."""

    def __init__(
        self,
        *,
        listen: str = "127.0.0.1",
        tokens: Tokens | None = None,
        allow_from: Sequence[str] = (),
        allow: Sequence[str] = (),
        reach: Reach = "auto",
        indexes: Callable[[str, int], bool] = lambda host, port: False,
        routed: Sequence[Pattern] = (),
        is_own: Callable[[IpAddress], bool] = lambda address: False,
    ) -> None:
        """UsageError when nobody would be asked anything although others can reach the server.

        `listen` is the host listened on, `indexes` says whether an upstream or its files live at host and port,
        `routed` are the patterns of routes that lead somewhere, `is_own` knows the addresses of this machine.
        """
        self.loopback = is_loopback_host(listen)
        self._tokens = tokens if tokens is not None and len(tokens) else None
        self._networks = read_networks(allow_from) if allow_from else None
        if not self.loopback and self._tokens is None and self._networks is None:
            raise open_to_everyone(listen, tokens is not None)
        self._entries = tuple(read_entry(text) for text in allow)
        self._everything = reach == "everything" or (reach == "auto" and self.loopback)
        self._indexes = indexes
        self._routed = tuple(each for each in routed if not each.everything)
        self._is_own = is_own
        self._bound: frozenset[tuple[IpAddress, int]] = frozenset()

    # Who.

    @property
    def greets_all(self) -> bool:
        """Whether every peer may connect: then nobody needs to ask."""
        return self._networks is None

    @property
    def asks_login(self) -> bool:
        """Whether every client must show a token: if not, nobody needs to ask."""
        return self._tokens is not None

    def greets(self, peer: str) -> bool:
        """Whether a peer may connect: by its address, and always from this machine itself."""
        if self._networks is None:
            return True
        try:
            address = unmapped(ipaddress.ip_address(peer.partition("%")[0]))
        except ValueError:
            return False
        return any(address in network for network in (*self._networks, *_LOOPBACK))

    def admit(self, caller: Caller) -> None:
        """Whether a client may use the proxy. LoginNeeded with 407, Refused."""
        if not self.greets(caller.peer):
            raise stranger(caller.peer)
        if self._tokens is not None and self._tokens.owner(caller.login) is None:
            raise self._login_needed(caller.login, 407)

    def enter(self, login: str | None) -> None:
        """Whether a client may use the index and the pages, by its Authorization. LoginNeeded with 401."""
        if self._tokens is not None and self._tokens.owner(login) is None:
            raise self._login_needed(login, 401)

    def proven(self, login: str | None) -> bool:
        """Whether it shows a valid token; never without tokens."""
        return self._tokens is not None and self._tokens.owner(login) is not None

    def _login_needed(self, login: str | None, status: Literal[401, 407]) -> LoginNeeded:
        where = "the proxy's URL" if status == 407 else "the index URL"
        return LoginNeeded(
            "login-needed",
            "this server wants a token" if login is None else "that token is not known here",
            status=status,
            fix=f"write it into {where}: http://NAME:TOKEN@HOST:PORT",
        )

    # Where to.

    def bound(self, addresses: Collection[tuple[str, int]]) -> None:
        """Where the server listens now: it is never dialled through itself."""
        self._bound = frozenset(
            (unmapped(ipaddress.ip_address(host.partition("%")[0])), port) for host, port in addresses
        )

    def allow(self, host: str, port: int) -> None:
        """Whether a target may be reached at all, as far as its name tells. Refused."""
        found = _meaning(host)
        shown = f"{_shown(host)}:{port}"
        if isinstance(found, str):
            reason = self._name_rule(found, port)
        else:
            reason = judge(str(found), lambda address: self.rule(address, port))
        if reason is not None:
            raise _address_forbidden(shown, reason)
        if not plain(host):
            raise Refused("odd-host", f"{shown} is not dialled", why="not everybody reads that the same way",
                          fix="write it as a plain name or address")  # fmt: skip
        target = Target(str(found), port)
        if self._named(target) or (not isinstance(found, str) and self._opened(found, port)):
            return
        if port not in USUAL_PORTS:
            raise Refused(
                "port-forbidden",
                f"port {port} of {_shown(host)} is closed to proxied requests",
                fix=f"open it with forward.allow (PIPWAY_FORWARD_ALLOW={shown})",
            )
        if not self._everything and first_match(self._routed, target) is None:
            raise Refused(
                "host-forbidden",
                f"{_shown(host)} is no index host",
                why="this server is a proxy for indexes, files on their pages and hosts that a route names",
                fix=f"add it to forward.allow (PIPWAY_FORWARD_ALLOW={_shown(host)}), or set forward.reach=everything",
            )

    def rule(self, address: IpAddress, port: int | None = None) -> str | None:
        """Why an address must not be dialled for a client, None when it may be. Without a port nothing is opened."""
        address = unmapped(address)
        if port is not None and self._is_listener(address, port):
            return "it is this server itself"
        found = _closed(address)
        if found is None:
            return None
        network, what = found
        if network in _LOOPBACK:
            if port is not None and self._opened(address, port):
                return None
            return f"it is {what}: {_OPEN_LOOPBACK}"
        return f"it is {what}"

    def _opened(self, address: IpAddress, port: int) -> bool:
        return any(entry.opens(address, port) for entry in self._entries)

    def _is_listener(self, address: IpAddress, port: int) -> bool:
        for bound, bound_port in self._bound:
            if bound_port == port and (
                address == bound or (bound.is_unspecified and (_is_loopback(address) or self._is_own(address)))
            ):
                return True
        return False

    def _name_rule(self, name: str, port: int) -> str | None:
        if name in _METADATA_NAMES:
            return "it is a cloud's metadata service"
        if name in _LOCAL_NAMES or name.endswith((".localhost", ".localhost.localdomain")):
            if any(bound_port == port for _, bound_port in self._bound):
                return "it is this server itself"
            if not any(entry.loopback and _port_fits(entry.pattern, port) for entry in self._entries):
                return f"it is this machine itself: {_OPEN_LOOPBACK}"
        return None

    def _named(self, target: Target) -> bool:
        """By the person who set it up, with its port: in `forward.allow`, as an index, in a route."""
        return (
            any(_entry_matches(entry, target) for entry in self._entries)
            or self._indexes(target.host, target.port)
            or any(each.port == target.port and each.matches(target) for each in self._routed)
        )


def is_loopback_host(host: str) -> bool:
    """Whether listening on this host keeps others out."""
    try:
        found = meant(host)
    except ValueError:
        return False
    return found == "localhost" if isinstance(found, str) else _is_loopback(found)


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """The networks of an address list. UsageError names what is none."""
    found: list[Network] = []
    for text in texts:
        for word in _PRIVATE_NETWORKS if text.lower() == _PRIVATE else (text,):
            try:
                found.append(ipaddress.ip_network(word, strict=False))
            except ValueError:
                raise UsageError(
                    "bad-network",
                    f"{text[:60]!r} in access.allow_from is no address",
                    fix="write addresses, networks as 10.0.0.0/8, or the word private",
                ) from None
    return tuple(found)


def read_entry(text: str) -> Entry:
    """One entry of `forward.allow`. UsageError when it means nothing or would open what stays closed."""
    exact = not text.startswith(("*", "."))
    found = pattern(text)
    if found is None or found.local:
        raise UsageError(
            "bad-forward-allow",
            f"the entry {text[:60]!r} of forward.allow means nothing",
            fix="write HOST:PORT, HOST (its ports 80 and 443), *.DOMAIN:PORT, *:PORT or NETWORK:PORT",
        )
    found = Pattern(text, found.domain, found.network, found.port, found.everything, exact=exact)
    if found.network is None:
        return Entry(found, loopback=found.domain in _LOCAL_NAMES)
    loopback = any(_inside(found.network, network) for network in _LOOPBACK)
    closed = next((what for network, what in _CLOSED if _inside(found.network, network)), None)
    if closed is not None and not loopback:
        raise UsageError(
            "closed-for-good", f"forward.allow cannot open {text[:60]}", why=f"it is {closed}", fix="take it out"
        )
    return Entry(found, loopback)


def open_to_everyone(listen: str, empty: bool) -> UsageError:
    """What stops a server that others could use without being asked anything."""
    return UsageError(
        "open-to-everyone",
        f"pipway does not listen on {listen} for everybody",
        why="access.tokens_file has no tokens" if empty else "whoever reaches that address could use it",
        fix="make tokens (pipway access add NAME) and set access.tokens_file, or say who may come with "
        "access.allow_from (PIPWAY_ACCESS_ALLOW_FROM=10.0.0.0/8), or listen on 127.0.0.1",
    )


def stranger(peer: str) -> Refused:
    """What a peer is told that is not on the list."""
    return Refused(
        "stranger", f"{peer} may not use this server", why="it is not in access.allow_from", fix="ask whoever runs it"
    )


@lru_cache(1024)  # the same few hosts are dialled again and again
def _closed(address: IpAddress) -> tuple[Network, str] | None:
    """The closed network that it is in."""
    return next(((network, what) for network, what in _CLOSED if address in network), None)


def _meaning(host: str) -> IpAddress | str:
    try:
        return meant(host)
    except ValueError as error:
        raise Refused(
            "odd-host", f"{_shown(host)} is no host", why=str(error), fix="write a name or an address"
        ) from None


def _address_forbidden(shown: str, reason: str) -> Refused:
    # The code that `dial.direct` uses too: a name is refused like the address that it leads to.
    return Refused("address-forbidden", f"{shown} must not be reached through this proxy", why=reason)


def _entry_matches(entry: Entry, target: Target) -> bool:
    return _port_fits(entry.pattern, target.port) and entry.pattern.matches(target)


def _port_fits(entry: Pattern, port: int) -> bool:
    return port in USUAL_PORTS if entry.port is None else port == entry.port


def _inside(network: Network, other: Network) -> bool:
    """Whether all of it lies in the other."""
    return network.network_address in other and network.prefixlen >= other.prefixlen


def _is_loopback(address: IpAddress) -> bool:
    return any(address in network for network in _LOOPBACK)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host[:100]
