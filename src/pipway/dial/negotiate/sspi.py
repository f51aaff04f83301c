"""Windows' own logins (SSPI) through sspilib: as the logged-on user, or with a stored password.

`choose` makes schemes of it on Windows. sspilib is loaded at the first login.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pipway.dial.credentials.base import Credential
from pipway.dial.negotiate.kerberos import service_host
from pipway.dial.negotiate.ntlm import refuse_version_1
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Rejected, Unusable
from pipway.wire.auth.tokens import Step

_PACKAGES = {"negotiate": "Negotiate", "ntlm": "NTLM"}
_PROOF = b"NTLMSSP\0\x03\0\0\0"
#: Somebody looked at the password or the account: SEC_E_LOGON_DENIED, and what an LSA passes on (STATUS_LOGON_FAILURE,
#: …_ACCOUNT_RESTRICTION, …_PASSWORD_EXPIRED, …_ACCOUNT_DISABLED, …_PASSWORD_MUST_CHANGE, …_ACCOUNT_LOCKED_OUT).
_DENIED = {0x8009030C, 0xC000006D, 0xC000006E, 0xC0000071, 0xC0000072, 0xC0000224, 0xC0000234}


def sspi(
    scheme: str, parent: Parent, credential: Credential | None, load: Callable[[], ModuleType] | None = None
) -> Callable[[Asked], Step]:
    """Make contexts for connections to the parent. Unusable when sspilib is absent or SSPI says no."""

    def begin(asked: Asked) -> Step:
        sspilib = (load or load_sspilib)()
        context: Any = None

        def step(received: bytes | None) -> bytes:
            nonlocal context
            try:
                if context is None:
                    context = _context(sspilib, scheme, parent, credential, asked.channel)
                token = bytes(context.step(received) or b"")
            except Exception as error:  # sspilib's own error type is known only where it can be loaded
                code = getattr(error, "winerror", 0) or 0
                if credential is not None and credential.secret and code & 0xFFFFFFFF in _DENIED:
                    raise Rejected("Windows says: logon denied") from None
                raise Unusable(f"Windows cannot log in: {error}", "log on to the domain, or store a password") from None
            if not token:
                raise Unusable("it takes the login and lets us in no more for it", "ask its administrator")
            if _PROOF in token:
                refuse_version_1(token[token.index(_PROOF) :])
            return token

        return step

    return begin


def _context(sspilib: ModuleType, scheme: str, parent: Parent, credential: Credential | None, channel: bytes) -> Any:
    bindings = sspilib.SecChannelBindings(application_data=channel) if channel else None
    return sspilib.ClientSecurityContext(
        _credential(sspilib, _PACKAGES[scheme], credential),
        parent.spn or f"HTTP/{service_host(parent)}",
        flags=0,  # no mutual authentication: many proxies omit their half (P18); nothing is signed or sealed
        channel_bindings=bindings,
    )


def _credential(sspilib: ModuleType, package: str, credential: Credential | None) -> Any:
    if credential is None or credential.password is None:
        raw = sspilib.raw
        return raw.acquire_credentials_handle(
            principal=None, package=package, credential_use=raw.CredentialUse.SECPKG_CRED_OUTBOUND
        ).credential
    domain, backslash, user = credential.user.partition("\\")
    if not backslash:
        domain, user = "", credential.user  # alice, or alice@CORP.EXAMPLE, which takes no domain
    return sspilib.UserCredential(user, credential.password, domain or None, protocol=package)


def load_sspilib() -> ModuleType:
    """sspilib, imported. Unusable with the reason when it is absent or broken."""
    try:
        return importlib.import_module("sspilib")
    except Exception as error:
        raise Unusable(
            f"single sign-on needs sspilib, which cannot be loaded ({type(error).__name__})",
            "pip install --force-reinstall sspilib",
        ) from None
