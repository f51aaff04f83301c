"""NTLM and Negotiate (RFC 4559, MS-NTHT): tokens to and fro until the connection itself is logged in.

Where the tokens come from (NTLMv2, Kerberos, SSPI) is a function's business; this knows only the legs.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence

from pipway.wire.auth.base import SCHEMES, Asked, Challenge, Login, Rejected, Unusable

#: Takes the token received (None at first), gives the one to send. Raises Rejected or Unusable.
Step = Callable[[bytes | None], bytes]

_LEGS = 6  # NTLM needs two, Kerberos one or two
_PROOF = b"NTLMSSP\0\x03\0\0\0"  # AUTHENTICATE_MESSAGE (MS-NLMP §2.2.1.3), raw or inside SPNEGO


class TokenScheme:
    """Conforms to `base.Scheme`; `begin` makes a new context for each connection (never reuse a token: replay)."""

    per_connection = True
    blocking = True  # a KDC is asked, or a library loaded
    ready = True

    def __init__(
        self,
        name: str,
        begin: Callable[[Asked], Step],
        *,
        better: Callable[[], Unusable | None] = lambda: None,
    ) -> None:
        """`name` is ntlm or negotiate. `better`: why a better token than the one that was refused was not to be had."""
        self.name = name
        self._begin = begin
        self._better = better

    def login(self, asked: Asked, offered: Sequence[Challenge] = ()) -> Login:
        """Legs on one connection. Any refusal after the proof means no (MS-NTHT §2.2.4), and it is not sent twice."""
        shown = SCHEMES[self.name]
        step = self._begin(asked)
        received: bytes | None = None
        for leg in range(_LEGS):
            token = step(received)
            offered = yield f"{shown} {base64.b64encode(token).decode('ascii')}"
            answer = next((each.token for each in offered if each.scheme == self.name and each.token), "")
            if _PROOF in token:
                raise Rejected("user or password is wrong")  # even with a new challenge: the proof has been judged
            if not answer:
                raise (self._better() if leg == 0 else None) or _ended(leg)
            try:
                received = base64.b64decode(answer, validate=True)
            except (binascii.Error, ValueError):
                raise Unusable(f"its {shown} token is not base64") from None
        raise Unusable(f"its {shown} login goes on for ever")

    def informed(self, info: str) -> None:
        """It says nothing here: the last token comes in Proxy-Authenticate (RFC 4559 §5)."""


def _ended(leg: int) -> Rejected | Unusable:
    # The first token proves no password: it is an NTLM hello, or a ticket, which may merely be expired or for
    # another name of the proxy. Neither can lock an account.
    if leg == 0:
        return Unusable(
            "it does not accept the first token",
            "check the ticket (klist), or the parent's spn and canonicalize options",
        )
    return Rejected("the login was refused")
