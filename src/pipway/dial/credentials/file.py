"""Secrets in a private file, for machines without a keyring; also the list of what the keyring holds.

`chain` reads it, `pipway credentials` writes it. It is refused when others may read it.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipway import platforms
from pipway.dial.credentials.base import Credential
from pipway.errors import UsageError

_LONGEST = 1 << 20  # bytes of the file
_WAIT = 5.0  # seconds for another process to finish
_KINDS = ("password", "nt-hash", "keytab")


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry without its secret."""

    key: str
    kind: str
    place: str


class FilePlace:
    """Conforms to `base.Place`. One JSON file, 0600, in a folder of the user's own."""

    name = "file"

    def __init__(self, path: Path) -> None:
        """Nothing is read or made before it is asked."""
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._entries: dict[str, dict[str, str]] = {}

    def get(self, key: str) -> Credential | None:
        """What is stored for `key`; the file is read again only when it changed."""
        self._refresh()
        entry = self._entries.get(key)
        user = key.rpartition("@")[0]
        match entry:
            case {"kind": "password", "value": value}:
                return Credential(user, password=value, origin=str(self.path))
            case {"kind": "nt-hash", "value": value}:
                return Credential(user, nt_hash=bytes.fromhex(value), origin=str(self.path))
            case {"kind": "keytab", "value": value}:
                return Credential(user, keytab=Path(value), origin=str(self.path))
            case _:
                return None

    def put(self, key: str, credential: Credential) -> None:
        """Store or replace."""
        if credential.password is not None:
            value = credential.password
        else:
            value = credential.nt_hash.hex() if credential.nt_hash is not None else str(credential.keytab)
        with self._changing():
            self._entries[key] = {"kind": credential.kind, "value": value}

    def note(self, key: str, kind: str, place: str) -> None:
        """Remember that another place holds the secret."""
        with self._changing():
            self._entries[key] = {"kind": kind, "place": place}

    def delete(self, key: str) -> bool:
        """Whether there was something to delete."""
        self._refresh()
        if key not in self._entries:
            return False
        with self._changing():
            self._entries.pop(key, None)
        return True

    def place_of(self, key: str) -> str | None:
        """Which place holds the secret of `key`, None when it is not listed."""
        self._refresh()
        entry = self._entries.get(key)
        return None if entry is None else entry.get("place", self.name)

    def listed(self) -> list[Listed]:
        """Every entry."""
        self._refresh()
        return [Listed(key, entry["kind"], entry.get("place", self.name)) for key, entry in self._entries.items()]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone among all processes: read, let the caller change, write."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = platforms.open_shared(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error.strerror or "it cannot be written") from None
        try:
            deadline = time.monotonic() + _WAIT
            while not platforms.try_lock(lock):
                if time.monotonic() > deadline:
                    raise self._unusable("another process holds it")
                time.sleep(0.005)
            self._refresh()
            yield
            self._write()
        finally:
            os.close(lock)

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._seen, self._entries = None, {}
            return
        except OSError as error:
            raise self._unusable(error.strerror or "it cannot be read") from None
        if not platforms.WINDOWS and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(
                "credentials-open",
                f"others may read {self.path}, which holds passwords",
                why="it is not used until only you can",
                fix=f"chmod 600 {self.path}",
            )
        mark = (status.st_mtime_ns, status.st_ino, status.st_size)
        if mark != self._seen:
            self._entries = self._read(status.st_size)
            self._seen = mark

    def _read(self, size: int) -> dict[str, dict[str, str]]:
        try:
            if size > _LONGEST:
                raise ValueError
            document = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(key): _entry(entry) for key, entry in document["credentials"].items()}
        except OSError as error:
            raise self._unusable(error.strerror or "it cannot be read") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._unusable("it is damaged") from None

    def _write(self) -> None:
        part = self.path.with_suffix(".part")
        try:
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"credentials": self._entries}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as error:
            self._seen = None
            raise self._unusable(error.strerror or "it cannot be written") from None

    def _unusable(self, why: str) -> UsageError:
        return UsageError(
            "credentials-unusable", f"cannot use {self.path}", why=why, fix="mend it, or remove it and store again"
        )


def _entry(value: Any) -> dict[str, str]:
    entry = {str(name): part for name, part in value.items() if isinstance(part, str)}
    if entry["kind"] not in _KINDS or not ("value" in entry or "place" in entry):
        raise ValueError
    if entry["kind"] == "nt-hash" and "value" in entry and len(bytes.fromhex(entry["value"])) != 16:
        raise ValueError
    return entry
