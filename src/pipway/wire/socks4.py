"""SOCKS 4 and 4a from both sides: one request, one reply of eight bytes, no password.

`dial.via_socks` and `server.socks` drive the generators as those of `socks5`. 4 takes addresses only, 4a takes names
too. No RFC has them; all follow Ying-Da Lee's memos "SOCKS: A protocol for TCP proxy across firewalls" and "SOCKS 4A: A
Simple Extension to SOCKS 4 Protocol".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator

from pipway.errors import BadUpstream, PipwayError, Refused, Unavailable, UsageError
from pipway.wire.socks5 import (
    Admit,
    Asked,
    Declined,
    Handshake,
    Serving,
    asked_for,
    check_port,
    encode_name,
    malformed,
    unsupported,
)

_CONNECT, _GRANTED, _REJECTED = 1, 0x5A, 0x5B
_LONGEST = 255  # bytes of a user id, and of a name
_REPLIES = {
    0x5B: ("parent-failed", "it refuses, or could not connect"),
    0x5C: ("parent-forbids", "it wants an identd on this machine"),
    0x5D: ("parent-forbids", "this machine's identd names another user"),
}


def connect(host: str, port: int, *, user: str = "", names: bool = True) -> Handshake:
    """Ask for host:port; a name makes it SOCKS 4a, or a UsageError without `names`. Unavailable, BadUpstream."""
    check_port(port)
    name = b""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        packed = b"\x00\x00\x00\x01"  # 4a: an impossible address says that a name follows
        if not names:
            raise UsageError("bad-host", "SOCKS 4 takes addresses, not names", fix="use socks4a://") from None
        name = encode_name(host) + b"\x00"
    else:
        if address.version != 4:
            raise Unavailable(
                "parent-unsupported", f"SOCKS 4 cannot reach {host}", why="it knows no IPv6", fix="use socks5h://"
            )
        packed = address.packed
    identity = user.encode("utf-8", "replace") + b"\x00"
    if len(identity) > 256 or b"\x00" in identity[:-1] or any("\ud800" <= char <= "\udfff" for char in user):
        raise UsageError("bad-socks-login", "a SOCKS 4 user has at most 255 bytes of UTF-8 and no NUL")
    received = bytearray((yield b"\x04\x01" + port.to_bytes(2, "big") + packed + identity + name))
    while len(received) < 8:
        received += yield b""
    if received[0] != 0:
        raise BadUpstream("not-socks4", "the proxy does not answer as SOCKS 4", fix="check its port, or use socks5h://")
    if received[1] != _GRANTED:
        code, why = _REPLIES.get(received[1], ("parent-failed", f"it answers with the unknown code {received[1]}"))
        raise Unavailable(code, f"the SOCKS proxy cannot connect to {host}:{port}", why=why)
    return bytes(received[8:])


def reply(error: PipwayError | None) -> bytes:
    """The answer to a request, None for success; the address in it means nothing."""
    return bytes([0, _GRANTED if error is None else _REJECTED]) + bytes(6)


def serve(admit: Admit) -> Serving:
    """Read one client's request. Declined when it is not to have what it wants.

    A user id proves nothing, so it is no login: where one is needed, version 4 is refused.
    """
    received = bytearray()
    while len(received) < 8:
        received += yield b""
    version, command = received[:2]
    port, packed = int.from_bytes(received[2:4], "big"), bytes(received[4:8])
    user = yield from _text(received, 8)
    end = 9 + len(user)
    named = packed[:3] == bytes(3) and packed[3] != 0
    raw = packed
    if named:
        raw = yield from _text(received, end)
        end += len(raw) + 1
    if version != 4:
        raise _declined(malformed("its request is not of version 4"))
    if command != _CONNECT:
        raise _declined(unsupported(command))
    asked = asked_for(raw, port, named=named, reply=reply)
    try:
        admit(None)
    except Refused as refusal:
        raise _declined(refusal, str(asked)) from None
    return Asked(asked.host, port, user.decode("utf-8", "replace"), None, bytes(received[end:]))


def _text(received: bytearray, start: int) -> Generator[bytes, bytes, bytes]:
    """What stands before the next NUL."""
    while (end := received.find(0, start, start + _LONGEST + 1)) < 0:
        if len(received) > start + _LONGEST:
            raise _declined(malformed("its user id or name never ends"))
        received += yield b""
    return bytes(received[start:end])


def _declined(error: PipwayError, target: str = "-") -> Declined:
    return Declined(reply(error), error, target)
