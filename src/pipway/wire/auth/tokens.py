"""NTLM and Negotiate (RFC 4559, MS-NTHT): tokens to and fro until the connection itself is logged in.

Where the tokens come from (NTLMv2, Kerberos, SSPI) is a function's business; this knows only the legs.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence

from pipway.wire.auth.base import Asked, Challenge, Login, Rejected, Unusable

#: Takes the token received (None at first), gives the one to send. Raises Rejected or Unusable.
Step = Callable[[bytes | None], bytes]

_LEGS = 6  # NTLM needs two, Kerberos one or two


class TokenScheme:
    """Conforms to `base.Scheme`; `begin` makes a new context for each connection (never reuse a token: replay)."""

    per_connection = True
    ready = True

    def __init__(self, name: str, begin: Callable[[Asked], Step], *, blocking: bool = True) -> None:
        """`name` is ntlm or negotiate."""
        self.name = name
        self.blocking = blocking
        self._begin = begin

    def login(self, asked: Asked, offered: Sequence[Challenge] = ()) -> Login:
        """Legs on one connection. A bare challenge after our last word means no (MS-NTHT §2.2.4)."""
        shown = {"ntlm": "NTLM", "negotiate": "Negotiate"}[self.name]
        step = self._begin(asked)
        received: bytes | None = None
        for leg in range(_LEGS):
            token = step(received)
            offered = yield f"{shown} {base64.b64encode(token).decode('ascii')}"
            answers = [challenge.token for challenge in offered if challenge.scheme == self.name]
            if not answers:
                raise Unusable(f"it stopped offering {shown} in the middle of the login")
            answer = next((text for text in answers if text), "")
            if not answer:
                raise self._refused(token, leg)
            try:
                received = base64.b64decode(answer, validate=True)
            except (binascii.Error, ValueError):
                raise Unusable(f"its {shown} token is not base64") from None
        raise Unusable(f"its {shown} login goes on for ever")

    def _refused(self, token: bytes, leg: int) -> Rejected | Unusable:
        # A first NTLM message proves nothing, so nobody judged the secret. Kerberos is judged with the first token.
        if leg == 0 and b"NTLMSSP\0\x01\0\0\0" in token:
            return Unusable("it ended the login before it began", "it may not allow this login for this network")
        return Rejected("the login was refused")
