"""Basic (RFC 7617): the user and the password, readable by whoever reads the field.

`dial.login` decides where that may be sent; this only says how.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from pipway.wire.auth.base import Asked, Challenge, Login, Rejected, Unusable


class Basic:
    """Conforms to `base.Scheme`."""

    name = "basic"
    per_connection = False
    blocking = False
    ready = True

    def __init__(self, user: str, password: str) -> None:
        """UTF-8 whatever the challenge's charset says: the only one that RFC 7617 §2.1 knows."""
        self._user = user
        self._password = password

    def login(self, asked: Asked, offered: Sequence[Challenge] = ()) -> Login:
        """One value; a second refusal means that the password is wrong."""
        if ":" in self._user:
            raise Unusable("Basic cannot carry a user name with a colon", "use the name without a colon")
        # RFC 7617 §2; a surrogate is a byte of the environment that was no UTF-8
        if any(
            ord(char) < 32 or ord(char) == 127 or "\ud800" <= char <= "\udfff" for char in self._user + self._password
        ):
            raise Unusable("Basic cannot carry control characters or broken UTF-8", "store the password again")
        pair = f"{self._user}:{self._password}".encode()
        yield "Basic " + base64.b64encode(pair).decode("ascii")
        raise Rejected("user or password is wrong")

    def informed(self, info: str) -> None:
        """It says nothing to Basic."""
