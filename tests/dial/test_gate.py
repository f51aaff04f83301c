"""No judgement after a login: it rests, longer each time, and a person can end that."""

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


async def undecided(gate: Gate, said: str = "503 Service Unavailable") -> None:
    """One login that is sent and answered by neither yes nor no."""
    async with gate.trying(ALICE, PARENT, scheme="ntlm") as attempt:
        await attempt.sending()
        await attempt.undecided(said)


async def accepted(gate: Gate) -> None:
    async with gate.trying(ALICE, PARENT, scheme="ntlm") as attempt:
        await attempt.sending()
        await attempt.accepted()


async def test_a_yes_ends_the_count(gate: Gate, clock: Clock) -> None:
    for _ in range(3):
        await silence(gate)
        await accepted(gate)
        clock.now += 3600


async def test_answers_that_do_not_judge_make_it_rest_after_four(gate: Gate, clock: Clock, tmp_path: Path) -> None:
    """A parent may say no like that. Counted on disk: a restart is no new chance."""
    for _ in range(2):
        await undecided(gate)
    assert [standing.state for standing in gate.state()] == ["undecided"]
    gate = Gate(Rejections(tmp_path / "logins", now=clock), trace=Journal().trace, clock=clock)
    await undecided(gate)
    await undecided(gate, "403 Forbidden")
    for minutes in (10, 30, 30):
        error = await refused(gate)
        assert error.code == "credential-undecided"
        assert "logins of alice in (403 Forbidden)" in error.what
        assert f"{minutes} minutes" in error.why
        assert error.fix == "pipway credentials retry alice@proxy.example:8080"
        clock.now += minutes * 60 - 1
        await refused(gate)
        clock.now += 1
        await undecided(gate, "403 Forbidden")


async def test_an_answer_that_does_not_judge_does_not_excuse_silence(gate: Gate) -> None:
    await silence(gate)
    await undecided(gate)
    await silence(gate)
    assert (await refused(gate)).code == "credential-unanswered"


async def test_what_was_proven_is_not_doubted_for_other_answers(gate: Gate, clock: Clock) -> None:
    await accepted(gate)
    for _ in range(6):
        clock.now += 3600
        await undecided(gate)
    assert [standing.state for standing in gate.state()] == ["proven"]


async def test_a_person_ends_that_rest_too(gate: Gate) -> None:
    for _ in range(4):
        await undecided(gate)
    await refused(gate)
    assert gate.forget("alice") == 1
    await undecided(gate)


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
