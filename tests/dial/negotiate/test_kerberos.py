"""Kerberos without a KDC: what is asked of the library how often, and what its answers mean."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from pipway.dial.credentials.base import Credential
from pipway.dial.negotiate.gssapi import Gssapi, GssError
from pipway.dial.negotiate.kerberos import Kerberos, principal
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Rejected, Unusable

CLEAR = Asked("CONNECT", "index.example:443")
ALICE = Credential("alice@CORP.EXAMPLE", password="right horse")
WRONG = "Preauthentication failed; Unspecified GSS failure"


class Library:
    """Says what the test wants, and counts what it is asked."""

    def __init__(self) -> None:
        self.acquired: list[tuple[str, ...]] = []
        self.named: list[tuple[str, bool]] = []
        self.channels: list[bytes] = []
        self.credentials: list[Any] = []
        self.acquire: Callable[[], None] = lambda: None
        self.first: Callable[[], bytes] = lambda: b"ticket"
        self.next: Callable[[], bytes] = lambda: b"more"

    def name(self, text: str, *, hostbased: bool) -> object:
        self.named.append((text, hostbased))
        return object()

    def password_credential(self, user: str, password: str) -> object:
        self.acquired.append((user, password))
        self.acquire()
        return object()

    def keytab_credential(self, user: str, keytab: str) -> object:
        self.acquired.append((user, keytab))
        self.acquire()
        return object()

    def context(self, service: object, credential: object, channel: bytes) -> object:
        self.channels.append(channel)
        self.credentials.append(credential)
        library = self

        class Context:
            def step(self, received: bytes | None) -> bytes:
                return library.first() if received is None else library.next()

        return Context()


def saying(text: str) -> Callable[[], Any]:
    def say() -> None:
        raise GssError(text)

    return say


class Now:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def now() -> Now:
    return Now()


def kerberos(
    library: Library,
    credential: Credential | None = ALICE,
    *,
    patience: float = 5,
    now: Now | None = None,
    **parent: Any,
) -> Kerberos:
    made = Parent("http", "proxy.corp.example", 8080, named=True, **parent)
    return Kerberos(made, credential, gssapi=lambda: cast(Gssapi, library), clock=now or Now(), patience=patience)


class TestPasswords:
    def test_one_ticket_serves_all_connections(self, library: Library) -> None:
        made = kerberos(library)
        assert [made.begin(CLEAR)(None) for _ in range(3)] == [b"ticket"] * 3
        assert library.acquired == [("alice@CORP.EXAMPLE", "right horse")]

    def test_a_wrong_one_is_a_rejection(self, library: Library) -> None:
        library.acquire = saying(WRONG)
        with pytest.raises(Rejected, match="the KDC says: Preauthentication failed"):
            kerberos(library).begin(CLEAR)(None)

    def test_some_libraries_only_ask_with_the_first_token(self, library: Library) -> None:
        library.first = saying(WRONG)
        with pytest.raises(Rejected, match="the KDC says"):
            kerberos(library).begin(CLEAR)(None)

    def test_who_waited_for_the_verdict_does_not_ask_again(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A crowd whose password was changed a moment ago: one logon at the KDC."""
        everybody, verdicts, waiting = threading.Event(), [], []

        def judge() -> None:
            everybody.wait(10)
            raise GssError(WRONG)

        library.acquire = judge
        made = kerberos(library, patience=20)
        asked = made._asking.ask

        def ask(*arguments: Any) -> Any:
            waiting.append(1)
            if len(waiting) == 8:
                everybody.set()
            return asked(*arguments)

        monkeypatch.setattr(made._asking, "ask", ask)

        def one() -> None:
            with pytest.raises(Rejected) as caught:
                made.begin(CLEAR)(None)
            verdicts.append(str(caught.value))

        crowd = [threading.Thread(target=one) for _ in range(8)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        assert verdicts == [f"the KDC says: {WRONG}"] * 8
        assert len(library.acquired) == 1

    def test_a_person_may_have_it_tried_again(self, library: Library) -> None:
        """The gate decides whether; here nothing sticks."""
        library.acquire = saying(WRONG)
        made = kerberos(library)
        with pytest.raises(Rejected):
            made.begin(CLEAR)(None)
        library.acquire = lambda: None
        assert made.begin(CLEAR)(None) == b"ticket"

    @pytest.mark.parametrize("user", ["alice", "al\udce9ce"])
    def test_broken_utf_8_goes_nowhere(self, user: str, library: Library) -> None:
        password = "p\udcff" if user == "alice" else "right horse"
        with pytest.raises(Unusable, match="broken UTF-8"):
            kerberos(library, Credential(user, password=password)).begin(CLEAR)(None)
        assert library.acquired == []


class TestAfterTheTicket:
    """The KDC took the password: nothing the parent says can make it wrong."""

    @pytest.mark.parametrize(
        "said", ["Decrypt integrity check failed", "Ticket expired", "Clock skew too great", WRONG]
    )
    def test_a_refusal_is_no_rejection(self, said: str, library: Library) -> None:
        library.next = saying(said)
        made = kerberos(library)
        step = made.begin(CLEAR)
        step(None)
        with pytest.raises(Unusable):
            step(b"error token")
        made.begin(CLEAR)(None)
        assert len(library.acquired) == 1  # and what is held stays good

    def test_nothing_left_to_say(self, library: Library) -> None:
        library.next = lambda: b""
        step = kerberos(library).begin(CLEAR)
        step(None)
        with pytest.raises(Unusable, match="lets us in no more"):
            step(b"done")


class TestTickets:
    def test_the_cache_is_used_without_a_credential(self, library: Library) -> None:
        made = kerberos(library, None)
        assert made.begin(Asked("CONNECT", "index.example:443", b"bound", True))(None) == b"ticket"
        assert library.credentials == [None]
        assert library.channels == [b"bound"]

    @pytest.mark.parametrize("said", ["Ticket expired", WRONG, "Client's credentials have been revoked"])
    def test_no_ticket_is_ever_a_rejection(self, said: str, library: Library) -> None:
        library.first = saying(said)
        with pytest.raises(Unusable):
            kerberos(library, None).begin(CLEAR)(None)

    def test_an_expired_one_that_was_kept_is_replaced(self, library: Library) -> None:
        made = kerberos(library)
        made.begin(CLEAR)(None)
        answers: list[Callable[[], bytes]] = [saying("Ticket expired"), lambda: b"new ticket"]
        library.first = lambda: answers.pop(0)()
        assert made.begin(CLEAR)(None) == b"new ticket"
        assert len(library.acquired) == 2

    def test_it_is_replaced_once(self, library: Library) -> None:
        made = kerberos(library)
        made.begin(CLEAR)(None)
        library.first = saying("Ticket expired")
        with pytest.raises(Unusable, match="expired"):
            made.begin(CLEAR)(None)
        assert len(library.acquired) == 2

    def test_an_unknown_service_costs_no_new_ticket(self, library: Library) -> None:
        library.first = saying("Server HTTP/proxy@CORP.EXAMPLE not found in Kerberos database")
        made = kerberos(library)
        for _ in range(3):
            with pytest.raises(Unusable, match=r"does not know the service HTTP/proxy\.corp\.example") as caught:
                made.begin(CLEAR)(None)
            assert "parent.spn" in caught.value.fix
        assert len(library.acquired) == 1

    def test_a_keytab(self, library: Library, tmp_path: Path) -> None:
        keytab = tmp_path / "alice.keytab"
        made = kerberos(library, Credential("alice@corp.example", keytab=keytab))
        with pytest.raises(Unusable, match="there is no keytab"):
            made.begin(CLEAR)(None)
        keytab.write_bytes(b"\x05\x02")
        assert made.begin(CLEAR)(None) == b"ticket"
        assert library.acquired == [("alice@CORP.EXAMPLE", str(keytab))]

    def test_a_keytab_that_is_out_of_date(self, library: Library, tmp_path: Path) -> None:
        """It can lock the account as a password can."""
        keytab = tmp_path / "alice.keytab"
        keytab.write_bytes(b"\x05\x02")
        library.first = saying(WRONG)
        with pytest.raises(Rejected, match="the KDC says"):
            kerberos(library, Credential("alice", keytab=keytab)).begin(CLEAR)(None)

    def test_an_nt_hash_is_of_no_use_and_the_library_not_needed(self) -> None:
        def absent() -> Gssapi:
            raise Unusable("no library")

        made = Kerberos(Parent("http", "proxy", 8080), Credential("alice", nt_hash=bytes(16)), gssapi=absent)
        with pytest.raises(Unusable, match="NT hash alone"):
            made.begin(CLEAR)(None)


class TestSilence:
    def test_a_kdc_that_hangs_holds_nobody_up(
        self, library: Library, now: Now, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go, done = threading.Event(), threading.Event()

        def hang() -> bytes:
            go.wait(10)
            threading.Timer(0, done.set).start()
            return b"ticket"

        library.first = hang
        made, asked = kerberos(library, patience=0.05, now=now), []
        with monkeypatch.context() as patched:
            ask = made._asking.ask

            def counted(*arguments: Any) -> Any:
                asked.append(1)
                return ask(*arguments)

            patched.setattr(made._asking, "ask", counted)
            for _ in range(3):
                with pytest.raises(Unusable, match="no KDC answers within 0 seconds") as caught:
                    made.begin(CLEAR)(None)
                assert "VPN" in caught.value.fix
        assert asked == [1]  # the second and third do not even wait
        assert len(library.channels) == 1
        go.set()
        assert done.wait(10)
        while made._asking.busy:
            pass
        assert made.begin(CLEAR)(None) == b"ticket"  # it answered after all

    def test_a_no_that_comes_late_is_not_lost(self, library: Library, now: Now) -> None:
        """Else the same password would go to the KDC again after each rest, until the account is locked."""
        go = threading.Event()

        def hang() -> None:
            go.wait(10)
            raise GssError(WRONG)

        library.acquire = hang
        made = kerberos(library, patience=0.05, now=now)
        with pytest.raises(Unusable, match="no KDC answers"):
            made.begin(CLEAR)(None)
        go.set()
        while not made._unheard:
            pass
        with pytest.raises(Rejected, match="the KDC says"):
            made.begin(CLEAR)(None)
        assert len(library.acquired) == 1

    @pytest.mark.parametrize("said", ["Cannot contact any KDC for realm 'CORP.EXAMPLE'", "unable to reach any KDC"])
    def test_one_that_is_gone_is_left_in_peace_for_a_while(self, said: str, library: Library, now: Now) -> None:
        library.first = saying(said)
        made = kerberos(library, None, now=now)
        for _ in range(3):
            with pytest.raises(Unusable, match="no KDC answers"):
                made.begin(CLEAR)(None)
        assert len(library.channels) == 1
        now.seconds += 121
        library.first = lambda: b"ticket"
        assert made.begin(CLEAR)(None) == b"ticket"


class TestServices:
    def test_the_host_as_it_is_configured(self, library: Library) -> None:
        kerberos(library, None).begin(CLEAR)(None)
        assert library.named == [("HTTP@proxy.corp.example", True)]

    def test_a_principal(self, library: Library) -> None:
        kerberos(library, None, spn="HTTP/alias@OTHER.EXAMPLE", canonicalize=True).begin(CLEAR)(None)
        assert library.named == [("HTTP/alias@OTHER.EXAMPLE", False)]

    def test_the_canonical_name(self, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "node7.corp.example", ("192.0.2.7", 0))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
        kerberos(library, None, canonicalize=True).begin(CLEAR)(None)
        assert library.named == [("HTTP@node7.corp.example", True)]

    def test_a_name_that_the_dns_does_not_know(self, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror("no such name")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        kerberos(library, None, canonicalize=True).begin(CLEAR)(None)
        assert library.named == [("HTTP@proxy.corp.example", True)]


@pytest.mark.parametrize(
    ("user", "written"),
    [
        ("alice", "alice"),
        ("alice@corp.example", "alice@CORP.EXAMPLE"),
        ("alice@CORP.EXAMPLE", "alice@CORP.EXAMPLE"),
        ("a@b@corp.example", "a@b@CORP.EXAMPLE"),
        ("corp.example\\alice", "alice@CORP.EXAMPLE"),
        ("ünal@corp.example", "ünal@CORP.EXAMPLE"),
    ],
)
def test_principals(user: str, written: str) -> None:
    assert principal(user) == written


def test_a_short_domain_is_no_realm() -> None:
    with pytest.raises(Unusable, match="needs the realm") as caught:
        principal("CORP\\alice")
    assert "user@REALM" in caught.value.fix
