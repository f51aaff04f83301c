"""Where a credential is looked for, and in which order."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest

from pipway.dial.credentials.base import Credential, key_of
from pipway.dial.credentials.chain import CredentialChain, run
from pipway.dial.credentials.file import FilePlace
from pipway.dial.parent import Parent
from pipway.errors import UsageError
from pipway.trace import Trace

PARENT = Parent("http", "proxy.example", 8080, "alice", named=True)


class Memory:
    name = "keyring"

    def __init__(self, **passwords: str) -> None:
        self.asked = 0
        self.passwords = passwords
        self.broken = False

    def get(self, key: str) -> Credential | None:
        self.asked += 1
        if self.broken:
            raise UsageError("no-keyring", "the keyring cannot be used", why="it is broken")
        user = key.rpartition("@")[0]
        return Credential(user, password=self.passwords[user]) if user in self.passwords else None

    def put(self, key: str, credential: Credential) -> None:
        raise NotImplementedError

    def delete(self, key: str) -> bool:
        raise NotImplementedError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class World:
    def __init__(self, folder: Path) -> None:
        self.given: dict[str, Credential] = {}
        self.file = FilePlace(folder / "credentials.json")
        self.keyring = Memory()
        self.clock = Clock()
        self.command: tuple[str, ...] = ()
        self.events: list[str] = []
        self.trace = Trace()
        self.trace.listen(lambda name, facts: self.events.append(f"{name}: {facts['why']}"))

    def chain(self) -> CredentialChain:
        return CredentialChain(
            self.given, self.file, self.keyring, command=self.command, trace=self.trace, clock=self.clock
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def password(chain: CredentialChain, parent: Parent = PARENT) -> str | None:
    found = await chain.find(parent)
    return None if found is None else found.password


async def test_given_then_file_then_keyring_then_command(world: World) -> None:
    world.command = (sys.executable, "-c", "print('from the command')")
    assert await password(world.chain()) == "from the command"
    world.keyring.passwords = {"alice": "from the keyring"}
    assert await password(world.chain()) == "from the keyring"
    world.file.put(key_of(PARENT), Credential("alice", password="from the file"))
    assert await password(world.chain()) == "from the file"
    world.given[key_of(PARENT)] = Credential("alice", password="given")
    assert await password(world.chain()) == "given"


async def test_a_secret_belongs_to_one_parent(world: World) -> None:
    world.file.put(key_of(PARENT), Credential("alice", password="x"))
    assert await password(world.chain(), Parent("http", "other.example", 8080, "alice", named=True)) is None
    assert await password(world.chain(), Parent("http", "proxy.example", 8080, "bob", named=True)) is None


async def test_without_a_user_it_is_single_sign_on(world: World) -> None:
    world.keyring.passwords = {"": "x"}
    assert await world.chain().find(Parent("http", "proxy.example", 8080, named=True)) is None


async def test_a_change_in_the_file_is_seen_at_once_and_the_keyring_after_seconds(world: World) -> None:
    chain = world.chain()
    world.keyring.passwords = {"alice": "old"}
    assert [await password(chain), await password(chain)] == ["old", "old"]
    assert world.keyring.asked == 1
    world.keyring.passwords = {"alice": "new"}
    world.clock.now = 6
    assert await password(chain) == "new"
    world.file.put(key_of(PARENT), Credential("alice", password="newest"))
    assert await password(chain) == "newest"


async def test_a_broken_keyring_is_told_of_once_and_lets_the_rest_work(world: World) -> None:
    world.keyring.broken = True
    chain = world.chain()
    for now in (0, 10):
        world.clock.now = now
        assert await password(chain) is None
    assert world.keyring.asked == 2
    assert world.events == ["keyring.failed: it is broken"]
    world.file.put(key_of(PARENT), Credential("alice", password="x"))
    assert await password(chain) == "x"


async def test_a_crowd_asks_once_and_an_answer_outlives_who_asked(world: World) -> None:
    """A keyring may ask a person, and a command may cost a process: not once for each of 200 connections."""
    may_answer = threading.Event()

    class Slow(Memory):
        def get(self, key: str) -> Credential | None:
            assert may_answer.wait(10)
            return super().get(key)

    slow = world.keyring = Slow(alice="x")
    chain = world.chain()
    impatient = asyncio.create_task(chain.find(PARENT))
    crowd = [asyncio.create_task(chain.find(PARENT)) for _ in range(200)]
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    may_answer.set()
    assert {found.password for found in await asyncio.gather(*crowd) if found} == {"x"}
    assert await password(chain) == "x"
    assert slow.asked == 1


async def test_a_failure_is_told_to_all_who_asked(world: World) -> None:
    world.command = ("no-such-program-anywhere",)
    chain = world.chain()
    failures = await asyncio.gather(*(chain.find(PARENT) for _ in range(3)), return_exceptions=True)
    assert {getattr(failure, "code", failure) for failure in failures} == {"password-command-failed"}


async def test_a_keytab_that_is_replaced_is_another_credential(world: World, tmp_path: Path) -> None:
    keytab = tmp_path / "alice.keytab"
    keytab.write_bytes(b"old")
    world.file.put(key_of(PARENT), Credential("alice", keytab=keytab))
    chain = world.chain()
    old = await chain.find(PARENT)
    assert old == await chain.find(PARENT)
    keytab.write_bytes(b"newer")
    new = await chain.find(PARENT)
    assert old is not None
    assert new is not None
    assert new.keytab == old.keytab
    assert new.fingerprint(b"salt") != old.fingerprint(b"salt")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("no-such-program-anywhere",), "does not exist"),
        ((sys.executable, "-c", "print('s3cret'); raise SystemExit(3)"), "code 3"),
        ((sys.executable, "-c", "import sys; sys.stdout.buffer.write(b'\\xff\\xfe')"), "UnicodeDecodeError"),
    ],
)
def test_a_command_that_fails_says_why_and_not_what_it_printed(command: tuple[str, ...], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(command)
    assert why in caught.value.why
    assert "s3cret" not in str(caught.value)


def test_only_the_first_line_of_a_command_counts() -> None:
    assert run((sys.executable, "-c", r"print('one\r\ntwo')")) == "one"
