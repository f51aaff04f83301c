"""SOCKS on the one port: who gets a tunnel, who is refused with which code, and what nobody can hold up."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.dialer import DialerContract
from tests.server.conftest import GET, Start, World, prepared

from pipway.dial.base import Dialer, Target
from pipway.dial.credentials.base import Credential
from pipway.dial.direct import Direct
from pipway.dial.gate import Gate
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.dial.via_socks import ViaSocks
from pipway.errors import LoginNeeded, NoWayOut, Refused, Unavailable
from pipway.server.intercept import Interception
from pipway.server.limits import Limits
from pipway.server.outside import Caller, Far, Forwarded, Reply
from pipway.server.shared import Shared
from pipway.trace import Trace
from pipway.wire.answer import Answer, Request
from pipway.wire.proxy_url import ProxyScheme
from pipway.wire.sniff import SOCKS5_REFUSAL

OPEN5, GRANTED5, GRANTED4 = b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6), b"\x00\x5a" + bytes(6)
ALICE = "Basic " + base64.b64encode(b"alice:hunter2").decode()


@dataclass
class Everywhere:
    """A fake Outside that dials for real, and does as it is told."""

    login: str | None = None  #: the only one that is let in
    forbidden: str = ""  #: host
    error: Exception | None = None  #: of dialling
    stuck: bool = False  #: dialling never ends
    names: dict[str, str] = field(default_factory=lambda: {"echo.example": "127.0.0.1"})
    callers: list[Caller] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)
    dialling: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)  #: a dial was cancelled

    def admit(self, caller: Caller) -> None:
        self.callers.append(caller)
        if self.login is not None and caller.login != self.login:
            raise LoginNeeded("login-needed", "this proxy wants a login", fix="ask for one")

    def allow(self, host: str, port: int) -> None:
        if host == self.forbidden:
            raise Refused("target-forbidden", f"{host}:{port} may not be reached from here")

    async def dial(self, host: str, port: int, *, caller: Caller) -> Far:
        self.dialled.append((host, port))
        self.dialling.set()
        if self.error is not None:
            raise self.error
        if self.stuck:
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.set()
        return await Direct().dial(Target(self.names.get(host, host), port))

    async def exchange(self, request: Forwarded, *, caller: Caller) -> Reply:
        raise NotImplementedError


async def page(request: Request) -> Answer | None:
    return prepared()


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that says hello first and then whatever it hears."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello ")
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


def request5(host: str | bytes, port: int) -> bytes:
    """As RFC 1928 §4 has it: bytes are an IPv4 address."""
    where = b"\x01" + host if isinstance(host, bytes) else bytes([3, len(host)]) + host.encode()
    return b"\x05\x01\x00" + where + port.to_bytes(2, "big")


def request4(host: str | bytes, port: int) -> bytes:
    """Of SOCKS 4, or 4a for a name."""
    if isinstance(host, bytes):
        return b"\x04\x01" + port.to_bytes(2, "big") + host + b"me\x00"
    return b"\x04\x01" + port.to_bytes(2, "big") + b"\x00\x00\x00\x01" + b"me\x00" + host.encode() + b"\x00"


HERE = bytes([127, 0, 0, 1])
Ask = Callable[[int], bytes]


@pytest.mark.parametrize("cut", [0, 1])
@pytest.mark.parametrize(
    ("ask", "said", "host", "method"),
    [
        (lambda port: b"\x05\x01\x00" + request5("Echo.Example", port), OPEN5 + GRANTED5, "echo.example", "SOCKS5"),
        (lambda port: b"\x05\x01\x00" + request5(HERE, port), OPEN5 + GRANTED5, "127.0.0.1", "SOCKS5"),
        (lambda port: request4("echo.example", port), GRANTED4, "echo.example", "SOCKS4"),
        (lambda port: request4(HERE, port), GRANTED4, "127.0.0.1", "SOCKS4"),
    ],
    ids=["5 name", "5 address", "4a", "4"],
)
async def test_a_tunnel_carries_everything(
    start: Start, echo: int, ask: Ask, said: bytes, host: str, method: str, cut: int
) -> None:
    outside = Everywhere()
    world = await start(page, outside=outside)
    sent = ask(echo) + b"early bytes"
    pieces = [sent] if not cut else [sent[at : at + cut] for at in range(0, len(sent), cut)]
    assert await world.talk(*pieces) == said + b"hello early bytes"
    assert outside.dialled == [(host, echo)]
    assert outside.callers == [Caller("127.0.0.1")]
    await recorded(world)
    (record,) = world.records
    assert record.peer == "127.0.0.1"
    assert record.answered[:5] == (method, f"{host}:{echo}", 200, 17, "tunnel")


async def recorded(world: World, *, count: int = 1) -> None:
    """Wait until so many requests are on record."""
    while len(world.records) < count:
        await asyncio.sleep(0)
        world.trace.flush()


@pytest.fixture
def closed_port() -> int:
    """A port nobody listens on: the system will not give it out again so soon."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Purse:
    """A credential for every parent, as pipway's own client is given one."""

    def __init__(self, password: str) -> None:
        self.password = password

    async def find(self, parent: Parent) -> Credential | None:
        return Credential("alice", password=self.password)


