"""Windows' logins, driven through sspilib itself where it runs (it has an NTLM of its own on every system)."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
import sspilib
from tests.dial.negotiate.nlmp import BINDINGS, Answer, challenge

from pipway import platforms
from pipway.dial.credentials.base import Credential
from pipway.dial.negotiate.choose import schemes
from pipway.dial.negotiate.ntlm import nt_hash
from pipway.dial.negotiate.sspi import sspi
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Rejected, Unusable

CLEAR = Asked("CONNECT", "index.example:443")
BOUND = Asked("CONNECT", "index.example:443", b"tls-server-end-point:" + bytes(32), True)
PROXY = Parent("http", "proxy.corp.example", 8080, named=True)
PASSWORD = "right horse"


class Fake:
    """sspilib with its own signatures, as far as they are used, and a will of its own."""

    def __init__(self, error: BaseException | None = None, tokens: tuple[bytes, ...] = (b"one", b"two")) -> None:
        self.made: list[dict[str, Any]] = []
        fake = self
        left = list(tokens)

        class ClientSecurityContext:
            def __init__(
                self, credential: Any, target_name: str, flags: Any = None, *, channel_bindings: Any = None
            ) -> None:
                fake.made.append({"credential": credential, "target": target_name, "bindings": channel_bindings})

            def step(self, in_token: bytes | None = None) -> bytes:
                if error is not None:
                    raise error
                return left.pop(0)

        def user(
            username: str, password: str, domain: str | None = None, protocol: str = "Negotiate"
        ) -> tuple[Any, ...]:
            return (username, password, domain, protocol)

        def current(principal: None, package: str, credential_use: str) -> Any:
            return SimpleNamespace(credential=("current user", package, credential_use))

        self.module = cast(
            ModuleType,
            SimpleNamespace(
                ClientSecurityContext=ClientSecurityContext,
                UserCredential=user,
                SecChannelBindings=lambda *, application_data: application_data,
                raw=SimpleNamespace(
                    acquire_credentials_handle=current, CredentialUse=SimpleNamespace(SECPKG_CRED_OUTBOUND="outbound")
                ),
            ),
        )

    def step(self, credential: Credential | None, asked: Asked = CLEAR, *, parent: Parent = PROXY) -> bytes:
        return sspi("negotiate", parent, credential, load=lambda: self.module)(asked)(None)


def windows_error(code: int) -> OSError:
    error = OSError(code, "as Windows says")
    error.winerror = code  # type: ignore[attr-defined,unused-ignore]
    return error


class TestTheLibraryItself:
    @pytest.mark.parametrize(("user", "domain", "upper"), [("CORP\\alice", "CORP", "ALICE"), ("alice", "", "ALICE")])
    def test_ntlm(self, user: str, domain: str, upper: str) -> None:
        step = sspi("ntlm", PROXY, Credential(user, password=PASSWORD))(CLEAR)
        answer = Answer(step(None), challenge(), step(challenge()))
        assert answer.proves(nt_hash(PASSWORD), upper, domain)
        assert len(answer.nt) > 24

    def test_channel_bindings(self) -> None:
        step = sspi("ntlm", PROXY, Credential("CORP\\alice", password=PASSWORD))(BOUND)
        answer = Answer(step(None), challenge(), step(challenge()))
        assert BINDINGS in answer.info

    def test_what_the_fake_takes_is_what_it_takes(self) -> None:
        """Windows alone has the current user's credential; that there is such a function is the same everywhere."""
        raw = sspilib.raw
        with pytest.raises(Exception, match=r"SEC_E_|credential") as caught:
            raw.acquire_credentials_handle(
                principal=None, package="none such", credential_use=raw.CredentialUse.SECPKG_CRED_OUTBOUND
            )
        assert not isinstance(caught.value, TypeError | AttributeError)


class TestWho:
    @pytest.mark.parametrize(
        ("user", "given"),
        [
            ("CORP\\alice", ("alice", PASSWORD, "CORP", "Negotiate")),
            ("alice@CORP.EXAMPLE", ("alice@CORP.EXAMPLE", PASSWORD, None, "Negotiate")),
            ("alice", ("alice", PASSWORD, None, "Negotiate")),
        ],
    )
    def test_a_stored_password(self, user: str, given: tuple[Any, ...]) -> None:
        fake = Fake()
        assert fake.step(Credential(user, password=PASSWORD)) == b"one"
        assert fake.made[0]["credential"] == given

    def test_the_logged_on_user(self) -> None:
        fake = Fake()
        assert fake.step(None, BOUND) == b"one"
        assert fake.made == [
            {
                "credential": ("current user", "Negotiate", "outbound"),
                "target": "HTTP/proxy.corp.example",
                "bindings": BOUND.channel,
            }
        ]

    def test_another_service(self) -> None:
        fake = Fake()
        fake.step(None, parent=Parent("http", "proxy", 8080, spn="HTTP/alias@CORP.EXAMPLE"))
        assert fake.made[0]["target"] == "HTTP/alias@CORP.EXAMPLE"
        assert fake.made[0]["bindings"] is None


class TestNo:
    @pytest.mark.parametrize("code", [0x8009030C, 0x8009030C - (1 << 32), 0xC000006D, 0xC0000234])
    def test_a_wrong_password(self, code: int) -> None:
        with pytest.raises(Rejected, match="logon denied"):
            Fake(windows_error(code)).step(Credential("alice", password=PASSWORD))

    def test_a_session_that_is_denied_loses_no_password(self) -> None:
        with pytest.raises(Unusable, match="Windows cannot log in"):
            Fake(windows_error(0x8009030C)).step(None)

    @pytest.mark.parametrize("code", [0x80090311, 0x80090303, 0x8009030E, 0x80090324])
    def test_no_authority(self, code: int) -> None:
        with pytest.raises(Unusable, match="Windows cannot log in"):
            Fake(windows_error(code)).step(Credential("alice", password=PASSWORD))

    def test_nothing_left_to_say(self) -> None:
        with pytest.raises(Unusable, match="lets us in no more"):
            Fake(tokens=(b"",)).step(None)

    def test_version_1_is_never_sent(self) -> None:
        proof = b"NTLMSSP\0\x03\0\0\0" + b"\x18\0\x18\0\x40\0\0\0" * 2 + bytes(100)
        for token in (proof, b"\xa1\x81" + proof):
            with pytest.raises(Unusable, match="only NTLMv1"):
                Fake(tokens=(token,)).step(None)


def test_without_sspilib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sspilib", None)
    monkeypatch.setattr(platforms, "WINDOWS", True)
    known = schemes(PROXY, Credential("alice", password=PASSWORD))
    for name in ("negotiate", "ntlm"):
        with pytest.raises(Unusable, match="needs sspilib, which cannot be loaded") as caught:
            next(known[name].login(CLEAR))
        assert caught.value.fix == "pip install --force-reinstall sspilib"
    assert next(known["basic"].login(CLEAR)).startswith("Basic ")


def test_it_is_not_loaded_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(importlib, "import_module", loaded.append)
    monkeypatch.setattr(platforms, "WINDOWS", True)
    assert set(schemes(PROXY, None)) == {"negotiate", "ntlm"}
    assert loaded == []
