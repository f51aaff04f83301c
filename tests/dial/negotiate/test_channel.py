"""Channel bindings: RFC 5929 §4.1, for every kind of certificate a parent may show."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from pipway.dial.negotiate.channel import channel_binding

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
SHA256_RSA = bytes.fromhex("2a864886f70d01010b")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    channel_binding.cache_clear()
    yield
    channel_binding.cache_clear()


def certificate(key: Any, algorithm: Any, **options: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "proxy.example")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=9))
    return builder.sign(key, algorithm, **options).public_bytes(serialization.Encoding.DER)


SHA384 = certificate(RSA, hashes.SHA384())


def binding(name: str, der: bytes) -> bytes:
    return b"tls-server-end-point:" + hashlib.new(name, der).digest()


@pytest.mark.parametrize(
    ("der", "name"),
    [
        (certificate(RSA, hashes.SHA256()), "sha256"),
        (certificate(RSA, hashes.SHA384()), "sha384"),
        (certificate(RSA, hashes.SHA512()), "sha512"),
        (certificate(EC, hashes.SHA384()), "sha384"),
        (certificate(RSA, hashes.SHA3_256()), "sha3_256"),
        (certificate(RSA, hashes.SHA384(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA384()), 48)), "sha384"),
        (certificate(ed25519.Ed25519PrivateKey.generate(), None), "sha256"),
        (certificate(RSA, hashes.SHA256()).replace(SHA256_RSA, SHA256_RSA[:-1] + b"\x05"), "sha256"),  # SHA-1
        (certificate(RSA, hashes.SHA256()).replace(SHA256_RSA, SHA256_RSA[:-1] + b"\x04"), "sha256"),  # MD5
        (certificate(RSA, hashes.SHA256()).replace(SHA256_RSA, SHA256_RSA[:-1] + b"\x7f"), "sha256"),  # unheard of
        (b"no certificate at all", "sha256"),
    ],
)
def test_the_hash_is_that_of_the_signature(der: bytes, name: str) -> None:
    assert channel_binding(der) == binding(name, der)


@pytest.mark.parametrize("missing", ["cryptography", "cryptography.x509"])
def test_without_cryptography(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "cryptography":
        monkeypatch.delitem(sys.modules, "cryptography.x509")
    assert channel_binding(SHA384) == binding("sha256", SHA384)
