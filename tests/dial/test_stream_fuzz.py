"""0 bytes lost over 10 000 random streams: splits, pauses, slow readers and half-closes on both sides, over every way.

A stream is its number: it decides the way, the sizes and every step of both sides. A failure names it, and
`await Fuzz(...).stream(NUMBER)` repeats it alone. Each side judges what it received against what the other one sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import resource
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from tests.contracts.stream import serving, trusting
from tests.dial.conftest import Journal
from tests.dial.test_chains import Chain

from pipway.dial.base import Dialer, Stream, Target

POOL = random.Random(0).randbytes(8 << 20)
AT_ONCE = 48
TINY = 3_000  # bytes that are read in pieces of one or seven; a million of them shows nothing more and takes seconds
MIB = 1 << 20
EARLY = bytes(range(256)) * 8  # sent by the last proxy together with the reply that opens a tunnel

#: kinds of proxies, outermost first; "+tls": TLS to the origin on top
WAYS = (
    *((), ("http",), ("socks5h",), ("socks4a",), ("http", "socks5h"), ("socks5h", "http")),
    *(("+tls",), ("http", "+tls"), ("socks5h", "+tls"), ("https",), ("https", "+tls")),
)


@dataclass(frozen=True)
class Side:
    """What one side does: writes of these sizes, pauses between them, and how it reads."""

    start: int  # in the pool
    writes: tuple[int, ...]
    rest: tuple[int, ...]  # turns of the loop before each write
    at_most: int  # bytes of one read
    dawdle: float  # seconds before the first read

    @property
    def size(self) -> int:
        return sum(self.writes)

    def pieces(self) -> Iterable[bytes]:
        at = self.start
        for size in self.writes:
            yield POOL[at : at + size]
            at += size

    @property
    def digest(self) -> str:
        return hashlib.sha256(POOL[self.start : self.start + self.size]).hexdigest()

    @classmethod
    def of(cls, rng: random.Random) -> Side:
        scale = rng.choices((0, 1, 1_000, 30_000, MIB, 4 * MIB), (4, 8, 32, 24, 3, 2))[0]
        count = rng.choices((1, 3, 12), (4, 4, 2))[0]
        writes = tuple(rng.randint(1, scale // count + 1) for _ in range(count)) if scale else ()
        rest = tuple(rng.choice((0, 0, 0, 1, 3, 10)) for _ in writes)
        at_most = rng.choice((262144, 262144, 65536, 4096, max(1, scale // 50), 7 if scale < 2000 else 9999))
        dawdle = rng.choice((0, 0, 0, 0, 0.001, 0.05))
        return cls(rng.randrange(len(POOL) - 5 * MIB), writes, rest, at_most, dawdle)


@dataclass(frozen=True)
class Plan:
    """Both sides, and who ends first where TLS lets only one do it."""

    way: tuple[str, ...]
    ours: Side
    theirs: Side
    they_end: bool

    @classmethod
    def of(cls, number: int) -> Plan:
        rng = random.Random(number)
        weights = (8, 6, 6, 3, 3, 3, 3, 2, 2, 2, 1)
        return cls(rng.choices(WAYS, weights)[0], Side.of(rng), Side.of(rng), rng.random() < 0.5)

    @property
    def whole(self) -> bool:
        """Whether an end closes both directions, so that who ends must have read everything."""
        return "+tls" in self.way or "https" in self.way


async def read_early(stream: Stream, at_most: int) -> None:
    data = b""
    while len(data) < len(EARLY):
        piece = await stream.read(min(at_most, len(EARLY) - len(data)))
        assert piece, "early bytes were lost"
        data += piece
    assert data == EARLY


Read = Callable[[int], Awaitable[bytes]]
Write = Callable[[bytes], Awaitable[None]]


async def send(side: Side, write: Write) -> None:
    for piece, turns in zip(side.pieces(), side.rest, strict=True):
        for _ in range(turns):
            await asyncio.sleep(0)
        await write(piece)


async def receive(side: Side, read: Read, *, until: int | None) -> str:
    """The digest of everything until the end, or of so many bytes."""
    await asyncio.sleep(side.dawdle)
    digest, count = hashlib.sha256(), 0
    while until is None or count < until:
        data = await read(side.at_most if count < TINY else max(side.at_most, 4096))
        if not data:
            break
        digest.update(data)
        count += len(data)
    return digest.hexdigest()


class Fuzz:
    """The servers, the dialers, and streams by their number."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.trust = trusting(chain.authority)
        self.dialers: dict[tuple[str, ...], Dialer] = {}
        self.targets: dict[bool, Target] = {}
        self.outcomes: dict[int, asyncio.Future[str]] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Fuzz]:
        async with AsyncExitStack() as stack:
            for tls in (False, True):
                context = serving(self.chain.authority, "files.example") if tls else None
                self.targets[tls] = await stack.enter_async_context(self._origin(context))
            for way in WAYS:
                self.dialers[way] = await self.chain.build([kind for kind in way if kind != "+tls"])
                if way and "+tls" not in way:
                    self.chain.servers[-1].early = EARLY
            yield self

    @contextlib.asynccontextmanager
    async def _origin(self, context: ssl.SSLContext | None) -> AsyncIterator[Target]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context, backlog=512)
        try:
            yield Target("127.0.0.1", server.sockets[0].getsockname()[1])
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The origin's side, on asyncio's own streams."""

        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        number = int.from_bytes(await reader.readexactly(8), "big")
        plan, outcome = Plan.of(number), self.outcomes[number]
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(send(plan.theirs, write))
                until = plan.ours.size if plan.whole and plan.they_end else None
                receiving = group.create_task(receive(plan.theirs, reader.read, until=until))
                await sending
                if not plan.whole:
                    writer.write_eof()
            outcome.set_result(receiving.result())
        except BaseException as error:
            if not outcome.done():  # else our side gave up first, and tells why
                outcome.set_exception(error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def stream(self, number: int) -> None:
        """Run one; raises when a byte is missing."""
        plan = Plan.of(number)
        outcome = self.outcomes[number] = asyncio.get_running_loop().create_future()
        target = self.targets["+tls" in plan.way]
        stream = await self.dialers[plan.way].dial(target)
        try:
            if "+tls" in plan.way:
                stream = await stream.start_tls(self.trust, "files.example")
            await stream.write(number.to_bytes(8, "big"))
            if plan.way and "+tls" not in plan.way:
                await read_early(stream, plan.ours.at_most)
            received = await self._ours(plan, stream)
            assert received == plan.theirs.digest, "bytes were lost on the way to us"
            assert await outcome == plan.ours.digest, "bytes were lost on the way to the origin"
        finally:
            await stream.aclose()
            outcome.cancel()
            del self.outcomes[number]

    async def _ours(self, plan: Plan, stream: Stream) -> str:
        async with asyncio.TaskGroup() as group:
            until = plan.theirs.size if plan.whole and not plan.they_end else None
            receiving = group.create_task(receive(plan.ours, stream.read, until=until))
            await send(plan.ours, stream.write)
            if not plan.whole:
                await stream.write_eof()
        if plan.whole and not plan.they_end:
            await stream.write_eof()
        return receiving.result()

    async def streams(self, numbers: Iterable[int]) -> None:
        """Many, some dozens at once."""
        left = iter(numbers)

        async def work() -> None:
            for number in left:
                try:
                    async with asyncio.timeout(60):
                        await self.stream(number)
                except BaseException as error:
                    error.add_note(f"stream {number}: {Plan.of(number)}")
                    raise

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())


@pytest.fixture
async def fuzz(authority: trustme.CA, journal: Journal, tmp_path: Path) -> AsyncIterator[Fuzz]:
    chain = Chain(authority, journal, tmp_path)
    async with Fuzz(chain).running() as made:
        yield made
    await chain.aclose()


@pytest.mark.slow
async def test_no_byte_is_lost(fuzz: Fuzz) -> None:
    await fuzz.streams(range(300))


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_byte_is_lost_over_ten_thousand_streams(fuzz: Fuzz) -> None:
    """Five thousand on each loop; memory does not grow with them."""
    await fuzz.streams(range(300, 1300))
    before = peak_memory()
    await fuzz.streams(range(1300, 5300))
    assert peak_memory() - before < 48 * MIB


def peak_memory() -> int:
    """Bytes this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_the_plans_cover_every_way_and_every_size() -> None:
    """Else the numbers above would prove little."""
    plans = [Plan.of(number) for number in range(300)]
    assert {plan.way for plan in plans} == set(WAYS)
    assert {plan.they_end for plan in plans} == {True, False}
    assert any(plan.ours.size > MIB // 2 for plan in plans)
    assert any(plan.ours.size == 0 == plan.theirs.size for plan in plans)
    assert any(plan.theirs.size > MIB and plan.ours.dawdle > 0.01 for plan in plans)
    assert any(plan.ours.size > MIB and plan.theirs.dawdle > 0.01 for plan in plans)
