"""Looks for a credential where a person may have put one: given at the start, in the file, the keyring, by a command.

Conforms to `base.Credentials`. Each question is answered anew (cheaply), so that a rotation needs no restart.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pipway.dial.credentials.base import Credential, Place, checked, key_of
from pipway.dial.credentials.file import FilePlace
from pipway.dial.parent import Parent
from pipway.errors import PipwayError, UsageError
from pipway.trace import Trace

_FRESH = 5.0  # seconds that an answer of the keyring or a command is used; asking may cost a process
_COMMAND_SECONDS = 20.0


class CredentialChain:
    """Asks one after the other."""

    def __init__(
        self,
        given: Mapping[str, Credential],
        file: FilePlace,
        keyring: Place,
        *,
        command: Sequence[str] = (),
        trace: Trace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`given` is by `key_of`."""
        self._given = given
        self._file = file
        self._keyring = keyring
        self._command = tuple(command)
        self._trace = trace
        self._clock = clock
        self._recent: dict[str, tuple[float, Credential | None]] = {}
        self._asking: dict[str, asyncio.Task[Credential | None]] = {}
        self._told = False

    async def find(self, parent: Parent) -> Credential | None:
        """The credential of `parent.user` at that parent. UsageError when the file is open to others or damaged."""
        if parent.user is None:
            return None  # single sign-on
        key = key_of(parent)
        given = self._given.get(key)
        if given is not None:
            return replace(given, user=parent.user)
        stored = self._file.get(key)
        if stored is not None:
            return _dated(stored)
        asked, found = self._recent.get(key, (float("-inf"), None))
        if self._clock() - asked > _FRESH:
            found = await self._answer(key, parent)
        return _dated(found)

    async def _answer(self, key: str, parent: Parent) -> Credential | None:
        """One question for all who want to know; its answer is kept although they left."""
        running = self._asking.get(key)
        if running is None:
            running = self._asking[key] = asyncio.create_task(self._ask(key, parent.user or ""))
            running.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to whoever waits
        return await asyncio.shield(running)

    async def _ask(self, key: str, user: str) -> Credential | None:
        try:
            found = await self._in_keyring(key)
            if found is None and self._command:
                password = await asyncio.to_thread(run, self._command)
                found = Credential(user, password=password, origin=self._command[0])
            self._recent[key] = (self._clock(), found)
            return found
        finally:
            del self._asking[key]

    async def _in_keyring(self, key: str) -> Credential | None:
        """What the keyring has; one that cannot be asked has nothing, and is told of once."""
        try:
            return await asyncio.to_thread(self._keyring.get, key)
        except PipwayError as error:
            if not self._told:
                self._told = True
                self._trace.emit("keyring.failed", code=error.code, why=error.why, fix=error.fix)
            return None


def _dated(found: Credential | None) -> Credential | None:
    """A keytab is replaced where it lies: then it is another credential."""
    if found is None or found.keytab is None:
        return found
    try:
        status = found.keytab.stat()
    except OSError:
        return found
    return replace(found, edition=f"{status.st_mtime_ns}-{status.st_size}")


def run(command: Sequence[str]) -> str:
    """The first line that a command prints. UsageError when it fails, without its output."""
    try:
        done = subprocess.run(  # noqa: S603  (the person's own command, as a list)
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_COMMAND_SECONDS, check=True
        )
        return checked(done.stdout.decode().split("\n", 1)[0].rstrip("\r"))
    except FileNotFoundError:
        why = "it does not exist"
    except subprocess.TimeoutExpired:
        why = f"it took longer than {_COMMAND_SECONDS:g} s"
    except subprocess.CalledProcessError as error:
        why = f"it ended with code {error.returncode}"
    except (OSError, UnicodeDecodeError) as error:
        why = type(error).__name__
    raise UsageError(
        "password-command-failed", f"{command[0]} gave no password", why=why, fix="try parent.password_command by hand"
    )
