"""A credential, and the protocol of whoever can find one.

Nothing here ever shows a secret: not in repr, not in errors. `gate` compares fingerprints, `login` proves credentials.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipway.dial.parent import Parent


@dataclass(frozen=True, slots=True)
class Credential:
    """Who we are to a parent, and how to prove it."""

    user: str  #: as the person wrote it: alice, CORP\\alice, alice@CORP.EXAMPLE; "" for the ticket cache alone
    password: str | None = field(default=None, repr=False)
    nt_hash: bytes | None = field(default=None, repr=False)  #: MD4 of the password (MS-NLMP 3.3.1); as good as it
    keytab: Path | None = None
    origin: str = ""  #: where it was found, for messages: "keyring", "PIPWAY_PARENT_PASSWORD", "the ticket cache"

    @property
    def secret(self) -> bool:
        """Whether a logon with it can be refused and counted: a ticket or a keytab cannot lock an account."""
        return self.password is not None or self.nt_hash is not None

    def fingerprint(self, salt: bytes) -> str:
        """Tells one secret of one user from another without revealing it (scrypt, some 50 ms: call it in a thread)."""
        secret = b"\0".join(
            (
                self.user.casefold().encode(),
                (self.password or "").encode(),
                self.nt_hash or b"",
                str(self.keytab).encode(),
            )
        )
        return hashlib.scrypt(secret, salt=salt, n=2**14, r=8, p=1, dklen=20).hex()


class Credentials(Protocol):
    """Finds what a person stored for a parent."""

    async def find(self, parent: Parent) -> Credential | None:
        """The credential of `parent.user` at that parent, None when there is none.

        UsageError when the place it is kept in is locked, unreadable or open to others.
        """
