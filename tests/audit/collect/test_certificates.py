"""PEM files."""

from __future__ import annotations

from tests.audit.collect.reading import collected, of

from pipway.audit.collect import certificates
from pipway.audit.facts import Note


def said(text: str) -> tuple[str, str]:
    (note,) = of(collected(certificates, text, "corp-ca.pem"), Note)
    return note.traits["certificates"], note.traits["key"]


def test_what_is_no_certificate() -> None:
    assert said("") == ("0", "false")
    assert said("-----BEGIN CERTIFICATE-----\né\n-----END CERTIFICATE-----\n") == ("0", "false")
    assert said("-----BEGIN CERTIFICATE-----\n" * 10_000) == ("0", "false")


def test_keys_of_all_kinds() -> None:
    for kind in ("", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "):
        assert said(f"-----BEGIN {kind}PRIVATE KEY-----\n") == ("0", "true")
