"""SOCKS 5 (RFC 1928) with user and password (RFC 1929), from the client's side.

`dial.via_socks` drives the generator: it yields bytes to send (none: it only wants more), is sent what arrived, and
returns what arrived too early and belongs to the tunnel.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator

from pipway.errors import BadUpstream, NoWayOut, Unavailable, UsageError
from pipway.wire.auth.base import Rejected

Handshake = Generator[bytes, bytes, bytes]

#: RFC 1929 §2: the first byte of the message that carries the password, and of no other
LOGIN_VERSION = 1
_VERSION, _CONNECT, _NONE, _PASSWORD, _NO_METHOD = 5, 1, 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4

#: RFC 1928 §6: reply → code, words
_REPLIES = {
    1: ("parent-failed", "it failed without saying why"),
    2: ("parent-forbids", "its rules forbid it"),
    3: ("network-unreachable", "it knows no way to that network"),
    4: ("host-unreachable", "it cannot reach or look up that host"),
    5: ("connection-refused", "nothing listens there"),
    6: ("connect-timeout", "the way to it is too long"),
    7: ("parent-unsupported", "it does not know the command"),
    8: ("parent-unsupported", "it does not know that kind of address"),
}


def connect(host: str, port: int, *, login: tuple[str, str] | None = None) -> Handshake:
    """Ask for host:port. Raises Rejected (wrong password), NoWayOut (login wanted), Unavailable, BadUpstream.

    UsageError, before anything is sent, for a host, port or login that SOCKS cannot carry.
    """
    address = _address(host)
    check_port(port)
    credentials = _credentials(*login) if login else b""
    received = bytearray()
    hello = bytes([_VERSION, 2, _NONE, _PASSWORD]) if login else bytes([_VERSION, 1, _NONE])
    yield from _send(hello, received, 2)
    version, method = received[:2]
    del received[:2]
    if version != _VERSION:
        raise BadUpstream(
            "not-socks5", "the proxy does not answer as SOCKS 5", fix="check its port, or use socks4a:// or http://"
        )
    if method == _PASSWORD and login:
        yield from _send(credentials, received, 2)
        status = received[1]
        del received[:2]
        if status:  # RFC 1929 §2: the server closes after anything but 0
            raise Rejected("user or password is wrong")
    elif method != _NONE:
        wants = "it wants a login of a kind that is not known" if login else "it wants a login"
        raise NoWayOut("login-required", "the SOCKS proxy lets nobody in like this", why=wants)
    yield from _send(bytes([_VERSION, _CONNECT, 0]) + address + port.to_bytes(2, "big"), received, 2)
    version, reply = received[:2]
    if version != _VERSION:
        raise BadUpstream("not-socks5", "the SOCKS proxy's reply is malformed")
    if reply:  # some send no address, or an impossible one, along with a refusal
        code, why = _REPLIES.get(reply, ("parent-failed", f"it answers with the unknown code {reply}"))
        where = f"[{host}]" if ":" in host else host
        raise Unavailable(code, f"the SOCKS proxy cannot connect to {where}:{port}", why=why)
    yield from _send(b"", received, 5)
    end = 4 + _length(received) + 2
    yield from _send(b"", received, end)
    return bytes(received[end:])


def _send(data: bytes, received: bytearray, wanted: int) -> Generator[bytes, bytes, None]:
    """Send, and wait until `wanted` bytes are there: replies may come in any number of pieces."""
    if data or len(received) < wanted:
        received += yield data
    while len(received) < wanted:
        received += yield b""


def _length(received: bytearray) -> int:
    """Bytes of the address in a reply, its own length byte included."""
    match received[3]:
        case 1:
            return 4
        case 4:
            return 16
        case 3:
            return 1 + received[4]
        case other:
            raise BadUpstream("not-socks5", f"the SOCKS proxy's reply has the unknown address type {other}")


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = encode_name(host)
        return bytes([_NAME, len(name)]) + name
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed


def encode_name(host: str) -> bytes:
    """A host name as SOCKS carries it. UsageError when it is empty, too long or not ASCII."""
    if not 0 < len(host) < 256 or not host.isascii() or not host.isprintable():
        raise UsageError(
            "bad-host",
            "a SOCKS proxy takes host names of 1 to 255 ASCII characters",
            fix="check the name; an international one is written as xn--...",
        )
    return host.encode("ascii")


def check_port(port: int) -> None:
    """UsageError when it is none."""
    if not 0 < port < 65536:
        raise UsageError("bad-port", "a port is a number from 1 to 65535")


def _credentials(user: str, password: str) -> bytes:
    try:
        pair = [user.encode(), password.encode()]
    except UnicodeEncodeError:
        pair = []  # bytes of the environment that were no UTF-8
    if not pair or not all(0 < len(part) < 256 for part in pair):
        raise UsageError(
            "bad-socks-login",
            "a SOCKS login has 1 to 255 bytes of user and of password, in UTF-8",
            fix="store one that fits with pipway credentials rotate",
        )
    return bytes([LOGIN_VERSION]) + b"".join(bytes([len(part)]) + part for part in pair)
