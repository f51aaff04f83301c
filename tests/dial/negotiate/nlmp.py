"""NTLMv2 as MS-NLMP defines it, written for the tests from the document alone: makes challenges and judges answers."""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

UNICODE, OEM, SIGN, NTLM = 0x1, 0x2, 0x10, 0x200
EXTENDED, TARGET_INFO, VERSION, KEY_128, KEY_EXCHANGE, KEY_56 = (
    *(0x80000, 0x800000, 0x2000000, 0x20000000),
    *(0x40000000, 0x80000000),
)
USUAL = UNICODE | SIGN | NTLM | EXTENDED | TARGET_INFO | KEY_128 | KEY_EXCHANGE | KEY_56

NB_COMPUTER, NB_DOMAIN, FLAGS, TIMESTAMP, TARGET_NAME, BINDINGS = 1, 2, 6, 7, 9, 10
PAYLOAD = 48  # bytes of a challenge before its payload, without the version


def hmac_md5(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.md5).digest()


def ntowf_v2(nt_hash: bytes, upper_user: str, domain: str) -> bytes:
    """§3.3.2."""
    return hmac_md5(nt_hash, (upper_user + domain).encode("utf-16-le"))


def rc4(key: bytes, data: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def pairs(*entries: tuple[int, bytes]) -> bytes:
    """AV_PAIRs (§2.2.2.1) with their end."""
    return b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in entries) + bytes(4)


def read_pairs(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while (kind := int.from_bytes(data[at : at + 2], "little")) != 0:
        length = int.from_bytes(data[at + 2 : at + 4], "little")
        found[kind] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return found


NAMES = ((NB_DOMAIN, "CORP".encode("utf-16-le")), (NB_COMPUTER, "PROXY".encode("utf-16-le")))
STAMP = struct.pack("<Q", 134_000_000_000_000_000)  # some day in 2025


def challenge(
    info: bytes = pairs(*NAMES, (TIMESTAMP, STAMP)),
    *,
    flags: int = USUAL,
    nonce: bytes = b"\x01\x23\x45\x67\x89\xab\xcd\xef",
) -> bytes:
    """A CHALLENGE_MESSAGE (§2.2.1.2)."""
    name = "CORP".encode("utf-16-le" if flags & UNICODE else "ascii")
    fields = struct.pack("<HHI", len(name), len(name), PAYLOAD)
    info_fields = struct.pack("<HHI", len(info), len(info), PAYLOAD + len(name))
    return (
        b"NTLMSSP\0"
        + struct.pack("<I", 2)
        + fields
        + struct.pack("<I", flags)
        + nonce
        + bytes(8)
        + info_fields
        + name
        + info
    )


@dataclass
class Answer:
    """An AUTHENTICATE_MESSAGE (§2.2.1.3), read, with the two messages before it."""

    hello: bytes
    challenge: bytes
    message: bytes

    def __post_init__(self) -> None:
        assert self.message.startswith(b"NTLMSSP\0\x03\0\0\0")

    def _field(self, at: int) -> bytes:
        length, _, offset = struct.unpack_from("<HHI", self.message, at)
        assert offset + length <= len(self.message)
        return self.message[offset : offset + length]

    @property
    def lm(self) -> bytes:
        return self._field(12)

    @property
    def nt(self) -> bytes:
        return self._field(20)

    @property
    def domain(self) -> str:
        return self._field(28).decode("utf-16-le")

    @property
    def user(self) -> str:
        return self._field(36).decode("utf-16-le")

    @property
    def flags(self) -> int:
        return int.from_bytes(self.message[60:64], "little")

    @property
    def info(self) -> dict[int, bytes]:
        """The AV_PAIRs of the client's challenge (§2.2.2.7)."""
        return read_pairs(self.nt[44:])

    @property
    def mic_is_right(self) -> bool:
        """§3.1.5.1.2, when `proves` was true."""
        session = self._session
        if self.flags & KEY_EXCHANGE:
            session = rc4(session, self._field(52))
        blank = self.message[:72] + bytes(16) + self.message[88:]
        if not self.flags & VERSION:
            blank = self.message[:64] + bytes(16) + self.message[80:]
        at = 72 if self.flags & VERSION else 64
        return self.message[at : at + 16] == hmac_md5(session, self.hello + self.challenge + blank)

    def proves(self, nt_hash: bytes, upper_user: str, domain: str) -> bool:
        """§3.3.2: NTProofStr over the server's nonce and the client's challenge."""
        key = ntowf_v2(nt_hash, upper_user, domain)
        proof, temp = self.nt[:16], self.nt[16:]
        self._session = hmac_md5(key, proof)
        return (
            len(self.nt) > 24
            and temp[:8] == b"\x01\x01" + bytes(6)
            and proof == hmac_md5(key, self.challenge[24:32] + temp)
        )

    def is_lm_v2(self, nt_hash: bytes, upper_user: str, domain: str) -> bool:
        key = ntowf_v2(nt_hash, upper_user, domain)
        return self.lm == hmac_md5(key, self.challenge[24:32] + self.lm[16:]) + self.lm[16:] and len(self.lm) == 24
