"""The binding to GSSAPI: what the library gave is given back, whatever fails; and the real library, without a KDC."""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import importlib.util
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from pipway.dial.negotiate import gssapi
from pipway.dial.negotiate.gssapi import Gssapi, GssError
from pipway.wire.auth.base import Unusable

FAILURE = 13 << 16  # GSS_S_FAILURE
PASSWORD = "right horse ünd"


def inside(reference: Any) -> Any:
    """What `byref` refers to."""
    return reference._obj


class Library:
    """A GSSAPI that fails on demand and counts what it gave and what it got back."""

    def __init__(self, *missing: str) -> None:
        self.given: Counter[str] = Counter()
        self.fails: set[str] = set()
        self.passwords: list[Any] = []
        self.mechanisms: list[bytes] = []
        self.neg_mechs: list[bytes] = []
        self.store: dict[bytes, bytes] = {}
        self.bindings = b""
        self._tokens: list[Any] = []
        for name in (
            *("import_name", "release_name", "acquire_cred_with_password", "acquire_cred_from", "release_cred"),
            *("set_neg_mechs", "init_sec_context", "delete_sec_context", "display_status", "release_buffer"),
        ):
            if name not in missing:
                # As ctypes' functions: one object for a name, and it takes a `restype`.
                setattr(self, f"gss_{name}", Function(self, name))

    def call(self, name: str, arguments: tuple[Any, ...]) -> int:
        result: int = getattr(self, f"_{name}")(*arguments) or 0
        return FAILURE if name in self.fails else result

    def _give(self, what: str, where: Any) -> None:
        if what not in self.fails:
            self.given[what.split("_")[-1]] += 1
            inside(where).value = 0x1000

    def _take(self, what: str, where: Any) -> None:
        assert inside(where).value
        self.given[what] -= 1
        inside(where).value = None

    def _import_name(self, minor: Any, text: Any, kind: Any, name: Any) -> None:
        self._give("import_name", name)

    def _release_name(self, minor: Any, name: Any) -> None:
        self._take("name", name)

    def _acquire_cred_with_password(
        self, minor: Any, name: Any, password: Any, _: Any, wanted: Any, *rest: Any
    ) -> None:
        secret = inside(password)
        assert ctypes.string_at(secret.value, secret.length).decode() == PASSWORD
        self.passwords.append(secret)
        self.mechanisms.append(mechanism(wanted))
        if "acquire_cred_with_password" not in self.fails:
            self.given["cred"] += 1
            inside(rest[1]).value = 0x2000

    def _acquire_cred_from(
        self, minor: Any, name: Any, _: Any, wanted: Any, usage: Any, store: Any, cred: Any, *r: Any
    ) -> None:
        self.mechanisms.append(mechanism(wanted))
        self.store = {pair.key: pair.value for pair in inside(store).elements[: inside(store).count]}
        self.given["cred"] += 1
        inside(cred).value = 0x2000

    def _release_cred(self, minor: Any, cred: Any) -> None:
        self._take("cred", cred)

    def _set_neg_mechs(self, minor: Any, cred: Any, wanted: Any) -> None:
        self.neg_mechs.append(mechanism(wanted))

    def _init_sec_context(self, minor: Any, cred: Any, context: Any, *rest: Any) -> int:
        bindings, _, _, token = rest[4:8]
        if bindings is not None:
            data = inside(bindings).application
            self.bindings = ctypes.string_at(data.value, data.length)
        if not inside(context).value:
            self.given["context"] += 1
            inside(context).value = 0x3000
        self._fill(inside(token), b"a token")
        return 1

    def _delete_sec_context(self, minor: Any, context: Any, token: Any) -> None:
        self._take("context", context)

    def _display_status(self, minor: Any, code: Any, kind: Any, mech: Any, more: Any, text: Any) -> None:
        self._fill(inside(text), b"it failed")

    def _fill(self, buffer: Any, data: bytes) -> None:
        kept = ctypes.create_string_buffer(data, len(data))
        self._tokens.append(kept)
        buffer.length, buffer.value = len(data), ctypes.addressof(kept)
        self.given["buffer"] += 1

    def _release_buffer(self, minor: Any, buffer: Any) -> None:
        self.given["buffer"] -= 1
        inside(buffer).value = None


class Function:
    def __init__(self, library: Library, name: str) -> None:
        self._library = library
        self._name = name
        self.restype: Any = None

    def __call__(self, *arguments: Any) -> int:
        return self._library.call(self._name, arguments)


