"""What the libraries say, word for word, and what we make of it."""

from __future__ import annotations

import pytest

from pipway.dial.negotiate.complaints import is_verdict, understood

SPN = "HTTP/proxy.corp.example"


@pytest.mark.parametrize(
    "text",
    [
        # MIT
        "Preauthentication failed; Unspecified GSS failure.  Minor code may provide more information",
        "Password incorrect",
        "Decrypt integrity check failed",
        "Client's credentials have been revoked",
        "Client's entry in database has expired",
        "Password has expired",
        # Heimdal
        "Pre-authentication failed",
        "Clients credentials have been revoked",
        "Client (alice@CORP.EXAMPLE) locked out",
    ],
)
def test_a_no_to_the_password(text: str) -> None:
    assert is_verdict(text)


@pytest.mark.parametrize(
    ("text", "kind", "help"),
    [
        ("Server HTTP/proxy@CORP.EXAMPLE not found in Kerberos database", "service", "parent.spn"),
        ("Server not found in Kerberos database", "service", "parent.spn"),
        ("Cannot contact any KDC for realm 'CORP.EXAMPLE'", "kdc", "VPN"),
        ('Cannot find KDC for realm "CORP.EXAMPLE"', "kdc", "VPN"),
        ('Cannot resolve servers for KDC in realm "CORP.EXAMPLE"', "kdc", "VPN"),
        ("unable to reach any KDC in realm CORP.EXAMPLE", "kdc", "VPN"),
        ("Clock skew too great", "clock", "clock"),
        ("Ticket expired", "expired", "kinit"),
        ("The context has expired", "expired", "kinit"),
        ("No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0)", "ticket", "kinit"),
        ("No credentials were supplied, or the credentials were unavailable or inaccessible", "ticket", "kinit"),
        ("Credentials cache file '/tmp/krb5cc_0' not found", "ticket", "kinit"),
        ("Matching credential not found (filename: /tmp/krb5cc_0)", "ticket", "kinit"),
        ("An unsupported mechanism was requested", "ticket", "kinit, or set parent.spn"),
        ("Configuration file does not specify default realm", "realm", "user@REALM"),
        ("Cannot determine realm for host", "realm", "user@REALM"),
        (
            "Client 'a@CORP.EXAMPLE' not found in Kerberos database; No credentials were supplied",
            "client",
            "user@REALM",
        ),
        ("KDC has no support for encryption type", "other", "klist"),
        ("", "other", "klist"),
    ],
)
def test_everything_else_only_makes_it_unusable(text: str, kind: str, help: str) -> None:
    assert not is_verdict(text)
    complaint = understood(text, SPN)
    assert complaint.kind == kind
    assert help in complaint.fix
    assert complaint.why.startswith("Kerberos: ")


def test_the_service_is_named() -> None:
    assert SPN in understood("Server not found in Kerberos database", SPN).why


def test_what_is_not_understood_is_quoted() -> None:
    assert "KDC policy rejects request" in understood("KDC policy rejects request", SPN).why
