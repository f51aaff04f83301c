"""PEM files: whether they hold certificate authorities, a private key, and how long they are good for.

PW110 asks it about the file that `cert` names. No key and no name leaves here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from pathlib import PurePosixPath

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from pipway.audit.facts import Fact, Note, Source, Span
from pipway.audit.walk import Tree

KIND = "certificates"

_MOST = 500  # certificates of one file
_LONGEST = 20_000  # characters of one
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_KEY = re.compile(r"-----BEGIN (?:[A-Z]{2,9} ){0,2}PRIVATE KEY-----")


def matches(path: PurePosixPath, head: str) -> bool:
    """corp-ca.pem, ca-bundle.crt."""
    return path.suffix.lower() in (".pem", ".crt")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """One note for the file: how many certificates, whether one is an authority, the last day of the last one."""
    key = _KEY.search(source.text)
    found = _certificates(source.text)
    traits = {
        "certificates": str(len(found)),
        "key": str(key is not None).lower(),
        "authority": str(any(_is_authority(each) for each in found)).lower(),
        "until": max((each.not_valid_after_utc.date().isoformat() for each in found), default=""),
    }
    place = key.start() if key is not None else 0
    yield Note("certificate-file", Span(source, place, place), PurePosixPath(source.path).name, traits)


def _certificates(text: str) -> list[x509.Certificate]:
    """Those that can be read."""
    found: list[x509.Certificate] = []
    at = text.find(_BEGIN)
    while at >= 0 and len(found) < _MOST:
        end = text.find(_END, at, at + _LONGEST)
        if end < 0:
            break
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(x509.load_pem_x509_certificate(text[at : end + len(_END)].encode()))
        except (ValueError, UnsupportedAlgorithm):
            pass
        at = text.find(_BEGIN, end)
    return found


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
