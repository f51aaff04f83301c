"""NO_PROXY in one documented semantics (no two tools agree; docs/reference/no-proxy.md compares them).

Entries are separated by commas or white space. `example.com`, `.example.com` and `*.example.com` all mean that host and
everything below it; `*` is everything; an address, a CIDR block or `10.*` matches literal addresses (names are never
looked up here); `host:port` holds for that port alone; `<local>` is every name without a dot. Case does not matter.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipway.dial.base import Target
from pipway.redact import redact
from pipway.wire.host_name import host_name

_MOST = 1000  # entries
_LONGEST = 300  # characters of one
_STARRED = re.compile(r"((?:[0-9]{1,3}\.){1,3})\*(?:\.\*)*")
_PORT = re.compile(r"(.*):([0-9]{1,5})")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Pattern:
    """One entry: what a person wrote, and what it means."""

    text: str
    domain: str = ""  #: lower case, without leading dots and stars; matches itself and what is below
    network: Network | None = None
    port: int | None = None
    everything: bool = False
    local: bool = False
    exact: bool = False  #: `domain` matches nothing below it

    def matches(self, target: Target) -> bool:
        """Whether it holds for a target."""
        if self.port is not None and self.port != target.port:
            return False
        if self.everything:
            return True
        address = literal(target.host)
        if address is not None:
            return self.network is not None and address in self.network
        host = target.host.lower().rstrip(".")
        if self.local:
            return "." not in host
        return bool(self.domain) and (host == self.domain or (not self.exact and host.endswith(f".{self.domain}")))


class NoProxy:
    """A list of exceptions."""

    def __init__(self, text: str) -> None:
        """`none` is the empty list. Entries that mean nothing are ignored; `remarks` says so, for people."""
        words = [] if text.strip().lower() == "none" else re.split(r"[\s,]+", text.strip())[:_MOST]
        self.remarks: list[str] = []
        self.patterns = tuple(found for word in words if word and (found := self._read(word)) is not None)

    def _read(self, word: str) -> Pattern | None:
        found = pattern(word)
        if found is None:
            shown = redact(word)[:60]  # a proxy's URL may have got here, with a password
            self.remarks.append(f"{shown!r} in NO_PROXY is neither a name nor an address and matches nothing")
        return found

    def match(self, target: Target) -> Pattern | None:
        """The first entry that holds for a target."""
        return first_match(self.patterns, target)


def first_match(patterns: Sequence[Pattern], target: Target) -> Pattern | None:
    """The first of them that holds for a target."""
    return next((entry for entry in patterns if entry.matches(target)), None)


def pattern(text: str) -> Pattern | None:
    """Read one entry; None when it means nothing."""
    if len(text) > _LONGEST:
        return None
    if text == "*":
        return Pattern(text, everything=True)
    if text.lower() == "<local>":
        return Pattern(text, local=True)
    word, port = text, None
    if (network := _network(word)) is None and (found := _PORT.fullmatch(word)):
        word, port = found[1], int(found[2])
        network = _network(word)
    if port is not None and not 0 < port < 65536:
        return None
    if network is not None:
        return Pattern(text, network=network, port=port)
    if word == "*":
        return Pattern(text, port=port, everything=True)
    domain = _name(re.sub(r"^\*?\.", "", word))
    return Pattern(text, domain=domain, port=port) if domain else None


def _network(text: str) -> Network | None:
    if found := _STARRED.fullmatch(text):  # 10.* and 192.168.*: how Windows, GNOME and cntlm write a block
        octets = found[1].rstrip(".").split(".")
        text = f"{'.'.join([*octets, '0', '0', '0'][:4])}/{8 * len(octets)}"
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return ipaddress.ip_network(bare, strict=False)
    except ValueError:
        return None


def _name(text: str) -> str:
    try:
        return host_name(text.rstrip("."))
    except ValueError:
        return ""


def literal(host: str) -> Address | None:
    """The address that a host is written as, if it is; an IPv4 address inside IPv6 counts as what it is."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