class OurOwnClient(DialerContract):
    """What `dial.via_socks` gets through this server is what it gets without."""

    scheme: ProxyScheme
    login: str | None = None

    @pytest.fixture
    async def dialer(self, start: Start, tmp_path: Path) -> Dialer:
        world = await start(page, outside=Everywhere(login=self.login))
        trace = Trace()
        parent = Parent(self.scheme, *world.address, user="alice", named=True)
        gate = Gate(Rejections(tmp_path), trace=trace)
        return ViaSocks(parent, Direct(), gate=gate, credentials=Purse("hunter2"), trace=trace)


class TestOurOwnClient5h(OurOwnClient):
    scheme = "socks5h"
    unknown_name = "host-unreachable"


class TestOurOwnClient5(OurOwnClient):
    scheme = "socks5"


class TestOurOwnClient4a(OurOwnClient):
    scheme = "socks4a"
    refusal = unknown_name = "parent-failed"


class TestOurOwnClient4(OurOwnClient):
    scheme = "socks4"
    refusal = "parent-failed"


class TestOurOwnClientLoggedIn(OurOwnClient):
    scheme = "socks5h"
    login = ALICE
    unknown_name = "host-unreachable"


async def test_a_login_is_demanded_where_one_is_wanted(start: Start, echo: int) -> None:
    """RFC 1928 §3, RFC 1929; `Outside` sees it as an HTTP client's."""
    outside = Everywhere(login=ALICE)
    world = await start(page, outside=outside)
    right = b"\x01\x05alice\x07hunter2"
    heard = await world.talk(b"\x05\x02\x00\x02" + right + request5(HERE, echo))
    assert heard == b"\x05\x02\x01\x00" + GRANTED5 + b"hello "
    assert outside.callers == [Caller("127.0.0.1"), Caller("127.0.0.1", ALICE)]
    assert await world.talk(b"\x05\x01\x00" + request5(HERE, echo)) == b"\x05\xff"
    wrong = b"\x01\x05alice\x07hunter3"
    assert await world.talk(b"\x05\x01\x02" + wrong + request5(HERE, echo)) == b"\x05\x02\x01\x01"
    assert await world.talk(request4(HERE, echo)) == b"\x00\x5b" + bytes(6)
    assert len(outside.dialled) == 1
    await recorded(world, count=4)
    assert sorted(record.answered.status for record in world.records) == [200, 407, 407, 407]


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Refused("address-forbidden", "its address is private"), 2, 403),
        (Unavailable("network-unreachable", "no route"), 3, 503),
        (Unavailable("name-not-found", "no such host"), 4, 503),
        (Unavailable("connection-refused", "nothing listens"), 5, 503),
        (Unavailable("connect-timeout", "nobody answers"), 6, 503),
        (NoWayOut("credential-rejected", "the parent http://alice:hunter2@proxy.example wants no"), 1, 502),
        (RuntimeError("a bug"), 1, 500),
    ],
)
async def test_failures_have_their_codes(start: Start, error: Exception, code: int, status: int) -> None:
    """RFC 1928 §6. What SOCKS cannot say is an event."""
    world = await start(page, outside=Everywhere(error=error))
    told: list[Mapping[str, Any]] = []
    world.trace.listen(lambda name, facts: told.append(facts) if name == "socks.refused" else None)
    reply = b"\x05" + bytes([code]) + b"\x00\x01" + bytes(6)
    assert await world.talk(b"\x05\x01\x00" + request5("a.example", 443), eof=False) == OPEN5 + reply
    assert await world.talk(request4("a.example", 443), eof=False) == b"\x00\x5b" + bytes(6)
    assert [facts["target"] for facts in told] == ["a.example:443"] * 2
    assert all(isinstance(error, RuntimeError) or str(facts["why"])[:6] == str(error)[:6] for facts in told)
    assert "hunter2" not in str(told)
    assert ("server.error" in world.events) is isinstance(error, RuntimeError)
    await recorded(world, count=2)
    assert all("hunter2" not in str(record) and record.details is not None for record in world.records)
    assert [record.answered[:5] for record in world.records] == [
        ("SOCKS5", "a.example:443", status, 0, "error"),
        ("SOCKS4", "a.example:443", status, 0, "error"),
    ]


