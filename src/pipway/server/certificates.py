"""The certificates of interception: an authority constrained to names, and its leaves. Values in, values out.

`ca` keeps what is made here. What the names are is its business; that nothing else is possible is this module's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipway.errors import UsageError

LIFETIME = timedelta(days=730)
#: A leaf's, from one end to the other: clocks of clients may be a day behind.
LEAF, BACKDATED = timedelta(days=7), timedelta(days=1)

_NAMES = 256  # in one authority
_COMMON_NAME = 64  # characters (RFC 5280, ub-common-name)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Identity:
    """An authority: its certificate, its key, and the names that it may speak for."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    names: tuple[str, ...]  #: host names (with everything below them) and literal addresses

    def covers(self, host: str) -> bool:
        """Whether clients accept a leaf of it for this host."""
        return any(host == name or (not address_of(host) and host.endswith(f".{name}")) for name in self.names)

    @property
    def name(self) -> str:
        """Its common name, as trust stores list it."""
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def pem(self) -> str:
        """The certificate, without the key."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 as browsers and OpenSSL show it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def made(self) -> datetime:
        """When."""
        return self.certificate.not_valid_before_utc + BACKDATED

    @property
    def ends(self) -> datetime:
        """Valid until."""
        return self.certificate.not_valid_after_utc


@lru_cache(1024)  # asked for every tunnel
def normal(host: str) -> str:
    """A host as names are compared: lower case, no final dot, addresses in one spelling, no brackets."""
    host = host.strip("[]").rstrip(".").lower()
    found = address_of(host)
    return str(found) if found else host


def names_of(hosts: Iterable[str]) -> tuple[str, ...]:
    """What an authority for these hosts is made for; UsageError when that is nothing."""
    names = tuple(dict.fromkeys(normal(host) for host in hosts))
    if not names:
        raise UsageError(
            "ca-without-hosts",
            "a certificate authority needs hosts that it may speak for",
            fix="configure an upstream index, or name hosts in intercept.hosts",
        )
    return names[:_NAMES]


def address_of(host: str) -> Address | None:
    """The address that a host literally is."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def make_authority(names: tuple[str, ...], now: datetime) -> Identity:
    """A new one, self-signed, valid for leaves of these names (and names below them) alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    mark = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"pipway interception {mark.digest.hex()[:8]}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        # RFC 5280 §4.2.1.9, §4.2.1.3: both critical, and key identifiers; Python 3.13 and later insist on every one.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(mark, critical=False)
        .add_extension(_constraints(names), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Identity(certificate, key, names)


def _constraints(names: tuple[str, ...]) -> x509.NameConstraints:
    """A kind of name that is not mentioned would not be constrained at all (RFC 5280 §4.2.1.10)."""
    addresses = [found for name in names if (found := address_of(name))]
    hosts = [name for name in names if not address_of(name)] or ["pipway.invalid"]  # RFC 6761: no such name ever is
    excluded = [x509.IPAddress(ipaddress.ip_network(each)) for each in ("0.0.0.0/0", "::/0")]
    return x509.NameConstraints(
        permitted_subtrees=[
            *(x509.DNSName(host) for host in hosts),
            *(x509.IPAddress(ipaddress.ip_network(address)) for address in addresses),
        ],
        excluded_subtrees=None if addresses else excluded,
    )


def make_leaf(issuer: Identity, host: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """A server's certificate for `host`, which the issuer must cover."""
    address = address_of(host)
    name = x509.IPAddress(address) if address else x509.DNSName(host)
    # OpenSSL holds a common name that looks like a host's against the constraints, an address too: so it gets none.
    common = "pipway interception" if address or len(host) > _COMMON_NAME else host
    mark = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(now - BACKDATED + LEAF, issuer.ends))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(mark), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8, PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def encode(identity: Identity) -> bytes:
    """Certificate and key, for a private file."""
    return identity.pem.encode() + key_bytes(identity.key)


def decode(data: bytes) -> Identity:
    """What `encode` gave. ValueError, with one sentence, for anything else."""
    try:
        certificate = x509.load_pem_x509_certificate(data)
        key = serialization.load_pem_private_key(data, None)
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except (ValueError, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension):
        raise ValueError("it does not hold a constrained certificate and its key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("the key does not belong to the certificate")
    return Identity(certificate, key, tuple(_permitted(constraints)))


def _permitted(constraints: x509.NameConstraints) -> Iterator[str]:
    for each in constraints.permitted_subtrees or ():
        if isinstance(each, x509.DNSName) and not each.value.endswith(".invalid"):
            yield each.value
        elif isinstance(each, x509.IPAddress):
            yield str(each.value).partition("/")[0]
