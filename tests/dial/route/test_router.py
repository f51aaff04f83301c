"""Failover on the same dial, health, equals, and one error for all."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import trustme
from tests.contracts.dialer import DialerContract, echo, listening
from tests.contracts.stream import serving, trusting
from tests.dial.conftest import Journal
from tests.servers.counting_proxy import CountingProxy

from pipway.dial.base import Dialer, Stream, StreamInfo, Target
from pipway.dial.direct import Direct
from pipway.dial.gate import Gate
from pipway.dial.login import Logins
from pipway.dial.negotiate.choose import schemes
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.dial.route.health import Health
from pipway.dial.route.measured import Measured
from pipway.dial.route.plan import DIRECT, Plan, Way
from pipway.dial.route.router import Router
from pipway.dial.via_http import ViaHttp
from pipway.errors import NoWayOut, PipwayError, Refused, Unavailable
from pipway.trace import Trace

FILES = Target("files.example", 443)
WAYS = [Way((Parent("http", f"p{number}.example", 8080),)) for number in range(3)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Fixed:
    plan: Plan | None
    asked: list[Target] = field(default_factory=list)

    async def decide(self, target: Target) -> Plan | None:
        self.asked.append(target)
        return self.plan


@dataclass
class Scripted:
    """A dialer that fails as it is told, and takes its time."""

    clock: Clock
    error: PipwayError | None = None
    seconds: float = 0.0
    dialled: int = 0

    async def dial(self, target: Target) -> Stream:
        self.dialled += 1
        self.clock.now += self.seconds
        if self.error is not None:
            raise self.error
        return Silent()


class Silent:
    """A stream that nobody reads."""

    info = StreamInfo("192.0.2.1")
    quiet = True

    async def read(self, at_most: int = 262144) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        pass

    async def write_eof(self) -> None:
        pass

    async def start_tls(self, context: ssl.SSLContext, name: str) -> Stream:
        return self

    async def aclose(self) -> None:
        pass

    def detach(self) -> None:
        return None


@dataclass
class World:
    router: Router
    dialers: dict[Way, Scripted]
    clock: Clock

    def dialled(self) -> list[int]:
        return [self.dialers[way].dialled for way in WAYS]


def world(*, ways: Sequence[Way] = tuple(WAYS), equal: bool = False) -> World:
    clock = Clock()
    dialers = {way: Scripted(clock) for way in (*WAYS, DIRECT)}
    plan = Plan(tuple(ways), "a test", equal)
    return World(Router([Fixed(plan)], build=lambda way: dialers[way], trace=Trace(), clock=clock), dialers, clock)


def unreachable() -> Unavailable:
    return Unavailable("parent-unreachable", "cannot connect to it")


async def test_the_next_way_is_tried_on_the_same_dial_and_comes_first_afterwards() -> None:
    w = world()
    w.dialers[WAYS[0]].error = unreachable()
    await w.router.dial(FILES)
    await w.router.dial(FILES)
    assert w.dialled() == [1, 2, 0]


async def test_a_way_that_failed_is_tried_again_after_its_rest() -> None:
    w = world()
    w.dialers[WAYS[0]].error = unreachable()
    await w.router.dial(FILES)
    w.dialers[WAYS[0]].error = None
    w.clock.now += 6
    await w.router.dial(FILES)
    assert w.dialled() == [2, 1, 0]


async def test_when_all_rest_all_are_tried() -> None:
    w = world()
    for dialer in w.dialers.values():
        dialer.error = unreachable()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await w.router.dial(FILES)
    assert w.dialled() == [2, 2, 2]


async def test_one_error_names_every_way_and_begins_with_what_a_person_can_mend() -> None:
    w = world()
    w.dialers[WAYS[0]].error = unreachable()
    w.dialers[WAYS[1]].error = NoWayOut("credential-rejected", "alice was rejected", fix="rotate it")
    w.dialers[WAYS[2]].error = unreachable()
    with pytest.raises(NoWayOut) as caught:
        await w.router.dial(FILES)
    assert caught.value.what == "alice was rejected"
    assert "http://p0.example:8080: cannot connect" in caught.value.why
    assert "http://p2.example:8080: cannot connect" in caught.value.why


async def test_a_target_that_is_down_is_not_the_ways_fault() -> None:
    w = world()
    for way in WAYS:
        w.dialers[way].error = Unavailable("parent-failed", "no such host")
    with pytest.raises(Unavailable):
        await w.router.dial(FILES)
    w.dialers[WAYS[0]].error = None
    await w.router.dial(FILES)
    assert w.dialled() == [2, 1, 1], "the first one was not put to rest"


async def test_among_equals_the_fastest_comes_first() -> None:
    w = world(equal=True)
    for way, seconds in zip(WAYS, (0.3, 0.1, 0.2), strict=True):
        w.dialers[way].seconds = seconds
    for _ in range(10):
        await w.router.dial(FILES)
    assert w.dialled() == [1, 8, 1]
    w.clock.now += 61
    await w.router.dial(FILES)
    assert w.dialled() != [1, 9, 1], "an equal that was not used for a while is measured again"


def test_among_equals_what_carries_more_comes_first() -> None:
    """A way that opens a little later and carries ten times as much is the better one for files."""
    health = Health(lambda: 0.0)
    slow, fast = WAYS[:2]
    for way, seconds, rate in ((slow, 0.01, 1_000_000), (fast, 0.05, 10_000_000)):
        health.worked(way, seconds)
        health.carried(way, rate, 1.0)
    assert health.order([slow, fast], equal=True) == [fast, slow]
    assert health.order([slow, fast], equal=False) == [slow, fast]


async def test_streams_of_equals_are_measured_inside_tls_too(authority: trustme.CA) -> None:
    told: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(serving(authority, "files.example"))
        writer.write(bytes(3_000_000))
        await writer.drain()

    async with listening(talk) as target:
        stream: Stream = Measured(await Direct().dial(target), lambda count, seconds: told.append(count))
        stream = await stream.start_tls(trusting(authority), "files.example")
        received = 0
        while received < 3_000_000:
            received += len(await stream.read())
        await stream.aclose()
    assert sum(told) > 1_000_000


async def test_no_way_is_a_refusal() -> None:
    with pytest.raises(Refused) as caught:
        await world(ways=()).router.dial(FILES)
    assert caught.value.why == "a test"


async def test_deciders_are_asked_in_order_and_nothing_said_is_direct() -> None:
    silent, speaking = Fixed(None), Fixed(Plan((WAYS[0],), "the second"))
    router = Router([silent, speaking], build=lambda way: Direct(), trace=Trace())
    assert (await router.plan(FILES)).reason == "the second"
    assert silent.asked == [FILES]
    assert (await Router([silent], build=lambda way: Direct(), trace=Trace()).plan(FILES)).ways == (DIRECT,)
    assert await router.key(FILES) == "http://p0.example:8080"


def test_what_is_remembered_is_bounded() -> None:
    health = Health(lambda: 0.0)
    for number in range(1000):
        health.failed(Way((Parent("http", f"h{number}.example", 1),)))
    assert len(health._records) <= 256


class TestRouter(DialerContract):
    """Through a real parent, past a dead one."""

    refusal = "parent-failed"
    unknown_name = "parent-failed"

    @pytest.fixture
    async def dialer(self, tmp_path, journal: Journal):  # type: ignore[no-untyped-def]
        async with CountingProxy() as proxy:
            gate = Gate(Rejections(tmp_path / "logins"), trace=journal.trace)

            class Nothing:
                async def find(self, parent: Parent) -> None:
                    return None

            logins = Logins(gate=gate, credentials=Nothing(), schemes=schemes, trace=journal.trace)

            def build(way: Way) -> Dialer:
                parent = way.hops[0]
                return ViaHttp(parent, Direct(), login=logins.of(parent), trust=None, trace=journal.trace)  # type: ignore[arg-type]

            dead = Way((Parent("http", "127.0.0.1", 1),))
            plan = Plan((dead, Way((proxy.parent(),))), "a test")
            yield Router([Fixed(plan)], build=build, trace=journal.trace)

    async def test_it_went_around_the_dead_one(self, dialer: Router, journal: Journal) -> None:
        async with listening(echo) as target:
            await (await dialer.dial(target)).aclose()
        assert [facts["code"] for facts in journal.facts("route.failed")] == ["parent-unreachable"]
        assert journal.facts("route.used")[0]["failed"] == 1
