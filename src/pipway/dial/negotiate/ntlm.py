"""NTLMv2 (MS-NLMP) through pyspnego: from a password, or from the NT hash alone. Never LM, never NTLMv1.

`choose` makes schemes of it. pyspnego is loaded at the first login; without it NTLM is unusable and the rest works.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pipway.dial.credentials.base import Credential
from pipway.wire.auth.base import Asked, Unusable
from pipway.wire.auth.tokens import Step

_V1_LENGTH = 24  # bytes of an NTLMv1 response (MS-NLMP §2.2.2.6); a v2 response is longer
_CHALLENGE = b"NTLMSSP\0\x02\0\0\0"  # §2.2.1.2
_SHORTEST = 48  # bytes of a challenge without payload and version
_FIELDS = (12, 40)  # where it describes its TargetName and its TargetInfo: length, room, offset


def ntlm(
    credential: Credential, host: str, spn: str | None = None, load: Callable[[], ModuleType] | None = None
) -> Callable[[Asked], Step]:
    """Make contexts for connections to `host`; `spn` names the service when that is not HTTP/host.

    Unusable when pyspnego is absent or the credential holds no secret.
    """

    def begin(asked: Asked) -> Step:
        spnego = (load or load_spnego)()
        context = _context(spnego, credential, spn or f"HTTP/{host}", asked.channel)
        legs = 0

        def step(received: bytes | None) -> bytes:
            nonlocal legs
            legs += 1
            if legs > 2:
                raise Unusable("it goes on after NTLM's last message")
            if legs == 2:
                _refuse_malformed(received or b"")
            try:
                token = bytes(context.step(received))
            except spnego.exceptions.SpnegoError as error:
                raise Unusable(f"its NTLM challenge cannot be used ({type(error).__name__})") from None
            except UnicodeEncodeError:
                raise Unusable("the user's name has characters that its NTLM cannot take") from None
            except Exception:  # pyspnego trusts what is inside: anything may come of it
                raise Unusable("its NTLM challenge is malformed") from None
            if legs == 2:
                refuse_version_1(token)
            return token

        return step

    return begin


def _context(spnego: ModuleType, credential: Credential, spn: str, channel: bytes) -> Any:
    if credential.password is None and credential.nt_hash is None:
        raise Unusable("NTLM needs the password or its NT hash", "pipway credentials add")
    bindings = spnego.channel_bindings.GssChannelBindings(application_data=channel) if channel else None
    # The hash in any case: from a password pyspnego would make an LM hash too, which fails for some characters.
    secret = nt_hash(credential.password) if credential.password is not None else credential.nt_hash
    assert secret is not None
    who = spnego.NTLMHash(credential.user, nt_hash=secret.hex())
    service, _, host = spn.partition("@")[0].partition("/")
    try:
        # Not spnego.client: on Windows that would take SSPI, which has no way in for a hash.
        context = spnego._ntlm.NTLMProxy(
            who, None, hostname=host, service=service, channel_bindings=bindings, protocol="ntlm"
        )
    except (spnego.exceptions.SpnegoError, ValueError) as error:  # LM_COMPAT_LEVEL=high
        raise Unusable(f"NTLM cannot begin ({error})", "unset LM_COMPAT_LEVEL") from None
    context._credential.username = _Name(context._credential.username)
    return context


class _Name(str):
    """A user's name, upper-cased character by character as Windows does it: there "ß" has no capital."""

    __slots__ = ()

    def upper(self) -> str:
        """For NTOWFv2 (MS-NLMP §3.3.2), the one place where a name is upper-cased."""
        return "".join(up if len(up := char.upper()) == 1 else char for char in self)


def _refuse_malformed(challenge: bytes) -> None:
    """To answer it would be a logon that fails, and is counted. pyspnego takes what is not there for empty."""
    if not challenge.startswith(_CHALLENGE) or len(challenge) < _SHORTEST:
        raise Unusable("its NTLM challenge is malformed")
    for at in _FIELDS:
        length = int.from_bytes(challenge[at : at + 2], "little")
        offset = int.from_bytes(challenge[at + 4 : at + 8], "little")
        if length and offset + length > len(challenge):
            raise Unusable("its NTLM challenge is malformed")


def refuse_version_1(token: bytes) -> None:
    """The response's length tells its version (MS-NLMP §2.2.1.3); LM_COMPAT_LEVEL in the environment may ask for 1."""
    lm, nt = (int.from_bytes(token[at : at + 2], "little") for at in (12, 20))
    lm_at = int.from_bytes(token[16:20], "little")
    if nt <= _V1_LENGTH:
        raise Unusable(
            "only NTLMv1 would be possible, which is never used", "unset LM_COMPAT_LEVEL, or set it to 3 or more"
        )
    if lm and len(token) < lm_at + lm:
        raise Unusable("the NTLM message is malformed")


def load_spnego() -> ModuleType:
    """pyspnego, imported with the parts that are used here. Unusable with the reason when it is absent or broken."""
    try:
        module = importlib.import_module("spnego")
        for part in ("channel_bindings", "exceptions", "_ntlm", "_ntlm_raw.md4"):
            importlib.import_module(f"spnego.{part}")
    except Exception as error:
        raise Unusable(
            f"NTLM needs pyspnego, which cannot be loaded ({type(error).__name__})",
            "pip install --force-reinstall pyspnego",
        ) from None
    logging.getLogger("spnego").setLevel(logging.WARNING)  # at DEBUG it prints every token
    return module


def nt_hash(password: str) -> bytes:
    """MD4 of the password in UTF-16LE (MS-NLMP §3.3.1). OpenSSL 3 lacks MD4, so pyspnego's. Unusable without it."""
    # Not its ntowfv1, which takes a password that looks like two hashes for two hashes.
    return bytes(load_spnego()._ntlm_raw.md4.md4(password.encode("utf-16-le", "surrogatepass")))
