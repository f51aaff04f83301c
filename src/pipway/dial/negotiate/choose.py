"""Which logins are possible with a credential on this system: a scheme for each.

`login` is given `schemes` as its factory; the parent's offers and the person's order decide among them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping

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
        yield "negotiate", TokenScheme("negotiate", _negotiate(parent, credential))
        if credential is not None and credential.secret:
            yield "ntlm", TokenScheme("ntlm", ntlm(credential, parent.host))
    if credential is not None and credential.password is not None:
        yield "digest", Digest(credential.user, credential.password, cnonce=lambda: secrets.token_hex(16))
        yield "basic", Basic(credential.user, credential.password)


def _negotiate(parent: Parent, credential: Credential | None) -> Callable[[Asked], Step]:
    """Kerberos where it is possible; else NTLM under the name Negotiate, as Windows does it (raw, MS-NTHT §1.6)."""
    kerberos = Kerberos(parent, credential)
    fallback = ntlm(credential, parent.host) if credential is not None and credential.secret else None

    def begin(asked: Asked) -> Step:
        chosen: Step | None = None

        def step(received: bytes | None) -> bytes:
            nonlocal chosen
            if chosen is not None:
                return chosen(received)
            first = kerberos.begin(asked)
            try:
                token = first(received)
                chosen = first
            except Unusable as reason:
                if fallback is None:
                    raise
                try:
                    chosen = fallback(asked)
                    token = chosen(received)
                except Unusable as error:
                    raise Unusable(f"{reason.why}; {error.why}", reason.fix or error.fix) from None
            return token

        return step

    return begin