def mechanism(wanted: Any) -> bytes:
    oid = inside(wanted).elements[0]
    assert inside(wanted).count == 1
    return ctypes.string_at(oid.elements, oid.length)


SPNEGO, KRB5 = bytes.fromhex("2b0601050502"), bytes.fromhex("2a864886f712010202")


def bound(library: Library) -> Gssapi:
    return Gssapi(cast(ctypes.CDLL, library))


@pytest.fixture
def library() -> Iterator[Library]:
    """Everything is given back in the end."""
    made = Library()
    yield made
    gc.collect()
    assert {what: count for what, count in made.given.items() if count} == {}


class TestOwnership:
    @pytest.mark.slow
    def test_a_whole_login(self, library: Library) -> None:
        made = bound(library)
        credential = made.password_credential("alice@CORP.EXAMPLE", PASSWORD)
        context = made.context(made.name("HTTP@proxy", hostbased=True), credential, b"tls-server-end-point:1234")
        assert context.step(None) == b"a token"
        assert library.given["context"] == 1
        assert library.bindings == b"tls-server-end-point:1234"
        assert context.step(b"theirs") == b"a token"
        assert library.given["context"] == 1

    @pytest.mark.slow
    @pytest.mark.parametrize("fails", ["import_name", "acquire_cred_with_password", "init_sec_context"])
    def test_when_it_fails(self, fails: str, library: Library) -> None:
        library.fails = {fails}
        made = bound(library)
        with pytest.raises(GssError, match="it failed"):
            made.context(
                made.name("HTTP@proxy", hostbased=True), made.password_credential("alice", PASSWORD), b""
            ).step(None)

    @pytest.mark.slow
    def test_when_it_fails_in_the_middle(self, library: Library) -> None:
        made = bound(library)
        context = made.context(made.name("HTTP@proxy", hostbased=True), None, b"")
        context.step(None)
        library.fails = {"init_sec_context"}
        with pytest.raises(GssError):
            context.step(b"theirs")

    @pytest.mark.slow
    @pytest.mark.parametrize("fails", [set(), {"acquire_cred_with_password"}])
    def test_the_copy_of_the_password_is_wiped(self, fails: set[str], library: Library) -> None:
        library.fails = fails
        try:
            bound(library).password_credential("alice", PASSWORD)
        except GssError:
            assert fails
        assert library.passwords
        for secret in library.passwords:
            assert ctypes.string_at(secret.value, secret.length) == bytes(secret.length)


class TestOnlyKerberos:
    """Where the system has an NTLM mechanism, SPNEGO must not show it the password that the KDC has just refused."""

    @pytest.mark.slow
    def test_the_password_goes_to_kerberos_first_and_spnego_may_use_nothing_else(self, library: Library) -> None:
        bound(library).password_credential("alice", PASSWORD)
        assert library.mechanisms == [KRB5, SPNEGO]
        assert library.neg_mechs == [KRB5]

    @pytest.mark.slow
    def test_a_no_ends_it(self, library: Library) -> None:
        library.fails = {"acquire_cred_with_password"}
        with pytest.raises(GssError):
            bound(library).password_credential("alice", PASSWORD)
        assert library.mechanisms == [KRB5]

    @pytest.mark.slow
    def test_a_keytab_as_well(self, library: Library) -> None:
        """Of one that the KDC refuses, SPNEGO says only that it found nothing to negotiate."""
        bound(library).keytab_credential("alice", "/k")
        assert library.mechanisms == [KRB5, SPNEGO]
        assert library.neg_mechs == [KRB5]

    def test_a_library_that_cannot_restrict_it(self) -> None:
        old = Library("set_neg_mechs")
        assert bound(old).password_credential("alice", PASSWORD).value.value


class TestHeimdal:
    def test_no_password_goes_to_a_library_that_hides_the_verdict(self) -> None:
        """Heimdal 7.8 reports "no credentials" for a wrong password, which then nobody would take for a no."""
        heimdal = Library("acquire_cred_from")
        with pytest.raises(Unusable, match="does not say whether a password is right") as caught:
            bound(heimdal).password_credential("alice", PASSWORD)
        assert "kinit" in caught.value.fix
        assert heimdal.passwords == []

    def test_a_ticket_does(self) -> None:
        heimdal = bound(Library("acquire_cred_from", "set_neg_mechs"))
        assert heimdal.context(heimdal.name("HTTP@proxy", hostbased=True), None, b"").step(None) == b"a token"


