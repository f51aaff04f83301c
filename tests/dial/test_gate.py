"""Silence after a login: it rests, longer each time, and a person can end that."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.dial.conftest import Journal

from pipway.dial.credentials.base import Credential
from pipway.dial.gate import Gate
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.errors import NoWayOut

PARENT = Parent("http", "proxy.example", 8080, "alice", named=True)
ALICE = Credential("alice", password="s3cret")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(tmp_path: Path, clock: Clock, journal: Journal) -> Gate:
    return Gate(Rejections(tmp_path / "logins", now=clock), trace=journal.trace, clock=clock)


async def silence(gate: Gate) -> None:
    """One login that is sent and never answered."""
    async with gate.trying(ALICE, PARENT, scheme="ntlm") as attempt:
        await attempt.sending()


async def refused(gate: Gate) -> NoWayOut:
    with pytest.raises(NoWayOut) as caught:
        await silence(gate)
    return caught.value


async def test_silence_makes_it_rest_longer_each_time(gate: Gate, clock: Clock) -> None:
    await silence(gate)
    for minutes in (10, 30, 30):
        await silence(gate)
        error = await refused(gate)
        assert error.code == "credential-unanswered"
        assert f"{minutes} minutes" in error.why
        clock.now += minutes * 60 - 1
        await refused(gate)
        clock.now += 1


async def test_an_answer_ends_the_count(gate: Gate) -> None:
    for _ in range(3):
        await silence(gate)
        async with gate.trying(ALICE, PARENT, scheme="ntlm") as attempt:
            await attempt.sending()
            await attempt.undecided()


async def test_a_person_ends_the_rest(gate: Gate) -> None:
    await silence(gate)
    await silence(gate)
    await refused(gate)
    assert gate.forget("alice") == 1
    await silence(gate)


async def test_what_was_never_sent_counts_nothing(gate: Gate) -> None:
    for _ in range(5):
        async with gate.trying(ALICE, PARENT, scheme="ntlm"):
            pass
    assert gate.state() == []


async def test_standings_name_no_secret(gate: Gate) -> None:
    async with gate.trying(ALICE, PARENT, scheme="ntlm") as attempt:
        await attempt.sending()
        await attempt.accepted()
    assert [(standing.user, standing.state) for standing in gate.state()] == [("alice", "proven")]
    async with gate.trying(ALICE, PARENT, scheme="ntlm") as attempt:
        await attempt.rejected("it offers NTLM")
    assert [(standing.user, standing.state) for standing in gate.state()] == [("alice", "rejected")]
    assert "s3cret" not in repr(gate.state())
