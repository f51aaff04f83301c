"""What is remembered on disk of credentials that were refused, so that no restart sends one again.

`gate` asks and tells; `pipway credentials` lists and forgets. One small file, 0600, shared by every process of a user;
it holds salted fingerprints, never a secret. Blocking, but short: a few hundred bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from pipway import platforms
from pipway.errors import NoWayOut

_LONGEST = 1 << 18  # bytes of the file
_MOST = 256  # entries; the oldest go
_WAIT = 5.0  # seconds for another process to finish its few milliseconds of work


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one secret of one user. `trying`: it was sent, and no answer judged it."""

    user: str
    parent: str  #: who refused it, for messages
    scheme: str
    state: Literal["rejected", "trying"]
    when: float  #: seconds since the epoch
    why: str = ""  #: of a refusal; else what the last answer said that was no judgement
    tries: int = 1  #: sent without an answer, in a row
    undecided: int = 0  #: sent and answered without a judgement, since one was last made


class Rejections:
    """The memory, in a folder of its own."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        """Nothing is read or made before the first question."""
        self._folder = folder
        self._file = folder / "rejected.json"
        self._now = now
        self._seen: tuple[int, int, int] | None = None
        self._salt = b""
        self._entries: dict[str, Entry] = {}

    def salt(self) -> bytes:
        """For `Credential.fingerprint`; made once. NoWayOut when the memory cannot be used."""
        self._refresh()
        if not self._salt:
            with self._changing():
                pass
        return self._salt

    def find(self, key: str) -> Entry | None:
        """What is known of a fingerprint; reads the file only when it changed. NoWayOut when it cannot be read."""
        self._refresh()
        return self._entries.get(key)

    def entries(self) -> list[Entry]:
        """Everything that is known, oldest first."""
        self._refresh()
        return sorted(self._entries.values(), key=lambda entry: entry.when)

    def sent(self, key: str, user: str, parent: str, scheme: str) -> Entry | None:
        """Note, before it happens, that a secret is being sent; a refusal stays one. Gives what was known before."""
        with self._changing():
            old = self._entries.get(key)
            if old is None or old.state != "rejected":
                entry = Entry(user, parent, scheme, "trying", self._now())
                if old is not None:
                    entry = replace(entry, why=old.why, tries=old.tries + 1, undecided=old.undecided)
                self._entries[key] = entry
            return old

    def undecided(self, key: str, said: str) -> None:
        """An answer came to what was sent last, and it does not tell whether the secret is right."""
        with self._changing():
            if (entry := self._entries.get(key)) is not None and entry.state == "trying":
                tries, undecided = max(0, entry.tries - 1), entry.undecided + 1
                self._entries[key] = replace(entry, why=said[:200], tries=tries, undecided=undecided)

    def unsent(self, key: str, before: Entry | None) -> None:
        """It was not sent after all: what was known before holds again, unless more became known meanwhile."""
        with self._changing():
            if (entry := self._entries.get(key)) is not None and entry.state == "trying":
                if before is None:
                    del self._entries[key]
                else:
                    self._entries[key] = before

    def reject(self, key: str, user: str, parent: str, scheme: str, why: str) -> None:
        """Note that it was refused."""
        with self._changing():
            self._entries[key] = Entry(user, parent, scheme, "rejected", self._now(), why[:200])

    def settle(self, key: str) -> None:
        """It was right: forget that a judgement was awaited."""
        if self._entries.get(key) is not None:
            with self._changing():
                if (entry := self._entries.get(key)) is not None and entry.state == "trying":
                    del self._entries[key]

    def forget(self, user: str | None = None, *, but: Collection[str] = ()) -> int:
        """Forget a user's refusals, or everybody's: a person says so. Gives how many there were.

        `but` are the keys of secrets that he did not speak of.
        """
        with self._changing():
            gone = [key for key, entry in self._entries.items() if user in (None, entry.user) and key not in but]
            for key in gone:
                del self._entries[key]
        return len(gone)

    @contextlib.contextmanager
    def first(self, key: str) -> Iterator[bool]:
        """Hold the right to the first logon with a secret among all processes; False: somebody else has it."""
        with self._locked(f"first-{key[:16]}.lock") as got:
            yield got

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[bool]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = platforms.open_shared(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._broken(error.strerror or "it cannot be written") from None
        try:
            yield platforms.try_lock(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone among all processes: read, let the caller change, write."""
        deadline = time.monotonic() + _WAIT
        while True:
            with self._locked("rejected.lock") as got:
                if got:
                    self._refresh()
                    self._salt = self._salt or secrets.token_bytes(16)
                    yield
                    self._write()
                    return
            if time.monotonic() > deadline:
                raise self._broken("another process holds it")
            time.sleep(0.005)

    def _refresh(self) -> None:
        try:
            status = self._file.stat()
        except FileNotFoundError:
            if self._seen is not None:  # another thread may be about to write the first entry
                self._seen, self._entries = None, {}
            return
        except OSError as error:
            raise self._broken(error.strerror or "it cannot be read") from None
        mark = (status.st_mtime_ns, status.st_ino, status.st_size)
        if mark == self._seen:
            return
        try:
            if status.st_size > _LONGEST:
                raise ValueError
            document = json.loads(self._file.read_text(encoding="utf-8"))
            salt = bytes.fromhex(document["salt"])
            entries = {str(key): _entry(value) for key, value in document["entries"].items()}
        except OSError as error:
            raise self._broken(error.strerror or "it cannot be read") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._broken("it is damaged") from None
        self._salt, self._entries, self._seen = salt, entries, mark

    def _write(self) -> None:
        kept = dict(sorted(self._entries.items(), key=lambda item: item[1].when)[-_MOST:])
        document = {"salt": self._salt.hex(), "entries": {key: asdict(entry) for key, entry in kept.items()}}
        part = self._file.with_suffix(".part")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())  # a power cut must not make us send it again
            part.replace(self._file)
            status = self._file.stat()
        except OSError as error:
            raise self._broken(error.strerror or "it cannot be written") from None
        self._entries, self._seen = kept, (status.st_mtime_ns, status.st_ino, status.st_size)

    def _broken(self, why: str) -> NoWayOut:
        return NoWayOut(
            "logins-unusable",
            "no login is tried: the memory of refused ones cannot be used",
            why=f"{self._file}: {why}",
            fix=f"mend or remove {self._file}",
        )


def _entry(value: Any) -> Entry:
    known = {field.name for field in fields(Entry)}
    entry = Entry(**{name: part for name, part in value.items() if name in known})
    if entry.state not in ("rejected", "trying") or not isinstance(entry.when, (int, float)):
        raise ValueError
    if not all(isinstance(count, int) for count in (entry.tries, entry.undecided)):
        raise ValueError
    return entry
