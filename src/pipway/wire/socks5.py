"""SOCKS 5 (RFC 1928) with user and password (RFC 1929), from both sides.

`dial.via_socks` drives the client's generator, `server.socks` the server's: each yields bytes to send (none: it only
wants more), is sent what arrived, and returns what is known at the end; what arrived too early belongs to the tunnel.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from pipway.errors import (
    BadUpstream,
    LoginNeeded,
    NoWayOut,
    PipwayError,
    ProtocolError,
    Refused,
    Unavailable,
    UsageError,
)
from pipway.wire.auth.base import Rejected
from pipway.wire.host_name import host_name

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


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client of ours wants: always CONNECT, every other command is declined."""

    host: str  #: an address in its usual form, or a name in lower case ASCII
    port: int
    user: str = field(default="", repr=False)  #: of the login, or the user id of SOCKS 4
    password: str | None = field(default=None, repr=False)  #: None: it gave no login
    early: bytes = field(default=b"", repr=False)  #: what came behind the request

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Declined(Exception):
    """Send `reply`, then close; `error` is what SOCKS has no words for."""

    def __init__(self, reply: bytes, error: PipwayError, target: str = "-") -> None:
        super().__init__(str(error))
        self.reply = reply
        self.error = error
        self.target = target


Serving = Generator[bytes, bytes, Asked]
#: Whether a client with this login (user, password; None: without one) may use us. LoginNeeded, Refused.
Admit = Callable[[tuple[str, str] | None], None]

#: Codes of errors → reply, where it says more than "general failure"
_REPLY_TO = {
    "parent-forbids": 2,
    "network-unreachable": 3,
    "host-unreachable": 4,
    "name-not-found": 4,
    "name-server-unreachable": 4,
    "connection-refused": 5,
    "connect-timeout": 6,
    "parent-timeout": 6,
    "parent-unsupported": 8,
    "socks-command": 7,
    "socks-address-type": 8,
}


def reply(error: PipwayError | None) -> bytes:
    """The answer to a request (RFC 1928 §6), None for success. The address bound to is nobody's business."""
    code = 0 if error is None else 2 if isinstance(error, Refused) else _REPLY_TO.get(error.code, 1)
    return bytes([_VERSION, code, 0, _IPV4]) + bytes(6)


def serve(admit: Admit) -> Serving:
    """Talk to one client until it has asked. Declined when it is not to have what it wants.

    A login is demanded only when `admit` wants one. Who is refused whatever the login learns it as the answer to the
    request: an earlier no would be read as a login problem.
    """
    received = bytearray()
    yield from _send(b"", received, 2)
    yield from _send(b"", received, 2 + received[1])
    version, methods = received[0], bytes(received[2 : 2 + received[1]])
    del received[: 2 + len(methods)]
    if version != _VERSION:
        raise Declined(bytes([_VERSION, _NO_METHOD]), malformed("its greeting is not of version 5"))
    refusal = _refusal(admit, None)
    login = None
    said = bytes([_VERSION, _NONE])
    if isinstance(refusal, LoginNeeded) or _NONE not in methods:
        if _PASSWORD not in methods:
            unknown = malformed("the client offers no way to log in that is known")
            raise Declined(bytes([_VERSION, _NO_METHOD]), refusal or unknown)
        login = yield from _read_login(received)
        refusal = _refusal(admit, login)
        if isinstance(refusal, LoginNeeded):
            raise Declined(bytes([LOGIN_VERSION, 1]), refusal)
        said = bytes([LOGIN_VERSION, 0])
    yield from _send(said, received, 4)
    version, command, _, kind = received[:4]
    if version != _VERSION:
        raise _declined(malformed("its request is not of version 5"))
    if kind not in (_IPV4, _NAME, _IPV6):
        what = f"the SOCKS client uses the unknown address type {kind}"
        raise _declined(ProtocolError("socks-address-type", what, fix="let it send names or addresses"))
    yield from _send(b"", received, 5)
    end = 4 + _length(received) + 2
    yield from _send(b"", received, end)
    if command != _CONNECT:  # the others may name port 0
        raise _declined(unsupported(command))
    raw = bytes(received[4 + (kind == _NAME) : end - 2])
    asked = asked_for(raw, int.from_bytes(received[end - 2 : end], "big"), named=kind == _NAME, reply=reply)
    if refusal is not None:
        raise _declined(refusal, str(asked))
    user, password = login or ("", None)
    return Asked(asked.host, asked.port, user, password, bytes(received[end:]))


def asked_for(raw: bytes, port: int, *, named: bool, reply: Callable[[PipwayError], bytes]) -> Asked:
    """A target as either version carries it: a name, or the bytes of an address. Declined when it is none."""
    try:
        host = _host(raw) if named else str(ipaddress.ip_address(raw))
        check_port(port)
    except UsageError as error:
        raise Declined(reply(error), error) from None
    return Asked(host, port)


def unsupported(command: int) -> ProtocolError:
    """BIND, UDP ASSOCIATE, or nothing that is known."""
    name = {2: "BIND", 3: "UDP ASSOCIATE"}.get(command, f"the unknown command {command}")
    return ProtocolError("socks-command", f"{name} of SOCKS is not supported", fix="only CONNECT is")


def malformed(why: str) -> ProtocolError:
    """What no client that speaks SOCKS sends."""
    return ProtocolError("bad-socks", "the SOCKS client's bytes make no sense", why=why)


def _read_login(received: bytearray) -> Generator[bytes, bytes, tuple[str, str] | None]:
    """RFC 1929 §2; None when nobody can have such a login."""
    yield from _send(bytes([_VERSION, _PASSWORD]), received, 2)
    if received[0] != LOGIN_VERSION:
        raise Declined(bytes([LOGIN_VERSION, 1]), malformed("its login is not of version 1"))
    at = 2 + received[1]
    yield from _send(b"", received, at + 1)
    end = at + 1 + received[at]
    yield from _send(b"", received, end)
    pair = bytes(received[2:at]), bytes(received[at + 1 : end])
    del received[:end]
    try:
        user, password = (part.decode() for part in pair)
    except UnicodeDecodeError:
        return None
    return None if ":" in user else (user, password)  # RFC 7617 §2: it would be that of somebody else


def _refusal(admit: Admit, login: tuple[str, str] | None) -> Refused | None:
    try:
        admit(login)
    except Refused as refusal:
        return refusal
    return None


def _host(raw: bytes) -> str:
    try:
        text = raw.decode()
        if "%" in text:  # a zone: of no use to anybody else's machine
            raise ValueError
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            return host_name(text)
    except ValueError:
        what = "the SOCKS client asks for something that is no host"
        raise UsageError("bad-host", what, fix="check the name") from None


def _declined(error: PipwayError, target: str = "-") -> Declined:
    return Declined(reply(error), error, target)
