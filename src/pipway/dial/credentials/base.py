"""A credential, and the protocols of who finds one and where one is kept.

Nothing here ever shows a secret: not in repr, not in errors. `gate` compares fingerprints, `login` proves credentials.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipway.dial.parent import Parent
from pipway.errors import UsageError

_LONGEST = 1024  # characters of a secret; Windows allows 256


@dataclass(frozen=True, slots=True)
class Credential:
    """Who we are to a parent, and how to prove it."""

    user: str  #: as the person wrote it: alice, CORP\\alice, alice@CORP.EXAMPLE; "" for the ticket cache alone
    password: str | None = field(default=None, repr=False)
    nt_hash: bytes | None = field(default=None, repr=False)  #: MD4 of the password (MS-NLMP §3.3.1); as good as it
    keytab: Path | None = None
    edition: str = ""  #: of the keytab: another one once the file was replaced
    origin: str = ""  #: where it was found, for messages: "keyring", "PIPWAY_PARENT_PASSWORD", "the ticket cache"

    @property
    def secret(self) -> bool:
        """Whether it is a password, or as good as one."""
        return self.password is not None or self.nt_hash is not None

    @property
    def countable(self) -> bool:
        """Whether a logon with it can be refused and counted. A ticket cannot; a keytab that is out of date can."""
        return self.secret or self.keytab is not None

    @property
    def kind(self) -> str:
        """For lists: password, nt-hash, keytab or ticket."""
        if self.password is not None:
            return "password"
        return "nt-hash" if self.nt_hash is not None else "keytab" if self.keytab is not None else "ticket"

    def fingerprint(self, salt: bytes) -> str:
        """Tells one user's secret from another without revealing it (scrypt, some 50 ms: call it in a thread)."""
        parts = (self.user.casefold(), self.password or "", (self.nt_hash or b"").hex(), str(self.keytab), self.edition)
        secret = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.scrypt(secret, salt=salt, n=2**14, r=8, p=1, dklen=20).hex()


class Credentials(Protocol):
    """Finds what a person stored for a parent."""

    async def find(self, parent: Parent) -> Credential | None:
        """The credential of `parent.user` at that parent, None when there is none.

        UsageError when the place it is kept in is locked, unreadable or open to others.
        """


class Place(Protocol):
    """Where secrets are kept. Blocking: call it in a thread. UsageError when it cannot be used, with the fix."""

    @property
    def name(self) -> str:
        """For messages and `--place`."""

    def get(self, key: str) -> Credential | None:
        """What is stored for `key` (see `key_of`)."""

    def put(self, key: str, credential: Credential) -> None:
        """Store or replace."""

    def delete(self, key: str) -> bool:
        """Whether there was something to delete."""


def key_of(parent: Parent) -> str:
    """`USER@host:port`: a secret belongs to one user at one parent."""
    return f"{parent.user or ''}@{parent.address}"


def checked(secret: str) -> str:
    """A password as it may be stored. UsageError, which does not repeat it."""
    secret = secret.removeprefix("\ufeff")  # some editors and shells begin UTF-8 text with it
    if not secret:
        raise UsageError("empty-password", "the password is empty", fix="type it again")
    if len(secret) > _LONGEST or any(ord(char) < 32 or ord(char) == 127 for char in secret):
        raise UsageError(
            "bad-password",
            f"a password has at most {_LONGEST} characters and no control characters",
            fix="check what was typed or piped in",
        )
    if any("\ud800" <= char <= "\udfff" for char in secret):  # bytes that are no UTF-8
        raise UsageError("bad-password", "the password is not UTF-8 text", fix="type or write it in UTF-8")
    return secret
