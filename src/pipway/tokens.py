"""The tokens that let clients in: kept as hashes, compared in constant time, printed once when they are made.

`access` asks for the owner of a login, `pipway access` makes and removes tokens. A token is 192 random bits, so a plain
SHA-256 cannot be turned back; passwords that people choose have no place here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipway.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?")
_LINE = re.compile(r"(\S+)\s+sha256:([0-9a-f]{64})")
_MOST = 1000  # tokens; each is compared with every login
_LONGEST = 1024  # characters of a login
_LARGEST = 262144  # bytes of the file
_PREFIX = "pipway_"  # so that secret scanners and people know one when they see it


class Tokens:
    """Names and the hashes of their tokens."""

    def __init__(self, hashes: Mapping[str, bytes]) -> None:
        self._hashes = dict(hashes)

    def __len__(self) -> int:
        return len(self._hashes)

    def __repr__(self) -> str:
        return f"Tokens({len(self)})"

    @property
    def names(self) -> list[str]:
        """Whose tokens there are."""
        return list(self._hashes)

    def owner(self, login: str | None) -> str | None:
        """Whose token a login shows: `Basic` with the token as password (or user), or `Bearer`. None: nobody's."""
        secret = _secret(login)
        digest = hashlib.sha256(secret).digest()
        found = None
        for name, known in self._hashes.items():
            if hmac.compare_digest(known, digest):
                found = name
        return found if secret else None

    def added(self, name: str) -> tuple[Tokens, str]:
        """With one more, and that token: nobody can give it again. UsageError for a name that is taken or none."""
        if not _NAME.fullmatch(name):
            raise UsageError("bad-name", "that is no name for a token", fix="use letters, digits, dots and hyphens")
        if name in self._hashes:
            raise UsageError("name-taken", f"{name} has a token already", fix=f"pipway access remove {name}")
        token = _PREFIX + secrets.token_urlsafe(24)
        return Tokens({**self._hashes, name: hashlib.sha256(token.encode()).digest()}), token

    def without(self, name: str) -> Tokens:
        """With one less. UsageError when there is none of that name."""
        if name not in self._hashes:
            raise UsageError("no-such-token", "there is no token of that name", fix="pipway access list")
        return Tokens({key: value for key, value in self._hashes.items() if key != name})

    def text(self) -> str:
        """As `read` takes it."""
        lines = [f"{name} sha256:{digest.hex()}\n" for name, digest in self._hashes.items()]
        return "".join(["# Tokens for pipway, as hashes. Written by `pipway access`.\n", *lines])


def read_tokens(text: str) -> Tokens:
    """Read a file's text: a name and a hash per line. UsageError names the line that is neither; it is not repeated."""
    found: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = _LINE.fullmatch(line.strip())
        if entry is None or not _NAME.fullmatch(entry[1]) or entry[1] in found or len(found) >= _MOST:
            raise UsageError(
                "bad-tokens",
                f"line {number} of the tokens file cannot be used",
                why=f"each line is a name of its own and sha256:HASH, at most {_MOST} of them",
                fix="make tokens with pipway access add NAME",
            )
        found[entry[1]] = bytes.fromhex(entry[2])
    return Tokens(found)


def load(path: Path) -> Tokens:
    """Read the file. UsageError when it cannot be read or means nothing."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        return read_tokens(data[:_LARGEST].decode("utf-8") if len(data) <= _LARGEST else "too long")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "tokens-unreadable",
            f"cannot read the tokens file {path}",
            why=getattr(error, "strerror", None) or "it is not UTF-8 text",
            fix="check access.tokens_file, or make it with pipway access add NAME",
        ) from None


def save(path: Path, tokens: Tokens) -> None:
    """Write the file, for its owner alone and never half. UsageError when that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f"{path.name}-", suffix=".tmp", dir=path.parent)  # 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(tokens.text())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            "tokens-unwritable",
            f"cannot write the tokens file {path}",
            why=error.strerror or type(error).__name__,
            fix="name another one with access.tokens_file",
        ) from None


def _secret(login: str | None) -> bytes:
    """What a login shows for a token (RFC 7617 §2, RFC 6750 §2.1); nothing that can be one when it is broken."""
    if login is None or len(login) > _LONGEST:
        return b""
    scheme, _, rest = login.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest.encode("utf-8", "replace")
    if scheme.lower() != "basic":
        return b""
    try:
        user, _, password = base64.b64decode(rest, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b""
    return password or user
