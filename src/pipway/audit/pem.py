"""What certificates say of themselves. `collect/certificates` loads it for the first: cryptography takes its time."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm


def traits(texts: Iterable[str]) -> Mapping[str, str]:
    """How many can be read, whether one is an authority, and the last day of the last one."""
    found = list(_read(texts))
    return {
        "certificates": str(len(found)),
        "authority": str(any(_is_authority(each) for each in found)).lower(),
        "until": max(map(_last_day, found), default=""),
    }


def _read(texts: Iterable[str]) -> Iterator[x509.Certificate]:
    for text in texts:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                certificate = x509.load_pem_x509_certificate(text.encode())
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            continue
        yield certificate


def _is_authority(certificate: x509.Certificate) -> bool:
    """One that says so, or an old one that has signed itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
            except x509.ExtensionNotFound:
                return certificate.subject == certificate.issuer
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return True  # nobody knows


def _last_day(certificate: x509.Certificate) -> str:
    """Nothing when nobody can tell."""
    try:
        return certificate.not_valid_after_utc.date().isoformat()
    except ValueError:
        return ""
