"""Which logins are possible with a credential on this system: a scheme for each.

`login` is given `schemes` as its factory; the parent's offers and the person's order decide among them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

from pipway import platforms
from pipway.dial.credentials.base import Credential
from pipway.dial.negotiate.kerberos import Kerberos
from pipway.dial.negotiate.ntlm import ntlm
from pipway.dial.negotiate.sspi import sspi
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Scheme, Unusable
from pipway.wire.auth.basic import Basic
from pipway.wire.auth.digest import Digest
from pipway.wire.auth.tokens import Step, TokenScheme


def schemes(parent: Parent, credential: Credential | None) -> Mapping[str, Scheme]:
    """By name. Without a credential: single sign-on with a ticket, or as the logged-on Windows user."""
    return dict(_schemes(parent, credential))


def _schemes(parent: Parent, credential: Credential | None) -> Iterator[tuple[str, Scheme]]:
    if platforms.WINDOWS and (credential is None or credential.nt_hash is None):
        for name in ("negotiate", "ntlm"):
            yield name, TokenScheme(name, sspi(name, parent, credential))
    else:
        negotiate = _Negotiate(parent, credential)
        yield "negotiate", TokenScheme("negotiate", negotiate.begin, better=negotiate.reason)
        if credential is not None and credential.secret:
            yield "ntlm", TokenScheme("ntlm", ntlm(credential, parent.host, parent.spn))
    if credential is not None and credential.password is not None:
        yield "digest", Digest(credential.user, credential.password, cnonce=lambda: secrets.token_hex(16))
        yield "basic", Basic(credential.user, credential.password)


class _Negotiate:
    """Kerberos where it is possible; else NTLM under the name Negotiate, as Windows does it (raw, MS-NTHT §1.6)."""

    def __init__(self, parent: Parent, credential: Credential | None) -> None:
        self._kerberos = Kerberos(parent, credential)
        self._ntlm = ntlm(credential, parent.host, parent.spn) if credential is not None and credential.secret else None
        self._reason: Unusable | None = None

    def reason(self) -> Unusable | None:
        """Why it was not Kerberos: of use to those whose proxy takes nothing else."""
        return self._reason

    def begin(self, asked: Asked) -> Step:
        """A step function for one connection."""
        chosen: Step | None = None

        def step(received: bytes | None) -> bytes:
            nonlocal chosen
            if chosen is None:
                chosen, token = self._first(asked, received)
                return token
            return chosen(received)

        return step

    def _first(self, asked: Asked, received: bytes | None) -> tuple[Step, bytes]:
        step = self._kerberos.begin(asked)
        try:
            token = step(received)
            self._reason = None
            return step, token
        except Unusable as reason:
            self._reason = reason
            if self._ntlm is None:
                raise
        try:
            step = self._ntlm(asked)
            return step, step(received)
        except Unusable as error:
            raise Unusable(f"{self._reason.why}; {error.why}", self._reason.fix or error.fix) from None