async def test_what_may_not_be_reached_is_not_dialled(start: Start, echo: int) -> None:
    outside = Everywhere(forbidden="127.0.0.1")
    world = await start(page, outside=outside)
    assert await world.talk(b"\x05\x01\x00" + request5(HERE, echo)) == OPEN5 + SOCKS5_REFUSAL
    assert await world.talk(b"\x05\x01\x00" + request5("127.0.0.1", echo)) == OPEN5 + SOCKS5_REFUSAL
    assert outside.dialled == []


async def test_only_connect(start: Start) -> None:
    """RFC 1928 §6, X'07' for BIND and UDP ASSOCIATE, X'08' for an unknown kind of address."""
    world = await start(page, outside=Everywhere())
    for command in (2, 3):
        heard = await world.talk(b"\x05\x01\x00\x05" + bytes([command]) + b"\x00\x01" + bytes(6))
        assert heard == OPEN5 + b"\x05\x07\x00\x01" + bytes(6)
    assert await world.talk(b"\x05\x01\x00\x05\x01\x00\x02abcdef") == OPEN5 + b"\x05\x08\x00\x01" + bytes(6)


async def test_without_an_outside_it_is_no_proxy(start: Start) -> None:
    world = await start(page)
    assert await world.talk(b"\x05\x01\x00" + request5("a.example", 443)) == OPEN5 + SOCKS5_REFUSAL
    assert await world.talk(request4("a.example", 443)) == b"\x00\x5b" + bytes(6)


@pytest.mark.slow
async def test_a_client_that_dawdles_is_not_waited_for(start: Start) -> None:
    """The whole handshake has one deadline, from the connection's opening: dripping does not move it."""
    world = await start(page, outside=Everywhere(), limits=Limits(head_seconds=0.3))
    reader, writer = await world.connect()

    async def drip() -> None:
        for byte in b"\x05\x01\x00" + request5("a" * 250, 443):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    began = asyncio.get_running_loop().time()
    assert await reader.read() == OPEN5
    assert asyncio.get_running_loop().time() - began < 2.5
    dripping.cancel()
    writer.close()
    await recorded(world)
    assert world.records[0].answered[:5] == ("SOCKS5", "-", 408, 0, "error")


@pytest.mark.slow
async def test_a_way_that_is_not_open_in_time(start: Start) -> None:
    outside = Everywhere(stuck=True)
    world = await start(page, outside=outside, limits=Limits(dial_seconds=0.1))
    heard = await world.talk(b"\x05\x01\x00" + request5("a.example", 443), eof=False)
    assert heard == OPEN5 + b"\x05\x06\x00\x01" + bytes(6)
    await outside.ended.wait()


@pytest.mark.slow
async def test_who_talks_on_after_a_refusal_is_not_listened_to(start: Start) -> None:
    """And is cut off soon, however much it still says."""
    world = await start(page, outside=Everywhere(), limits=Limits(linger_seconds=0.1))
    reader, writer = await world.connect()
    writer.write(b"\x05\x01\x00\x05\x02\x00\x01" + bytes(6))
    assert await reader.read() == OPEN5 + b"\x05\x07\x00\x01" + bytes(6)
    with pytest.raises(ConnectionError):
        while True:
            writer.write(bytes(65536))
            await writer.drain()
    writer.close()


async def test_a_server_that_stops_leaves_nobody_hanging(start: Start) -> None:
    outside = Everywhere(stuck=True)
    world = await start(page, outside=outside)
    dialling = asyncio.create_task(world.talk(b"\x05\x01\x00" + request5("a.example", 443), eof=False))
    waiting = asyncio.create_task(world.talk(b"\x05\x01\x00", eof=False))
    await outside.dialling.wait()
    await asyncio.wait_for(world.server.stop(0.1), 5)
    assert outside.ended.is_set()
    with contextlib.suppress(ConnectionResetError):
        assert await dialling in (b"", OPEN5)
    assert await waiting in (b"", OPEN5)


@dataclass
class Ending(Interception):
    """A fake interception: says what it was given, or gives it back."""

    hosts: tuple[str, ...] = ("index.example",)
    opaque: bool = False
    begun: list[tuple[bytes, str, int, Caller]] = field(default_factory=list)

    def wants(self, host: str, port: int, caller: Caller | None = None) -> bool:
        return host in self.hosts

    def begin(
        self,
        shared: Shared,
        transport: asyncio.Transport,
        early: bytes,
        host: str,
        port: int,
        *,
        caller: Caller,
        opaque: Callable[[bytes], None],
    ) -> None:
        self.begun.append((early, host, port, caller))
        if self.opaque:
            opaque(early)
        else:
            transport.write(b"intercepted")
            transport.close()


