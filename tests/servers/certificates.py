"""Certificates with every fault that real ones have; trustme makes only good ones."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    @property
    def der(self) -> bytes:
        """The same."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> str:
        """The key, in clear."""
        form, clear = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, clear).decode("ascii")


def name(common: str, company: str = "Example Ltd") -> x509.Name:
    """A subject."""
    both = ((NameOID.ORGANIZATION_NAME, company), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in both])


def issue(
    common: str,
    by: Issued | None = None,
    *,
    names: Sequence[str] = (),
    authority: bool = False,
    begins: datetime | None = None,
    ends: datetime | None = None,
    constraints: bool = True,
    critical: bool = True,
    usage: bool = True,
    identifiers: bool = True,
    key: Key | None = None,
    bits: int = 0,
) -> Issued:
    """One, by itself when nobody is named. `constraints` to `identifiers`: what RFC 5280 wants; `bits`: an RSA key."""
    now = datetime.now(UTC)
    key = key or (rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1()))
    issuer = by.certificate.subject if by else name(common)
    made = x509.CertificateBuilder().subject_name(name(common)).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(begins or now - _DAY).not_valid_after(ends or now + 90 * _DAY)
    if authority and constraints:
        made = made.add_extension(x509.BasicConstraints(True, None), critical)
    if authority and usage:
        signs = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = made.add_extension(signs, True)
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), False)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    if identifiers:
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        if by is not None:
            known = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
            made = made.add_extension(known, False)
    return Issued(made.sign(by.key if by else key, hashes.SHA256()), key)


def serving(*chain: Issued) -> ssl.SSLContext:
    """A server's context that shows these, the server's own first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    show(context, *chain)
    return context


def show(context: ssl.SSLContext, *chain: Issued) -> None:
    """Show these from the next handshake on."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chain.pem"
        file.write_text(chain[0].key_pem + "".join(each.pem for each in chain))
        context.load_cert_chain(file)


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