class TestKeytabs:
    @pytest.mark.slow
    def test_one_cache_in_memory_for_each(self, library: Library) -> None:
        made = bound(library)
        names = []
        for user, keytab in [("alice", "/k"), ("alice", "/k"), ("bob", "/k"), ("alice", "/ünd")]:
            made.keytab_credential(user, keytab)
            names.append(library.store[b"ccache"])
        assert library.store[b"client_keytab"] == "FILE:/ünd".encode()
        assert all(name.startswith(b"MEMORY:pipway-") for name in names)
        assert names[0] == names[1]
        assert len(set(names)) == 3

    def test_a_library_without_the_extension(self) -> None:
        with pytest.raises(Unusable, match="takes no keytab"):
            bound(Library("acquire_cred_from")).keytab_credential("", "/k")


@pytest.mark.slow
def test_a_token_has_a_bound(library: Library) -> None:
    context = bound(library).context(bound(library).name("HTTP@proxy", hostbased=True), None, b"")
    with pytest.raises(GssError, match="too long"):
        context.step(bytes(2_000_000))


@pytest.mark.parametrize(
    ("system", "machine", "offsets"),
    [
        ("linux", "x86_64", (8, 8, 24, 32, 48)),
        ("darwin", "arm64", (8, 8, 24, 32, 48)),
        ("darwin", "x86_64", (4, 4, 20, 24, 40)),  # GSS/gssapi.h there: #pragma pack(push,2)
    ],
)
def test_structures_are_packed_as_the_headers_say(
    system: str, machine: str, offsets: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    there = again()
    fields = (there._Bindings.initiator, there._Bindings.acceptor_type, there._Bindings.acceptor)
    assert there._Oid.elements.offset == offsets[0]
    assert tuple(field.offset for field in fields) == offsets[1:4]
    assert there._Bindings.application.offset == offsets[4]


def again() -> ModuleType:
    spec = importlib.util.find_spec(gssapi.__name__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestWithoutTheLibrary:
    @pytest.fixture(autouse=True)
    def fresh(self) -> Iterator[None]:
        gssapi._found.cache_clear()
        yield
        gssapi._found.cache_clear()

    def test_says_what_to_install_and_looks_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        looked: list[str] = []
        monkeypatch.setattr(ctypes.util, "find_library", looked.append)
        monkeypatch.setattr(ctypes, "CDLL", absent)
        for _ in range(3):
            with pytest.raises(Unusable, match="needs the system's GSSAPI library") as caught:
                gssapi.load()
            assert "libgssapi-krb5-2" in caught.value.fix
        assert looked == ["gssapi_krb5", "gssapi"]

    def test_one_that_is_something_else(self) -> None:
        with pytest.raises(GssError, match="has no gss_import_name"):
            Gssapi(ctypes.CDLL(None)).name("alice", hostbased=False)


def absent(name: str) -> None:
    raise OSError(f"{name}: cannot open shared object file")


class TestTheRealOne:
    """No KDC: what it can say alone."""

    @pytest.fixture
    def real(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gssapi:
        (tmp_path / "krb5.conf").write_text(
            "[libdefaults]\n default_realm = CORP.EXAMPLE\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
            " dns_canonicalize_hostname = false\n rdns = false\n"
            "[realms]\n CORP.EXAMPLE = {\n  kdc = 127.0.0.1:9\n }\n"
        )
        monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
        monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'none'}")
        try:
            return gssapi.load()
        except Unusable as error:
            pytest.skip(error.why)

    def test_names(self, real: Gssapi) -> None:
        assert real.name("HTTP@proxy.corp.example", hostbased=True).value.value
        assert real.name("HTTP/proxy@OTHER.EXAMPLE", hostbased=False).value.value

    def test_no_ticket(self, real: Gssapi) -> None:
        with pytest.raises(GssError, match=r"No Kerberos credentials available|No credentials"):
            real.context(real.name("HTTP@localhost", hostbased=True), None, b"bound").step(None)

    def test_no_kdc(self, real: Gssapi) -> None:
        with pytest.raises(GssError, match="Cannot contact any KDC"):
            credential = real.password_credential("alice", PASSWORD)
            real.context(real.name("HTTP@localhost", hostbased=True), credential, b"").step(None)

    def test_a_keytab_that_is_none(self, real: Gssapi, tmp_path: Path) -> None:
        (tmp_path / "k").write_bytes(b"nothing of the kind")
        with pytest.raises(GssError):
            credential = real.keytab_credential("alice", str(tmp_path / "k"))
            real.context(real.name("HTTP@localhost", hostbased=True), credential, b"").step(None)
