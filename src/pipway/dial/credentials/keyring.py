"""Secrets in the operating system's keyring, through the keyring library.

`chain` and `pipway credentials` use it. The library is loaded when first needed; absent, without a backend, locked or
hanging, it says so once and the rest works.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec

from pipway.dial.credentials.base import Credential
from pipway.errors import UsageError

T = TypeVar("T")

SERVICE = "pipway"
_PATIENCE = 10.0  # seconds; a keyring may wait for a person to unlock it, or for a daemon that is not there


class KeyringPlace:
    """Conforms to `base.Place`."""

    name = "keyring"

    def __init__(
        self,
        load: Callable[[], ModuleType] = lambda: importlib.import_module("keyring"),
        *,
        patience: float = _PATIENCE,
    ) -> None:
        """`load` gives the keyring library; `patience` is how many seconds it may take to answer."""
        self._load = load
        self._patience = patience
        self._hanging: threading.Thread | None = None

    def get(self, key: str) -> Credential | None:
        """What is stored for `key`."""
        text = self._asked(lambda library: library.get_password(SERVICE, key))
        if not text:
            return None
        user = key.rpartition("@")[0]
        try:
            kind, value = msgspec.json.decode(text, type=tuple[str, str])
            nt_hash = bytes.fromhex(value) if kind == "nt-hash" else None
        except (msgspec.DecodeError, ValueError):
            return Credential(
                user, password=text, origin=self.name
            )  # stored by hand: keyring set pipway USER@host:port
        if kind == "keytab":
            return Credential(user, keytab=Path(value), origin=self.name)
        return Credential(user, password=value if nt_hash is None else None, nt_hash=nt_hash, origin=self.name)

    def put(self, key: str, credential: Credential) -> None:
        """Store or replace."""
        secret = credential.password or (credential.nt_hash or b"").hex() or str(credential.keytab)
        text = msgspec.json.encode((credential.kind, secret)).decode()
        self._asked(lambda library: library.set_password(SERVICE, key, text))

    def delete(self, key: str) -> bool:
        """Whether there was something to delete."""

        def forget(library: ModuleType) -> bool:
            if library.get_password(SERVICE, key) is None:
                return False
            library.delete_password(SERVICE, key)
            return True

        return self._asked(forget)

    def _asked(self, question: Callable[[ModuleType], T]) -> T:
        """Ask in a thread of its own that may be left behind; UsageError when there is no answer.

        While one hangs no other is asked: each would cost its patience and one more thread.
        """
        if self._hanging is not None and self._hanging.is_alive():
            raise _unusable(TimeoutError())
        answer: list[T] = []
        failure: list[BaseException] = []

        def ask() -> None:
            try:
                library = self._load()
                _refuse_useless(library.get_keyring())
                answer.append(question(library))
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=ask, name="keyring", daemon=True)
        thread.start()
        thread.join(self._patience)
        if answer:
            return answer[0]
        self._hanging = thread
        raise _unusable(failure[0] if failure else TimeoutError())


def _refuse_useless(backend: Any) -> None:
    kind = f"{type(backend).__module__}.{type(backend).__name__}"
    if "backends.fail" in kind or "backends.null" in kind:
        raise LookupError
    if "plaintext" in kind.lower():
        raise PermissionError


def _unusable(error: BaseException) -> UsageError:
    match error:
        case ImportError():
            why = "the keyring library is not installed"
        case LookupError():
            why = "this system offers none"
        case PermissionError():
            why = "the one chosen here keeps secrets in plain text"
        case TimeoutError():
            why = "it does not answer"
        case _:
            why = f"it fails ({type(error).__name__})"  # its text is not ours to trust with secrets
    return UsageError(
        "no-keyring", "the keyring cannot be used", why=why, fix="use --place file, or PIPWAY_PARENT_PASSWORD"
    )
