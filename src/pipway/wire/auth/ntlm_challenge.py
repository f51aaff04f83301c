"""What a proxy tells of itself in an NTLM challenge (MS-NLMP §2.2.1.2): its domain, its names, its clock. Pure.

Doctor reads it. The hello that asks for it holds nothing to judge, so asking is no logon.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SIGNATURE = b"NTLMSSP\0"

#: NEGOTIATE_MESSAGE (§2.2.1.1): Unicode, OEM, REQUEST_TARGET, NTLM, ALWAYS_SIGN, extended session security, 128, 56.
HELLO = SIGNATURE + b"\x01\0\0\0" + (0xA0088207).to_bytes(4, "little") + b"\0" * 16

_SHORTEST = 48
_UNICODE = 1
_MOST = 32  # pairs
_NAMES = {1: "server", 2: "domain", 3: "dns_server", 4: "dns_domain"}  # MsvAvNb…, MsvAvDns… (§2.2.2.1)
_TIME = 7  # MsvAvTimestamp
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # FILETIME (MS-DTYP §2.3.3)
_LAST = 2_650_467_743_990_000_000  # the end of the year 9999, in units of 100 ns since 1601


@dataclass(frozen=True, slots=True)
class NtlmChallenge:
    """What is said; "" for what is not."""

    domain: str = ""  #: NetBIOS name of the domain that judges; of the machine itself where it has no domain
    server: str = ""
    dns_domain: str = ""
    dns_server: str = ""
    time: datetime | None = None  #: its clock when it made the challenge


def read_challenge(token: str) -> NtlmChallenge | None:
    """The type 2 message in a Proxy-Authenticate field. None when it is none, or makes no sense."""
    try:
        data = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return None
    data = data[max(data.find(SIGNATURE), 0) :]  # raw, or inside SPNEGO
    if not data.startswith(SIGNATURE + b"\x02\0\0\0") or len(data) < _SHORTEST:
        return None
    coding = "utf-16-le" if data[20] & _UNICODE else "cp850"
    target = _field(data, 12).decode(coding, "replace")
    found = _pairs(_field(data, 40))
    names = {name: found[key].decode("utf-16-le", "replace") for key, name in _NAMES.items() if key in found}
    names.setdefault("domain", target)
    ticks = int.from_bytes(found.get(_TIME, b""), "little")
    when = _EPOCH + timedelta(microseconds=ticks // 10) if 0 < ticks < _LAST else None
    return NtlmChallenge(**names, time=when)


def _field(data: bytes, at: int) -> bytes:
    length = int.from_bytes(data[at : at + 2], "little")
    offset = int.from_bytes(data[at + 4 : at + 8], "little")
    return data[offset : offset + length]


def _pairs(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while len(data) >= 4 and len(found) < _MOST:
        kind, length = int.from_bytes(data[:2], "little"), int.from_bytes(data[2:4], "little")
        if not kind:
            break
        found[kind] = data[4 : 4 + length]
        data = data[4 + length :]
    return found
