"""What a host means, in every spelling that some resolver, library or browser takes: an address or a name.

`access` decides on what comes out, never on the text: 2130706433, 0x7f.1, 127.0.0.1. and ::ffff:7f00:1 are one machine.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import unquote

from pipway.wire.host_name import host_name

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST = 1024  # characters; percent-encoded names are three times as long as plain ones
_REMEMBERED = 2048  # hosts; the same few are asked for again and again
_ENCODED = 4  # how often a text may be percent-encoded upon itself
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")  # RFC 4291 §2.5.5.2


@lru_cache(_REMEMBERED)
def meant(host: str) -> IpAddress | str:
    """The address, or the name in lower case without a final dot. ValueError when it is neither.

    Zones are left out: they choose an interface, not an address. An IPv4 address inside IPv6 counts as what it is.
    """
    if len(host) > _LONGEST:
        raise ValueError("it is too long for a host")
    text = host
    for _ in range(_ENCODED):
        address = _address(text)
        if address is not None:
            return address
        decoded = unquote(text, errors="strict")
        if decoded == text:
            break
        text = decoded
    bare, zone, _ = text.partition("%")
    name = host_name(bare).rstrip(".")  # UTS 46: full-width and circled digits become digits, other dots a dot
    labels = name.split(".")
    if "" in labels:
        raise ValueError("it has an empty label")
    if _NUMBER.fullmatch(labels[-1]):  # nobody looks such a name up: it is an address, or nothing
        return ipaddress.IPv4Address(_ipv4(labels))
    if zone:
        raise ValueError("it has a percent sign")
    return name


@lru_cache(_REMEMBERED)
def plain(host: str) -> bool:
    """Whether everybody reads the host alike: a name in ASCII, or an address as RFC 3986 §3.2.2 writes it."""
    try:
        ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return "%" not in host and host.isascii() and isinstance(meant(host), str)
    return "%" not in host


def unmapped(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 socket of both kinds shows as mapped; any other as it is."""
    if address.version == 6 and address in _MAPPED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _address(text: str) -> IpAddress | None:
    bare = text.partition("%")[0].rstrip(".").removeprefix("[").removesuffix("]").rstrip(".")
    try:
        return unmapped(ipaddress.ip_address(bare))
    except ValueError:
        if ":" in text and "%" not in text:
            raise ValueError("it is no IPv6 address") from None
        return None


def _ipv4(labels: list[str]) -> int:
    """inet_aton: one to four numbers, decimal, octal or hexadecimal; the last one fills what is left."""
    if len(labels) > 4:
        raise ValueError("it has too many numbers for an address")
    numbers = [_number(label) for label in labels]
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (5 - len(numbers)):
        raise ValueError("its numbers are too large for an address")
    return sum(number << 8 * (3 - place) for place, number in enumerate(first)) + last


def _number(label: str) -> int:
    if not _NUMBER.fullmatch(label):
        raise ValueError("it is neither an address nor a name")
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    try:
        return int(label, 8 if label.startswith("0") and label != "0" else 10)
    except ValueError:
        raise ValueError("it has a broken octal number") from None
