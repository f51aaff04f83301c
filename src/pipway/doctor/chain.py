"""Reads the certificates that a server showed, and judges them as an installer's TLS library would.

Pure; the tls and clock probes call it. Nothing is fetched, no signature is taken on trust: a path is a chain of
certificates each of which really signed the one before.
"""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

_DEPTH = 8  # certificates in a path; real ones have three or four
_PATHS = 16  # ways up that are looked at
_TRIES = 256  # signatures that are looked at for them: thirty certificates that sign each other have 10^11 ways
_LONGEST = 100  # characters of a name: whoever made the certificate chose it
_WEAK = (hashes.MD5, hashes.SHA1)

#: Whose rules: OpenSSL's, those with VERIFY_X509_STRICT (Python 3.13's own default), those of rustls (uv)
Rules = Literal["openssl", "strict", "webpki"]
Certificate = x509.Certificate
_T = TypeVar("_T", bound=x509.ExtensionType)


class Problem(StrEnum):
    """Why a chain is refused."""

    UNKNOWN_ROOT = "unknown root"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    WRONG_NAME = "wrong name"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comes of a chain: no problem, or the one that is met first."""

    problem: Problem | None = None
    certificate: Certificate | None = None  #: the one it is about
    reason: str = ""  #: for an unfit one: what is wrong with it, after "it"


def read(chain: Sequence[bytes]) -> list[Certificate]:
    """DER, leaf first. What cannot be read ends the list."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for each in chain[: 4 * _DEPTH]:
            try:
                found.append(x509.load_der_x509_certificate(each))
            except ValueError:
                break
    return found


def judge(
    chain: Sequence[Certificate], roots: Collection[Certificate], host: str, now: datetime, rules: Rules = "openssl"
) -> Verdict:
    """As a library with these roots would, in its order. `now` is aware."""
    leaf = chain[0]
    if rules == "webpki":
        early = _dates(leaf, now) or _webpki_leaf(leaf)  # before any issuer is looked for
        if early is not None:
            return early
    tries = iter(range(_TRIES))
    paths = list(islice(_paths([leaf], chain, roots, tries, partial=rules != "openssl"), _PATHS))
    if not paths:
        return Verdict(Problem.UNKNOWN_ROOT, missing(chain))
    verdicts = [_judge_path(path, host, now, rules) for path in paths]
    return next((each for each in verdicts if each.problem is None), verdicts[0])


def missing(chain: Sequence[Certificate]) -> Certificate:
    """The last certificate of the way up from the leaf: whoever issued it is not known."""
    top = chain[0]
    for _ in range(_DEPTH):
        above = next((each for each in chain if each != top and signed(top, each)), None)
        if above is None:
            break
        top = above
    return top


