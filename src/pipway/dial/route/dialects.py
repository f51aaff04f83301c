"""How other tools read NO_PROXY, to show a person why one of them goes another way than pipway does.

`pipway route --no-proxy` and docs/reference/no-proxy.md use it. Behaviour as of curl 8, CPython 3.11 and later,
requests 2.32 (pip), Go's httpproxy and hyper-util (uv).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

from pipway.dial.base import Target
from pipway.dial.route.no_proxy import NoProxy, literal

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _pipway(text: str, target: Target) -> bool:
    return NoProxy(text).match(target) is not None


def _below(host: str, entry: str) -> bool:
    return host == entry or host.endswith(f".{entry}")


def _curl(text: str, target: Target) -> bool:
    """Commas alone separate since 8.9; a leading dot is ignored; no star but `*` alone; CIDR of literal addresses."""
    if text.strip() == "*":
        return True
    host = target.host.lower().rstrip(".")
    for word in text.split(","):
        entry = word.strip().lower().rstrip(".")
        if _in(host, entry) or (literal(host) is None and entry and _below(host, entry.removeprefix("."))):
            return True
    return False


def _urllib(text: str, target: Target) -> bool:
    """CPython's proxy_bypass_environment: suffixes, with the port if the entry names one; `*` alone."""
    if text.strip() == "*":
        return True
    host = target.host.lower()
    for word in text.split(","):
        entry = word.strip().lower().lstrip(".")
        if entry and (_below(host, entry) or _below(f"{host}:{target.port}", entry)):
            return True
    return False


def _requests(text: str, target: Target) -> bool:
    """Spaces are dropped; CIDR for IPv4 literals; suffixes without regard to dots; then urllib's rules."""
    entries = [entry for entry in text.replace(" ", "").split(",") if entry]
    address = literal(target.host)
    if isinstance(address, ipaddress.IPv4Address):
        return any(entry == target.host or ("/" in entry and _in(target.host, entry)) for entry in entries) or _urllib(
            text, target
        )
    host = target.host.lower()
    return any(f"{host}:{target.port}".endswith(entry) or host.endswith(entry) for entry in entries) or _urllib(
        text, target
    )


def _go(text: str, target: Target) -> bool:
    """Loopback always; `.name` is only what is below; `*.name` the same; `*` anywhere; ports; CIDR."""
    host = target.host.lower().rstrip(".")
    address = literal(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for word in text.split(","):
        entry = word.strip().lower()
        if entry == "*":
            return True
        name, colon, port = entry.rpartition(":")
        if colon and port.isdigit() and ":" not in name:
            if int(port) != target.port:
                continue
            entry = name
        if address is not None:
            if _in(host, entry):
                return True
        elif entry.startswith(("*.", ".")):
            if host.endswith(entry.removeprefix("*")):
                return True
        elif entry and _below(host, entry):
            return True
    return False


def _uv(text: str, target: Target) -> bool:
    """hyper-util: `*` anywhere; a leading dot is ignored; no `*.`, no ports; CIDR."""
    host = target.host.lower()
    for word in text.split(","):
        entry = word.strip().lower()
        if entry == "*" or _in(host, entry):
            return True
        if literal(host) is None and entry and _below(host, entry.removeprefix(".")):
            return True
    return False


def _in(host: str, entry: str) -> bool:
    address = literal(host)
    try:
        network: _Network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
    return address is not None and address in network


DIALECTS: Mapping[str, Callable[[str, Target], bool]] = {
    "pipway": _pipway,
    "curl": _curl,
    "urllib": _urllib,
    "requests": _requests,
    "go": _go,
    "uv": _uv,
}


def matches(dialect: str, text: str, target: Target) -> bool:
    """Whether a tool would reach the target without the proxy."""
    return DIALECTS[dialect](text, target)