async def test_tunnels_to_an_index_end_here(start: Start, echo: int) -> None:
    ending = Ending()
    outside = Everywhere(login=ALICE)
    world = await start(page, outside=outside, intercept=ending)
    login = b"\x01\x05alice\x07hunter2"
    sent = b"\x05\x01\x02" + login + request5("INDEX.example", 443) + b"client hello"
    assert await world.talk(sent) == b"\x05\x02\x01\x00" + GRANTED5 + b"intercepted"
    assert ending.begun == [(b"client hello", "index.example", 443, Caller("127.0.0.1", ALICE))]
    assert outside.dialled == []
    other = b"\x05\x01\x02" + login + request5("echo.example", echo) + b"x"
    assert await world.talk(other) == b"\x05\x02\x01\x00" + GRANTED5 + b"hello x"


async def test_what_interception_gives_back_gets_its_tunnel(start: Start, echo: int) -> None:
    outside = Everywhere(names={"index.example": "127.0.0.1"})
    world = await start(page, outside=outside, intercept=Ending(opaque=True))
    sent = request4("index.example", echo) + b"no TLS"
    assert await world.talk(sent, b" at all") == GRANTED4 + b"hello no TLS at all"
    outside.error = Unavailable("connection-refused", "nothing listens")
    with contextlib.suppress(ConnectionResetError):
        assert await world.talk(sent, eof=False) == GRANTED4


async def test_a_forbidden_index_is_not_intercepted(start: Start) -> None:
    ending = Ending()
    world = await start(page, outside=Everywhere(forbidden="index.example"), intercept=ending)
    assert await world.talk(b"\x05\x01\x00" + request5("index.example", 443)) == OPEN5 + SOCKS5_REFUSAL
    assert ending.begun == []


@pytest.mark.parametrize("login", [None, ALICE])
async def test_garbage_never_breaks_it(start: Start, login: str | None) -> None:
    """Connections with random bytes; whatever comes of them, everybody else is served."""
    outside = Everywhere(login=login, error=Unavailable("connection-refused", "no"))
    world = await start(page, outside=outside, limits=Limits(linger_seconds=0.1))
    chance = random.Random(1080)
    words = [b"\x05\x01\x00", b"\x05\x02\x00\x02", b"\x01\x05alice\x07hunter2", request5(HERE, 1), request4("a", 1)]

    async def one(first: bytes) -> None:
        pieces = [chance.choice([chance.choice(words), chance.randbytes(30)]) for _ in range(chance.randrange(5))]
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(world.talk(first, *pieces), 10)

    for _ in range(20):
        await asyncio.gather(*(one(bytes([chance.choice((4, 5))])) for _ in range(25)))
    assert (await world.talk(GET % b"x")).startswith(b"HTTP/1.1 200")
    assert "server.error" not in world.events


async def test_a_refused_client_that_leaves_makes_room(start: Start) -> None:
    """Also after a dial, while which nothing is read."""
    outside = Everywhere(error=Unavailable("connection-refused", "no"))
    world = await start(page, outside=outside, limits=Limits(connections=1, linger_seconds=60))
    ask = b"\x05\x01\x00" + request5("a.example", 443)
    assert await world.talk(ask, eof=False) == OPEN5 + b"\x05\x05\x00\x01" + bytes(6)
    async with asyncio.timeout(10):
        while (await world.talk(ask, eof=False)).startswith(b"HTTP/1.1 503"):
            pass


async def test_half_a_handshake_keeps_nobody_out(start: Start) -> None:
    """Every place is taken by clients that greet and fall silent; a dial under way keeps its own."""
    outside = Everywhere(stuck=True)
    world = await start(page, outside=outside, limits=Limits(connections=4))
    dialling = asyncio.create_task(world.talk(b"\x05\x01\x00" + request5("a.example", 443), eof=False))
    await outside.dialling.wait()
    silent = [await world.connect() for _ in range(3)]
    for reader, writer in silent:
        writer.write(b"\x05\x01\x00")
        assert await reader.readexactly(2) == OPEN5
    assert (await world.talk(GET % b"x")).startswith(b"HTTP/1.1 200")
    assert not dialling.done()
    for _, writer in silent:
        writer.close()
    await world.server.stop(0)
    with contextlib.suppress(ConnectionResetError):
        await dialling