def signed(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether `issuer` really issued it: by name and by signature."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def self_issued(certificate: Certificate) -> bool:
    """Whether it is a root: issued by itself."""
    return signed(certificate, certificate)


def issuer_of(chain: Sequence[Certificate]) -> str:
    """Who answers for the chain, in words."""
    top = missing(chain)
    return words(top.issuer)


def words(name: x509.Name) -> str:
    """A name as people know it: "Corp Root CA (Corp Ltd)"."""
    common = [str(each.value)[:_LONGEST] for each in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    company = [str(each.value)[:_LONGEST] for each in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    unit = [str(each.value)[:_LONGEST] for each in name.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)]
    first = common or unit
    if first and company and first[0] != company[0]:
        return f"{first[0]} ({company[0]})"
    return (first or company or [name.rfc4514_string()[:_LONGEST] or "nobody"])[0]


def company(name: x509.Name) -> str:
    """Its organisation, "" for none."""
    return next((str(each.value) for each in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)), "")


def fingerprint(certificate: Certificate) -> str:
    """SHA-256, as people compare it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def names(leaf: Certificate) -> list[str]:
    """The names and addresses it is made for (RFC 6125: the common name counts no more)."""
    found = _extension(leaf, x509.SubjectAlternativeName)
    if found is None:
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]


def common_name(leaf: Certificate) -> str:
    """Its common name, which pip and Python still take where there is no other (tried with pip 23.3 to 26.3)."""
    return next((str(each.value) for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)), "")


def covers(leaf: Certificate, host: str, *, common: bool = False) -> bool:
    """Whether it is made for that host; `common`: the common name counts where there is nothing else."""
    wanted = host.lower().rstrip(".")
    mine = [each.lower() for each in names(leaf)]
    if not mine and common:
        mine = [common_name(leaf).lower()]
    try:
        return str(ipaddress.ip_address(wanted)) in mine
    except ValueError:
        return any(_matches(each, wanted) for each in mine)


def unmet(path: Sequence[Certificate], rules: Rules) -> tuple[Certificate, str] | None:
    """The first certificate of a path (leaf first, root last) that the rules refuse, and why."""
    for position, each in enumerate(path):
        reason = _unmet(each, position, len(path), rules)
        if reason:
            return each, reason
    return None


def way_up(chain: Sequence[Certificate], roots: Collection[Certificate]) -> list[Certificate] | None:
    """Leaf to root, None when there is no way."""
    return next(_paths([chain[0]], chain, roots, iter(range(_TRIES)), partial=True), None)


def _paths(
    path: list[Certificate],
    chain: Sequence[Certificate],
    roots: Collection[Certificate],
    tries: Iterator[int],
    *,
    partial: bool,
) -> Iterator[list[Certificate]]:
    """`partial`: whatever is believed may end a path; else only what is issued by itself. Ends with `tries`."""
    top = path[-1]
    if top in roots and (partial or self_issued(top)):
        yield path
    elif len(path) < _DEPTH:
        for each in (*roots, *chain):
            if each.subject != top.issuer or each in path:
                continue
            if next(tries, None) is None:
                return
            if signed(top, each):
                yield from _paths([*path, each], chain, roots, tries, partial=partial)


def _judge_path(path: Sequence[Certificate], host: str, now: datetime, rules: Rules) -> Verdict:
    unfit = unmet(path, rules)
    if unfit is not None:
        return Verdict(Problem.UNFIT, *unfit)
    if not covers(path[0], host, common=rules != "webpki"):
        return Verdict(Problem.WRONG_NAME, path[0])
    dated = path[:-1] if rules == "webpki" and len(path) > 1 else path  # a root is a name and a key to webpki (tried)
    return next((found for each in reversed(dated) if (found := _dates(each, now)) is not None), Verdict())


def _dates(certificate: Certificate, now: datetime) -> Verdict | None:
    if now > certificate.not_valid_after_utc:
        return Verdict(Problem.EXPIRED, certificate)
    return Verdict(Problem.NOT_YET_VALID, certificate) if now < certificate.not_valid_before_utc else None


def _webpki_leaf(leaf: Certificate) -> Verdict | None:
    reason = _unmet(leaf, 0, 2, "webpki")
    return Verdict(Problem.UNFIT, leaf, reason) if reason else None


def _unmet(certificate: Certificate, position: int, length: int, rules: Rules) -> str:
    """`position` in the path from the leaf; the root is the last, unless it is the leaf itself."""
    is_root = position == length - 1
    constraints = _extension(certificate, x509.BasicConstraints)
    if rules == "webpki":
        return _webpki(certificate, position, constraints, is_root=is_root)
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        return f"has a key of {key.key_size} bits, and OpenSSL wants 2048"
    if not is_root and isinstance(certificate.signature_hash_algorithm, _WEAK):
        return f"is signed with {certificate.signature_hash_algorithm.name}, which nobody trusts any more"
    if position and ((constraints is None and not is_root) or (constraints is not None and not constraints.ca)):
        return "does not say that it is an authority (basicConstraints CA:TRUE)"
    usage = _extension(certificate, x509.KeyUsage)
    if position and usage is not None and not usage.key_cert_sign:
        return "may not sign certificates by its keyUsage"
    return _strict(certificate, position, is_root=is_root) if rules == "strict" else ""


def _webpki(
    certificate: Certificate, position: int, constraints: x509.BasicConstraints | None, *, is_root: bool
) -> str:
    if not position:
        if certificate.version is x509.Version.v1:
            return "is of version 1 of X.509"
        return "says that it is an authority (basicConstraints CA:TRUE)" if constraints and constraints.ca else ""
    if not is_root and (constraints is None or not constraints.ca):
        return "does not say that it is an authority (basicConstraints CA:TRUE)"
    return ""


def _strict(certificate: Certificate, position: int, *, is_root: bool) -> str:
    """What VERIFY_X509_STRICT adds (RFC 5280 §4.2.1): Python 3.13's `ssl.create_default_context` and urllib3 2."""
    if position:
        if not _critical(certificate, x509.BasicConstraints):
            return "does not mark its basicConstraints as critical"
        if _extension(certificate, x509.KeyUsage) is None:
            return "has no keyUsage"
        if _extension(certificate, x509.SubjectKeyIdentifier) is None:
            return "has no subject key identifier"
    if not (is_root and self_issued(certificate)) and _extension(certificate, x509.AuthorityKeyIdentifier) is None:
        return "has no authority key identifier"
    return ""


def _critical(certificate: Certificate, kind: type[x509.ExtensionType]) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(kind).critical
    except (x509.ExtensionNotFound, ValueError):
        return False


def _extension(certificate: Certificate, kind: type[_T]) -> _T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):  # ValueError: it cannot be read
        return None


def _matches(pattern: str, host: str) -> bool:
    """A wildcard stands for one label, the first (RFC 6125 §6.4.3)."""
    if pattern.startswith("*."):
        first, dot, rest = host.partition(".")
        return bool(first and dot) and rest == pattern[2:]
    return pattern == host
