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
        "until": max((each.not_valid_after_utc.date().isoformat() for each in found), default=""),
    }


def _read(texts: Iterable[str]) -> Iterator[x509.Certificate]:
    for text in texts:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                certificate = x509.load_pem_x509_certificate(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            continue
        yield certificate


def _is_authority(certificate: x509.Certificate) -> bool:
    """One that says so, or an old one that has signed itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
            return bool(said.value.ca)
    except x509.ExtensionNotFound:
        return certificate.subject == certificate.issuer
    except ValueError:
        return True  # nobody knows
