"""Rules for the addresses that may be dialled, applied to what a name really resolved to.

`Direct` asks before it connects and dials the very address that was judged, so a name server cannot change its mind in
between. IPv6 addresses that carry an IPv4 address are judged for what they carry, too. Decides nothing by itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from functools import lru_cache

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Gives the reason why an address must not be dialled, None when it may be.
Rule = Callable[[IpAddress], str | None]

#: IPv6 networks whose addresses lead to an IPv4 address, and how many bits to its right that one stands.
_CARRIERS = tuple(
    (ipaddress.IPv6Network(network), shift)
    for network, shift in (
        ("::ffff:0:0/96", 0),  # IPv4-mapped, RFC 4291 §2.5.5.2: the same socket as IPv4
        ("::/96", 0),  # IPv4-compatible, RFC 4291 §2.5.5.1
        ("::ffff:0:0:0/96", 0),  # IPv4-translated, RFC 7915 §3.3
        ("64:ff9b::/96", 0),  # NAT64, RFC 6052 §2.1
        ("2002::/16", 80),  # 6to4, RFC 3056 §2
        ("2001::/32", 64),  # Teredo's server, RFC 4380 §4
    )
)
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215; cut by the operator as RFC 6052 §2.2 allows
_TEREDO = ipaddress.IPv6Network("2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214 §6.1
_V4 = 0xFFFFFFFF


def judge(text: str, rule: Rule) -> str | None:
    """Why the address `text` must not be dialled, looking also at what it carries; None when it may be."""
    try:
        meanings = _meanings(text.partition("%")[0])
    except ValueError:
        return "it is no address"
    for meant in meanings:
        if (reason := rule(meant)) is not None:
            return reason if meant == meanings[0] else f"{reason} (as {meant})"
    return None


@lru_cache(1024)  # the same few hosts are dialled again and again
def _meanings(text: str) -> tuple[IpAddress, ...]:
    """The address, and those that it carries. ValueError."""
    address = ipaddress.ip_address(text)
    return (address, *carried(address))


def carried(address: IpAddress) -> Iterator[IpAddress]:
    """The IPv4 addresses to which an IPv6 address may lead."""
    if address.version == 4:
        return
    bits = int(address)
    for network, shift in _CARRIERS:
        if address in network and bits > 1:  # :: and ::1 are addresses of their own
            yield ipaddress.IPv4Address(bits >> shift & _V4)
    if address in _TEREDO:
        yield ipaddress.IPv4Address(~bits & _V4)  # its client, bits inverted: RFC 4380 §4
    if bits >> 32 & _V4 in _ISATAP:
        yield ipaddress.IPv4Address(bits & _V4)
    if address in _LOCAL_NAT64:
        yield from _cut(bits)


def _cut(bits: int) -> Iterator[IpAddress]:
    """RFC 6052 §2.2: behind a prefix of 48, 56, 64 or 96 bits, leaving out bits 64 to 71."""
    without = (bits >> 64) << 56 | bits & (1 << 56) - 1  # 120 bits
    for prefix in (48, 56, 64):
        yield ipaddress.IPv4Address(without >> 120 - prefix - 32 & _V4)
    yield ipaddress.IPv4Address(bits & _V4)
