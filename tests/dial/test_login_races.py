"""Adversaries of logging in: cancellation anywhere, passwords that change under load, parents that change their mind.

What counts is how often a refused secret is sent, and that nothing is left open (the folder's conftest looks).
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from tests.contracts.dialer import dialler, echo, listening
from tests.dial.test_login import RIGHT, WRONG, World, of, used
from tests.servers.counting_proxy import CountingProxy, ntlm_users

from pipway.dial.base import Target
from pipway.dial.credentials.base import Credential
from pipway.dial.gate import Gate
from pipway.dial.login import Logins
from pipway.dial.negotiate.choose import schemes
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.errors import NoWayOut
from pipway.trace import Trace

SCHEMES = ["basic", "digest", "ntlm"]


@pytest.fixture
def races(tmp_path: Path, authority: trustme.CA) -> World:
    return World(tmp_path, authority)


@pytest.fixture
async def echoing() -> AsyncIterator[Target]:
    async with listening(echo) as found:
        yield found


@pytest.fixture(params=SCHEMES)
async def counting(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CountingProxy]:
    ntlm_users(tmp_path, monkeypatch, "", "alice", RIGHT)
    async with CountingProxy(request.param) as found:
        yield found


async def cancelled_after(seconds: float, world: World, proxy: CountingProxy, target: Target) -> None:
    dialing = asyncio.create_task(dialler(world.dialer(of(proxy)), target))
    await asyncio.wait([dialing], timeout=seconds)
    dialing.cancel()
    await asyncio.wait([dialing])


@pytest.mark.slow
async def test_a_wrong_password_survives_no_cancelled_dials(
    races: World, counting: CountingProxy, echoing: Target
) -> None:
    """However a crowd of impatient clients gives up, the parent counts two logons at most: then it rests."""
    races.kept.credential = Credential("alice", password=WRONG)
    for step in range(25):
        await asyncio.gather(*(cancelled_after(step * 0.004, races, counting, echoing) for _ in range(3)))
    with pytest.raises(NoWayOut):
        await races.dialer(of(counting)).dial(echoing)
    assert counting.bad <= 2


class SlowDisk(Rejections):
    """Takes its time to note a refusal."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.noting = threading.Event()
        self.may_note = threading.Event()

    def reject(self, key: str, user: str, parent: str, scheme: str, why: str) -> None:
        self.noting.set()
        assert self.may_note.wait(10)
        super().reject(key, user, parent, scheme, why)


async def test_a_refusal_is_remembered_although_its_dial_was_cancelled(tmp_path: Path) -> None:
    """The moment between the parent's answer and the note of it: the next in line must not slip through the gate."""
    disk = SlowDisk(tmp_path / "logins")
    gate, alice = Gate(disk, trace=Trace()), Credential("alice", password=WRONG)
    parent = Parent("http", "proxy.example", 8080, named=True)

    async def first() -> None:
        async with gate.trying(alice, parent, scheme="basic") as attempt:
            await attempt.sending()
            raise await attempt.rejected("no")

    async def second() -> None:
        async with gate.trying(alice, parent, scheme="basic"):
            pytest.fail("it was let through")

    refused = asyncio.create_task(first())
    while not disk.noting.is_set():
        await asyncio.sleep(0.001)
    next_one = asyncio.create_task(second())
    for _ in range(20):
        await asyncio.sleep(0.001)
    refused.cancel()
    await asyncio.sleep(0.01)
    disk.may_note.set()
    await asyncio.wait([refused, next_one])
    assert refused.cancelled()
    assert isinstance(next_one.exception(), NoWayOut)


@pytest.mark.slow
async def test_cancelled_right_logins_leave_the_gate_passable(
    races: World, counting: CountingProxy, echoing: Target
) -> None:
    await used(await races.dialer(of(counting)).dial(echoing))
    for step in range(25):
        await asyncio.gather(*(cancelled_after(step * 0.001, races, counting, echoing) for _ in range(3)))
    await used(await races.dialer(of(counting)).dial(echoing))
    assert counting.bad == 0


async def test_a_parent_that_refuses_after_having_accepted(
    races: World, counting: CountingProxy, echoing: Target
) -> None:
    """The password changed at the directory: one dial learns of it, the next send nothing."""
    dialer = races.dialer(of(counting))
    await used(await dialer.dial(echoing))
    await changed(counting)
    for _ in range(5):
        with pytest.raises(NoWayOut) as caught:
            await dialer.dial(echoing)
        assert caught.value.code == "credential-rejected"
    assert counting.bad == 1


async def test_a_password_that_changed_overnight_is_tried_once_by_a_crowd(
    races: World, counting: CountingProxy, echoing: Target, tmp_path: Path
) -> None:
    """A proof grows old: the first logon after a pause is single again, else a crowd would lock the account."""
    later = 0.0
    gate = Gate(Rejections(tmp_path / "clocked"), trace=races.trace, clock=lambda: time.time() + later)
    races.logins = Logins(gate=gate, credentials=races.kept, schemes=schemes, trace=races.trace)
    dialer = races.dialer(of(counting))
    await used(await dialer.dial(echoing))
    await changed(counting)
    later = 8 * 3600.0
    failures = await asyncio.gather(*(dialer.dial(echoing) for _ in range(100)), return_exceptions=True)
    assert {getattr(failure, "code", failure) for failure in failures} == {"credential-rejected"}
    assert counting.bad == 1


async def changed(proxy: CountingProxy) -> None:
    """The directory's password is another one from now on."""
    proxy.password = "changed meanwhile"
    if proxy.login == "ntlm":
        Path(os.environ["NTLM_USER_FILE"]).write_text(":alice:changed meanwhile\n")
