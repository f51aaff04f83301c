"""Which schemes there are for a credential, and what Negotiate carries."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.dial.negotiate.nlmp import TARGET_NAME, Answer, challenge

from pipway import platforms
from pipway.dial.credentials.base import Credential
from pipway.dial.negotiate import kerberos
from pipway.dial.negotiate.choose import schemes
from pipway.dial.negotiate.gssapi import Gssapi
from pipway.dial.negotiate.ntlm import nt_hash
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Challenge, Rejected, Unusable

CLEAR = Asked("CONNECT", "index.example:443")
PROXY = Parent("http", "proxy.corp.example", 8080, named=True)
ALICE = Credential("CORP\\alice", password="right horse")


@pytest.fixture(autouse=True)
def no_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "WINDOWS", False)


@pytest.mark.parametrize(
    ("credential", "names"),
    [
        (None, {"negotiate"}),
        (Credential("alice", keytab=Path("/k")), {"negotiate"}),
        (Credential("alice", nt_hash=bytes(16)), {"negotiate", "ntlm"}),
        (ALICE, {"negotiate", "ntlm", "digest", "basic"}),
    ],
)
def test_what_there_is(credential: Credential | None, names: set[str]) -> None:
    assert set(schemes(PROXY, credential)) == names


def test_on_windows_a_hash_still_takes_our_own_ntlm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "WINDOWS", True)
    known = schemes(PROXY, Credential("CORP\\alice", nt_hash=nt_hash("right horse")))
    assert base64.b64decode(next(known["ntlm"].login(CLEAR)).split()[1]).startswith(b"NTLMSSP\0\x01")


def token(value: str) -> bytes:
    name, encoded = value.split()
    assert name == "Negotiate"
    return base64.b64decode(encoded)


def test_ntlm_goes_raw_inside_negotiate_where_kerberos_cannot() -> None:
    """MS-NTHT §1.6: DOMAIN\\user names no realm, so Kerberos is out."""
    login = schemes(PROXY, ALICE)["negotiate"].login(CLEAR)
    hello = token(next(login))
    asked = challenge()
    answer = Answer(hello, asked, token(login.send([Challenge("negotiate", base64.b64encode(asked).decode())])))
    assert answer.proves(nt_hash("right horse"), "ALICE", "CORP")
    assert answer.info[TARGET_NAME].decode("utf-16-le") == "HTTP/proxy.corp.example"
    with pytest.raises(Rejected):
        login.send([Challenge("negotiate", base64.b64encode(asked).decode())])


def test_who_takes_no_ntlm_hears_why_it_was_not_kerberos() -> None:
    login = schemes(PROXY, ALICE)["negotiate"].login(CLEAR)
    next(login)
    with pytest.raises(Unusable, match="Kerberos needs the realm"):
        login.send([Challenge("negotiate")])


def test_both_reasons_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LM_COMPAT_LEVEL", "high")
    with pytest.raises(Unusable, match=r"Kerberos needs the realm.*NTLM cannot begin"):
        next(schemes(PROXY, ALICE)["negotiate"].login(CLEAR))


def test_without_gssapi_the_rest_works(without_gssapi: None) -> None:
    user = Credential("alice@CORP.EXAMPLE", password="right horse")
    assert token(next(schemes(PROXY, user)["negotiate"].login(CLEAR))).startswith(b"NTLMSSP\0\x01")
    with pytest.raises(Unusable, match="no GSSAPI") as caught:
        next(schemes(PROXY, None)["negotiate"].login(CLEAR))
    assert caught.value.fix == "install it"


@pytest.fixture
def without_gssapi(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Gssapi:
        raise Unusable("no GSSAPI", "install it")

    defaults = dict(kerberos.Kerberos.__init__.__kwdefaults__ or {})
    monkeypatch.setattr(kerberos.Kerberos.__init__, "__kwdefaults__", {**defaults, "gssapi": absent})


def test_a_no_from_the_kdc_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same password must not go to the proxy as NTLM then."""

    def no(self: kerberos.Kerberos, asked: Asked) -> Callable[[bytes | None], bytes]:
        def step(received: bytes | None) -> bytes:
            raise Rejected("the KDC says: no")

        return step

    monkeypatch.setattr(kerberos.Kerberos, "begin", no)
    with pytest.raises(Rejected, match="KDC"):
        next(schemes(PROXY, Credential("alice@CORP.EXAMPLE", password="right horse"))["negotiate"].login(CLEAR))
