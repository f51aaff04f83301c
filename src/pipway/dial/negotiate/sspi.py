"""Windows' own logins (SSPI) through sspilib: as the logged-on user, or with a stored password.

`choose` makes schemes of it on Windows. sspilib is loaded at the first login.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pipway.dial.credentials.base import Credential
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Rejected, Unusable
from pipway.wire.auth.tokens import Step

_PACKAGES = {"negotiate": "Negotiate", "ntlm": "NTLM"}
_LOGON_DENIED = 0x8009030C


def sspi(scheme: str, parent: Parent, credential: Credential | None) -> Callable[[Asked], Step]:
    """Make contexts for connections to the parent. Unusable when sspilib is absent or SSPI says no."""

    def begin(asked: Asked) -> Step:
        raw = load_sspilib()
        context: Any = None

        def step(received: bytes | None) -> bytes:
            nonlocal context
            try:
                if context is None:
                    context = _context(raw, scheme, parent, credential, asked.channel)
                return bytes(context.step(received) or b"")
            except Exception as error:  # sspilib's own error type is known only where it can be loaded
                code = getattr(error, "winerror", 0) or 0
                if credential is not None and code & 0xFFFFFFFF == _LOGON_DENIED:
                    raise Rejected("Windows says: logon denied") from None
                raise Unusable(f"Windows cannot log in: {error}", "log on to the domain, or store a password") from None

        return step

    return begin


def _context(raw: ModuleType, scheme: str, parent: Parent, credential: Credential | None, channel: bytes) -> Any:
    who = None
    if credential is not None and credential.password is not None:
        who = raw.UserCredential(credential.user, credential.password, package=_PACKAGES[scheme])
    else:
        who = raw.UserCredential(package=_PACKAGES[scheme])
    bindings = raw.ChannelBindings(application_data=channel) if channel else None
    target = parent.spn or f"HTTP/{parent.host}"
    return raw.ClientSecurityContext(target, credential=who, channel_bindings=bindings)


def load_sspilib() -> ModuleType:
    """sspilib, imported. Unusable with the reason when it is absent or broken."""
    try:
        return importlib.import_module("sspilib")
    except Exception as error:
        raise Unusable(
            f"single sign-on needs sspilib, which cannot be loaded ({type(error).__name__})",
            "pip install --force-reinstall sspilib",
        ) from None
