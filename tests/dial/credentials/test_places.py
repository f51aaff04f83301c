"""The private file and the keyring: the contract, and what each refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as FailKeyring
from tests.contracts.credentials import KEY, KINDS, USER, PlaceContract

from pipway.dial.credentials.base import Credential, checked
from pipway.dial.credentials.file import FilePlace
from pipway.dial.credentials.keyring import KeyringPlace
from pipway.errors import UsageError


class TestFile(PlaceContract):
    """One JSON file."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> FilePlace:
        return FilePlace(tmp_path / "pipway" / "credentials.json")

    def test_only_the_user_can_read_it(self, place: FilePlace) -> None:
        place.put(KEY, KINDS[0])
        assert place.path.stat().st_mode & 0o777 == 0o600
        assert place.path.parent.stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
    def test_it_is_refused_when_others_may_read_it(self, place: FilePlace, mode: int) -> None:
        place.put(KEY, KINDS[0])
        place.path.chmod(mode)
        for action in (lambda: place.get(KEY), lambda: place.put(KEY, KINDS[1]), place.listed):
            with pytest.raises(UsageError) as caught:
                action()
            assert caught.value.fix == f"chmod 600 {place.path}"

    @pytest.mark.parametrize(
        "text",
        ["", "{}", "[]", "nonsense", '{"credentials": []}', '{"credentials": {"a": {"kind": "magic", "value": "x"}}}',
         '{"credentials": {"a": {"kind": "nt-hash", "value": "zz"}}}', '{"credentials": {"a": {"kind": "password"}}}'],
    )  # fmt: skip
    def test_a_damaged_file_is_an_error_and_stays_as_it_is(self, place: FilePlace, text: str) -> None:
        place.path.parent.mkdir()
        place.path.write_text(text)
        place.path.chmod(0o600)
        with pytest.raises(UsageError) as caught:
            place.put(KEY, KINDS[0])
        assert caught.value.code == "credentials-unusable"
        assert place.path.read_text() == text

    def test_a_change_by_another_process_is_seen(self, place: FilePlace) -> None:
        place.put(KEY, KINDS[0])
        FilePlace(place.path).put(KEY, KINDS[1])
        assert place.get(KEY) == Credential(USER, nt_hash=KINDS[1].nt_hash, origin=str(place.path))

    def test_many_writers_lose_nothing(self, place: FilePlace) -> None:
        writers = [
            threading.Thread(
                target=FilePlace(place.path).put, args=(f"user{n}@h:1", Credential(f"user{n}", password="x"))
            )
            for n in range(20)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert len(place.listed()) == 20

    def test_a_write_that_fails_loses_nothing(self, place: FilePlace, monkeypatch: pytest.MonkeyPatch) -> None:
        place.put(KEY, KINDS[0])

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch, pytest.raises(UsageError) as caught:
            patch.setattr(os, "fsync", full)
            place.put("bob@h:1", Credential("bob", password="s3cret"))
        assert "No space left" in caught.value.why
        assert "s3cret" not in str(caught.value)
        assert [entry.key for entry in FilePlace(place.path).listed()] == [KEY]

    def test_what_the_keyring_holds_is_listed_without_a_secret(self, place: FilePlace) -> None:
        place.note(KEY, "password", "keyring")
        assert place.get(KEY) is None
        assert place.place_of(KEY) == "keyring"
        assert json.loads(place.path.read_text())["credentials"][KEY] == {"kind": "password", "place": "keyring"}


class MemoryKeyring(KeyringBackend):
    """The keyring library's own interface, in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


def library(backend: KeyringBackend) -> ModuleType:
    """What the keyring module offers, with a backend of ours."""
    module = ModuleType("keyring")
    module.get_keyring = lambda: backend  # type: ignore[attr-defined]
    for name in ("get_password", "set_password", "delete_password"):
        setattr(module, name, getattr(backend, name))
    return module


class TestKeyring(PlaceContract):
    """Through the keyring library."""

    @pytest.fixture
    def place(self) -> KeyringPlace:
        backend = MemoryKeyring()
        return KeyringPlace(lambda: library(backend))

    def test_a_password_stored_by_hand_is_found(self) -> None:
        """As with `keyring set pipway USER@host:port`."""
        backend = MemoryKeyring()
        backend.set_password("pipway", KEY, "by hand")
        found = KeyringPlace(lambda: library(backend)).get(KEY)
        assert found is not None
        assert found.password == "by hand"


class Locked(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("locked, and the secret is s3cret")


class Hanging(MemoryKeyring):
    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self.over.wait(30)
        return None


class PlaintextKeyring(MemoryKeyring):
    pass


def absent() -> ModuleType:
    raise ImportError("No module named 'keyring'")


HANGING = Hanging()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "why"),
    [
        (absent, "not installed"),
        (lambda: library(FailKeyring()), "offers none"),  # type: ignore[no-untyped-call]
        (lambda: library(Locked()), "RuntimeError"),
        (lambda: library(HANGING), "does not answer"),
        (lambda: library(PlaintextKeyring()), "plain text"),
    ],
)
def test_a_keyring_that_cannot_be_used_says_why(load: object, why: str) -> None:
    HANGING.over.clear()
    with pytest.raises(UsageError) as caught:
        KeyringPlace(load, patience=0.2).get(KEY)  # type: ignore[arg-type]
    HANGING.over.set()
    assert caught.value.code == "no-keyring"
    assert why in caught.value.why
    assert "--place file" in caught.value.fix
    assert "s3cret" not in str(caught.value)


@pytest.mark.slow
def test_a_keyring_that_hangs_is_not_asked_by_one_thread_after_the_other() -> None:
    backend = Hanging()
    place = KeyringPlace(lambda: library(backend), patience=0.2)
    for _ in range(50):
        with pytest.raises(UsageError):
            place.get(KEY)
    assert backend.asked == 1
    backend.over.set()
    assert place._hanging is not None
    place._hanging.join()
    assert place.get(KEY) is None
    assert backend.asked == 2


def test_a_byte_order_mark_is_no_part_of_a_password() -> None:
    assert checked("\ufeffs3cret") == "s3cret"


@pytest.mark.parametrize("secret", ["", "\ufeff", "x" * 1025, "with\nnewline", "nul\0", "no UTF-8: \udcff"])
def test_what_cannot_be_a_password(secret: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked(secret)
    assert not secret or secret not in str(caught.value)


@pytest.mark.slow
def test_importing_the_stores_loads_no_library() -> None:
    """keyring takes a quarter of a second."""
    heavy = ("keyring", "spnego", "quickjs", "cryptography")
    code = f"import sys, pipway.outbound; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
