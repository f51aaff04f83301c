"""Kerberos against a real KDC: what it says, and how often it was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.lab.kerberos import Kdc

from pipway.dial.credentials.base import Credential
from pipway.dial.negotiate.kerberos import Kerberos
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Rejected, Unusable

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.needs("krb5kdc"), pytest.mark.slow]

SERVICE = "HTTP/other.localhost"  # not the service of the lab's squid, whose key must not change
TICKET = bytes.fromhex("06062b0601050502")  # SPNEGO's OID, near the beginning of a token
CLEAR = Asked("CONNECT", "index.example:443")


@pytest.fixture
def realm(kdc: Kdc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kdc:
    """Its configuration in the environment, no ticket, and a service to ask for."""
    for name, value in kdc.env.items():
        monkeypatch.setenv(name, value)
    kdc.kdestroy()
    kdc.keytab(SERVICE, tmp_path / "service.keytab")
    return kdc


def kerberos(credential: Credential | None, **parent: Any) -> Kerberos:
    return Kerberos(Parent("http", "localhost", 3128, named=True, **({"spn": SERVICE} | parent)), credential)


def test_a_password(realm: Kdc) -> None:
    made = kerberos(Credential(Kdc.user, password=realm.password))
    tokens = [made.begin(CLEAR)(None) for _ in range(3)]
    assert all(TICKET in token[:20] for token in tokens)
    assert len(set(tokens)) == 3  # P20: never the same twice


def test_a_password_bound_to_a_channel(realm: Kdc) -> None:
    bound = Asked("CONNECT", "index.example:443", b"tls-server-end-point:" + bytes(32), True)
    assert TICKET in kerberos(Credential(Kdc.user, password=realm.password)).begin(bound)(None)[:20]


def test_a_keytab(realm: Kdc, tmp_path: Path) -> None:
    keytab = realm.keytab("alice", tmp_path / "alice.keytab")
    for user in (Kdc.user, "", "alice"):
        assert TICKET in kerberos(Credential(user, keytab=keytab)).begin(CLEAR)(None)[:20]


def test_a_ticket(realm: Kdc) -> None:
    made = kerberos(None)
    with pytest.raises(Unusable, match="there is no ticket"):
        made.begin(CLEAR)(None)
    realm.kinit()
    assert TICKET in made.begin(CLEAR)(None)[:20]


def test_a_wrong_password_is_one_logon(realm: Kdc) -> None:
    failed = realm.failed
    with pytest.raises(Rejected, match="the KDC says: Preauthentication failed"):
        kerberos(Credential(Kdc.user, password="wrong")).begin(CLEAR)(None)
    assert realm.failed == failed + 1


def test_a_keytab_that_is_out_of_date_is_one_logon_too(realm: Kdc, tmp_path: Path) -> None:
    """It can lock an account as well as a password can."""
    stale, failed = tmp_path / "stale.keytab", realm.failed
    realm.outdated("robot", stale)
    made = kerberos(Credential("robot@PIPWAY.TEST", keytab=stale))
    with pytest.raises(Rejected, match="the KDC says: Preauthentication failed"):
        made.begin(CLEAR)(None)
    assert realm.failed == failed + 1


def test_a_service_it_does_not_know(realm: Kdc) -> None:
    made = kerberos(Credential(Kdc.user, password=realm.password), spn="HTTP/nobody.localhost")
    with pytest.raises(Unusable, match=r"does not know the service HTTP/nobody\.localhost") as caught:
        made.begin(CLEAR)(None)
    assert "parent.spn" in caught.value.fix


def test_a_user_it_does_not_know(realm: Kdc) -> None:
    with pytest.raises(Unusable, match=r"nobody@PIPWAY\.TEST") as caught:
        kerberos(Credential("nobody@PIPWAY.TEST", password="any")).begin(CLEAR)(None)
    assert "user@REALM" in caught.value.fix


def test_what_the_parent_says_after_the_ticket_is_no_verdict(realm: Kdc) -> None:
    step = kerberos(Credential(Kdc.user, password=realm.password)).begin(CLEAR)
    step(None)
    with pytest.raises(Unusable):
        step(b"\xa1\x07\x30\x05\xa0\x03\x0a\x01\x02")  # a NegTokenResp that says reject (RFC 4178 §4.2.2)
