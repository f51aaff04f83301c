"""The proxy's HTTP half on a real socket: what goes on, what comes back, and what is refused with a reason."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from tests.server.conftest import LAST, Seen, Start, World, prepared, read_responses, reset
from tests.server.test_smuggling import CORPUS
from tests.servers.raw import RawServer, Script, Wire

from pipway.dial.base import Stream, Target
from pipway.dial.direct import Direct
from pipway.dial.http import Client, Limits
from pipway.errors import BadUpstream, LoginNeeded, NoWayOut, PipwayError, Refused, Unavailable
from pipway.server import limits
from pipway.server.outside import Caller, Far, Forwarded, Reply
from pipway.trace import RequestRecord, Trace
from pipway.wire.answer import Answer, Request
from pipway.wire.responses import Head

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ALICE = b"Basic " + base64.b64encode(b"alice:hunter2")
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class Everywhere:
    """A fake Outside: it decides as it is told, and really goes there."""

    client: Client
    login: str | None = None  #: the only one that is let in
    forbidden: str = ""  #: host
    error: Exception | None = None  #: of dialling and exchanging
    stuck: bool = False  #: dialling never ends
    names: dict[str, str] = field(default_factory=lambda: {"files.example": "127.0.0.1"})
    callers: list[Caller] = field(default_factory=list)
    allowed: list[tuple[str, int]] = field(default_factory=list)
    requests: list[Forwarded] = field(default_factory=list)
    dialling: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)  #: a dial was given up

    def admit(self, caller: Caller) -> None:
        self.callers.append(caller)
        if self.login is not None and caller.login != self.login:
            raise LoginNeeded("login-needed", "this proxy wants a login", fix="ask for one")

    def allow(self, host: str, port: int) -> None:
        self.allowed.append((host, port))
        if host == self.forbidden:
            raise Refused("target-forbidden", f"{host}:{port} may not be reached from here")

    async def dial(self, host: str, port: int, *, caller: Caller) -> Far:
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
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return await self.client.exchange(request)


@pytest.fixture
async def outside() -> AsyncIterator[Everywhere]:
    async def nobody(origin: object) -> None:
        raise NotImplementedError

    client = Client(
        Direct(),
        trust=nobody,  # type: ignore[arg-type]
        limits=Limits(connect=5, patience=5),
        user_agent="never sent",
        trace=Trace(),
    )
    yield Everywhere(client)
    await client.aclose()


Origin = Callable[[Script], Awaitable[RawServer]]


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    """Starts raw servers."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(script: Script) -> RawServer:
            return await stack.enter_async_context(RawServer(script))

        yield start


def reported(world: World) -> list[RequestRecord]:
    """What the log and the metrics got."""
    world.trace.flush()
    return world.records


async def page(request: Request) -> Answer | None:
    return prepared(b"index " + request.target + b" of " + (request.header(b"host") or "").encode())


def saying(answer: bytes) -> Script:
    """Says this to every request on every connection."""

    async def script(wire: Wire) -> None:
        while True:
            await wire.head()
            await wire.say(answer)

    return script


def once(answer: bytes) -> Script:
    """Says this to the first request and closes."""

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(answer)

    return script


def get(url: str, *lines: str, method: str = "GET", version: str = "1.1", last: bool = True) -> bytes:
    """A request in absolute-form with a Host that lies."""
    end = ["Connection: close"] if last and version == "1.1" and not any("onnection" in line for line in lines) else []
    return "\r\n".join([f"{method} {url} HTTP/{version}", "Host: lies.example", *lines, *end, "", ""]).encode()


def one(raw: bytes, method: str = "GET") -> Seen:
    (seen,) = read_responses(raw, [method])
    return seen


# -- absolute-form -----------------------------------------------------------------------------------------------------


async def test_a_request_is_passed_on_with_its_own_fields_only(
    start: Start, outside: Everywhere, origin: Origin
) -> None:
    """RFC 9110 §7.6.1 and RFC 9112 §3.2.2: hop-by-hop fields stay, Host comes from the target, Via is added."""
    server = await origin(saying(b"HTTP/1.1 200 Fine\r\nX-Answer: 1\r\nKeep-Alive: 5\r\nContent-Length: 2\r\n\r\nok"))
    world = await start(page, outside=outside)
    login = f"Proxy-Authorization: {ALICE.decode()}"
    fields = [
        "Accept: a",
        "Connection: close, X-Hop",
        "X-Hop: 1",
        login,
        "TE: trailers",
        "Proxy-Connection: keep-alive",
    ]
    seen = one(await world.talk(get(f"{server.origin}/p?q", "Authorization: Bearer x", *fields)))
    assert (seen.status, seen.reason, seen.body, seen.headers[b"x-answer"]) == (200, b"Fine", b"ok", b"1")
    assert b"keep-alive" not in seen.headers
    head = server.wires[0].heard.decode()
    name = seen.headers[b"via"].decode()
    assert name.startswith("1.1 pipway-")
    assert head.splitlines() == [
        "GET /p?q HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Authorization: Bearer x",
        "Accept: a",
        f"Via: {name}",
        "",
    ]
    assert outside.callers == [Caller("127.0.0.1", ALICE.decode(), "")]
    assert outside.allowed == [("127.0.0.1", server.port)]


async def test_it_is_reported(start: Start, outside: Everywhere, origin: Origin) -> None:
    server = await origin(saying(OK))
    world = await start(page, outside=outside)
    await world.talk(get(f"{server.origin}/p", "User-Agent: apt/2"))
    (record,) = reported(world)
    assert record.answered == ("GET", f"{server.origin}/p", 200, 2, "forward", "apt/2")


async def test_many_requests_on_one_connection_in_order(start: Start, outside: Everywhere, origin: Origin) -> None:
    """Pipelined, mixed with the index's own."""

    async def script(wire: Wire) -> None:
        while True:
            path = (await wire.head()).split(" ")[1].encode()
            await wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    server = await origin(script)
    world = await start(page, outside=outside)
    raw = b"".join(get(f"{server.origin}/{number}", last=False) for number in range(5)) + LAST % b"own"
    seen = read_responses(await world.talk(raw), ["GET"] * 6)
    assert [answer.body for answer in seen] == [b"/0", b"/1", b"/2", b"/3", b"/4", b"index /own of pipway.example"]
    assert len(server.wires) == 1


FRAMINGS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabcdefgh",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nabc\r\n5\r\ndefgh\r\n0\r\nTrailer: x\r\n\r\n",
    "close": b"HTTP/1.1 200 OK\r\n\r\nabcdefgh",
    "old": b"HTTP/1.0 200 OK\r\n\r\nabcdefgh",
}


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("framing", FRAMINGS)
async def test_bodies_are_framed_anew(
    start: Start, outside: Everywhere, origin: Origin, framing: str, version: str
) -> None:
    """RFC 9112 §7: chunks are never copied; HTTP/1.0 gets a body that ends with the connection."""
    server = await origin(once(FRAMINGS[framing]))
    world = await start(page, outside=outside)
    raw = await world.talk(get(server.origin, version=version))
    head, _, rest = raw.partition(b"\r\n\r\n")
    assert (b"content-length: 8" in head.lower()) is (framing == "length")
    assert (b"transfer-encoding" in head.lower()) is (framing != "length" and version == "1.1")
    assert b"x=y" not in rest
    assert b"Trailer" not in raw
    assert one(raw).body == b"abcdefgh"


async def test_http_1_0_learns_of_the_end_even_if_it_wants_to_stay(
    start: Start, outside: Everywhere, origin: Origin
) -> None:
    """RFC 9112 §6.3: without a length the end of the connection is the end of the body, whatever was asked for."""
    server = await origin(once(FRAMINGS["chunked"]))
    world = await start(page, outside=outside)
    raw = await world.talk(get(server.origin, "Connection: keep-alive", version="1.0"), eof=False)
    assert one(raw).body == b"abcdefgh"


@pytest.mark.parametrize(
    ("method", "answer", "length"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"5"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", b"5"),
        ("GET", b"HTTP/1.1 204 No\r\n\r\n", None),
    ],
)
async def test_answers_without_a_body(
    start: Start, outside: Everywhere, origin: Origin, method: str, answer: bytes, length: bytes | None
) -> None:
    """RFC 9110 §6.4.1; the connection goes on."""
    server = await origin(saying(answer))
    world = await start(page, outside=outside)
    raw = get(server.origin, method=method, last=False) + get(server.origin, method=method)
    for seen in read_responses(await world.talk(raw), [method, method]):
        assert (seen.headers.get(b"content-length"), seen.body) == (length, b"")
        assert b"transfer-encoding" not in seen.headers


async def test_the_origins_date_stays_and_ours_is_for_who_has_none(
    start: Start, outside: Everywhere, origin: Origin
) -> None:
    """RFC 9110 §6.6.1."""
    then = b"Sun, 06 Nov 1994 08:49:37 GMT"
    server = await origin(saying(b"HTTP/1.1 200 OK\r\nDate: " + then + b"\r\nContent-Length: 0\r\n\r\n"))
    bare = await origin(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    world = await start(page, outside=outside)
    raw = await world.talk(get(server.origin))
    assert raw.lower().count(b"\r\ndate: ") == 1
    assert one(raw).headers[b"date"] == then
    assert one(await world.talk(get(bare.origin))).headers[b"date"].endswith(b"GMT")


@pytest.mark.slow
async def test_a_large_answer_arrives_whole_at_a_slow_clients_pace(
    start: Start, outside: Everywhere, origin: Origin
) -> None:
    size = 32 << 20
    sent = 0

    async def script(wire: Wire) -> None:
        nonlocal sent
        await wire.head()
        await wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size >> 20):
            await wire.say(bytes(1 << 20))
            sent += 1 << 20

    server = await origin(script)
    world = await start(page, outside=outside)
    reader, writer = await world.connect()
    writer.write(get(server.origin))
    await reader.readuntil(b"\r\n\r\n")
    before = -1
    while sent != before:  # until it moves no more
        before = sent
        for _ in range(50):
            await asyncio.sleep(0.002)
    assert sent < 24 << 20
    assert await reader.readexactly(size) == bytes(size)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_truncated_answer_resets_the_connection(
    start: Start, outside: Everywhere, origin: Origin, answer: bytes, version: str
) -> None:
    """Nobody takes the part for the whole, not even where the end of the connection is the end of the body."""
    server = await origin(once(answer))
    world = await start(page, outside=outside)
    with pytest.raises(ConnectionResetError):
        await world.talk(get(server.origin, version=version))
    assert "answer.broken" in world.events


async def test_an_answer_that_is_broken_from_its_start_is_a_502(
    start: Start, outside: Everywhere, origin: Origin
) -> None:
    server = await origin(once(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"))
    world = await start(page, outside=outside)
    assert one(await world.talk(get(server.origin))).status == 502


async def test_a_client_that_leaves_ends_the_exchange(start: Start, outside: Everywhere, origin: Origin) -> None:
    gone = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        await wire.rest()
        gone.set()

    server = await origin(script)
    world = await start(page, outside=outside)
    reader, writer = await world.connect()
    writer.write(get(server.origin))
    await reader.readuntil(b"abc")
    reset(writer)
    await gone.wait()
    assert outside.client.open_connections == 0


# -- request bodies ----------------------------------------------------------------------------------------------------


async def test_bodies_go_up_and_the_connection_goes_on(start: Start, outside: Everywhere, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        while True:
            head = await wire.head()
            if "Content-Length: 5" in head:
                await wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + await wire.exactly(5))
            else:
                body = await wire.until(b"0\r\n\r\n")
                await wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    server = await origin(script)
    world = await start(page, outside=outside)
    plain = get(server.origin, "Content-Length: 5", method="POST", last=False) + b"hello"
    pieces = b"4;ext=1\r\nwiki\r\n5\r\npedia\r\n0\r\nTrailer: x\r\n\r\n"
    framed = get(server.origin, "Transfer-Encoding: chunked", method="POST", last=False) + pieces
    raw = plain + framed + get(server.origin, "Content-Length: 5", method="PUT") + b"again"
    seen = read_responses(await world.talk(raw), ["POST", "POST", "PUT"])
    assert [answer.body for answer in seen] == [b"hello", b"9\r\nwikipedia\r\n0\r\n\r\n", b"again"]


@pytest.mark.slow
async def test_every_cut_of_the_bytes_is_passed_on_the_same(start: Start, outside: Everywhere, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        while True:
            if "chunked" in await wire.head():
                await wire.until(b"0\r\n\r\n")
            await wire.say(OK)

    server = await origin(script)
    world = await start(page, outside=outside)
    framed = (
        get(server.origin, "Transfer-Encoding: chunked", method="POST", last=False) + b"3;a\r\nabc\r\n0\r\nT: 1\r\n\r\n"
    )
    raw = framed + get(f"{server.origin}/x")
    for cut in range(1, len(raw)):
        seen = read_responses(await world.talk(raw[:cut], raw[cut:]), ["POST", "GET"])
        assert [answer.body for answer in seen] == [b"ok", b"ok"], cut
    bodies = [body for wire in server.wires for body in wire.heard.split(b"\r\n\r\n") if body.startswith(b"3")]
    assert bodies == [b"3\r\nabc\r\n0"] * (len(raw) - 1)


async def test_a_body_may_be_larger_than_what_the_index_takes(
    start: Start, outside: Everywhere, origin: Origin
) -> None:
    """Nothing of it is kept, so only back-pressure bounds it."""

    async def script(wire: Wire) -> None:
        await wire.head()
        assert len(await wire.exactly(300_000)) == 300_000
        await wire.say(OK)

    server = await origin(script)
    world = await start(page, outside=outside, limits=limits.Limits(body=1000))
    raw = get(server.origin, "Content-Length: 300000", method="PUT") + bytes(300_000)
    assert one(await world.talk(raw), "PUT").body == b"ok"


@pytest.mark.slow
async def test_a_body_waits_with_the_client_while_the_server_is_slow(
    start: Start, outside: Everywhere, origin: Origin
) -> None:
    go = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.head()
        await go.wait()
        left = 48 << 20
        while left:
            left -= len(await wire.reader.read(1 << 20))
        await wire.say(OK)

    server = await origin(script)
    world = await start(page, outside=outside)
    reader, writer = await world.connect()
    writer.write(get(server.origin, f"Content-Length: {48 << 20}", method="PUT"))
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 48 << 20:
            async with asyncio.timeout(0.5):
                writer.write(bytes(1 << 20))
                sent += 1 << 20
                await writer.drain()
    assert sent < 40 << 20
    go.set()
    while sent < 48 << 20:
        writer.write(bytes(1 << 20))
        sent += 1 << 20
        await writer.drain()
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("body", [b"5\r\nab", b"5\r\nabcdefgh\r\n", b"zz\r\n", b"3\r\nabc\r\n0\r\nno colon\r\n\r\n"])
async def test_a_broken_body_is_refused_and_breaks_off_upstream(
    start: Start, outside: Everywhere, origin: Origin, body: bytes
) -> None:
    over = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.rest()
        over.set()

    server = await origin(script)
    world = await start(page, outside=outside)
    raw = get(server.origin, "Transfer-Encoding: chunked", method="POST", last=False) + body
    assert one(await world.talk(raw), "POST").status == 400
    await over.wait()
    assert not server.wires[0].heard.endswith(b"0\r\n\r\n")


@pytest.mark.slow
async def test_a_client_that_stops_sending_is_not_waited_for(start: Start, outside: Everywhere, origin: Origin) -> None:
    server = await origin(lambda wire: _swallow(wire))
    world = await start(page, outside=outside, limits=limits.Limits(stall_seconds=0.3))
    raw = get(server.origin, "Content-Length: 10", method="POST") + b"abc"
    assert one(await world.talk(raw, eof=False), "POST").status == 408


@pytest.mark.slow
async def test_nor_when_it_stops_behind_a_slow_server(start: Start, outside: Everywhere, origin: Origin) -> None:
    """Reading was paused meanwhile: when it goes on, the clock does, too."""
    go = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.head()
        await go.wait()
        await wire.rest()

    server = await origin(script)
    world = await start(page, outside=outside, limits=limits.Limits(stall_seconds=1))
    reader, writer = await world.connect()
    writer.write(get(server.origin, f"Content-Length: {1 << 30}", method="PUT"))
    with pytest.raises(TimeoutError):
        while True:
            async with asyncio.timeout(0.3):
                writer.write(bytes(1 << 20))
                await writer.drain()
    go.set()
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 408 ")
    reset(writer)


@pytest.mark.slow
async def test_nor_after_100_continue(start: Start, outside: Everywhere, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await wire.rest()

    server = await origin(script)
    world = await start(page, outside=outside, limits=limits.Limits(stall_seconds=0.3))
    raw = await world.talk(get(server.origin, "Expect: 100-continue", "Content-Length: 3", method="PUT"), eof=False)
    interim, _, rest = raw.partition(b"\r\n\r\n")
    assert interim.startswith(b"HTTP/1.1 100 ")
    assert one(rest, "PUT").status == 408


async def _swallow(wire: Wire) -> None:
    await wire.rest()


# -- 1xx ---------------------------------------------------------------------------------------------------------------


async def test_expect_is_answered_by_the_server_itself(start: Start, outside: Everywhere, origin: Origin) -> None:
    """RFC 9110 §10.1.1: not before the server said so."""
    ready = asyncio.Event()
    go = asyncio.Event()

    async def script(wire: Wire) -> None:
        assert "Expect: 100-continue" in await wire.head()
        ready.set()
        await go.wait()
        await wire.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await wire.exactly(3)
        await wire.say(OK)

    server = await origin(script)
    world = await start(page, outside=outside)
    reader, writer = await world.connect()
    writer.write(get(server.origin, "Expect: 100-continue", "Content-Length: 3", method="PUT"))
    await ready.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.read(1)
    go.set()
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 Continue\r\n")
    writer.write(b"abc")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()
    await writer.wait_closed()


async def test_an_expectation_of_http_1_0_is_ignored(start: Start, outside: Everywhere, origin: Origin) -> None:
    """RFC 9110 §10.1.1."""

    async def script(wire: Wire) -> None:
        assert "Expect" not in await wire.head()
        await wire.exactly(3)
        await wire.say(OK)

    server = await origin(script)
    world = await start(page, outside=outside)
    fields = ["Expect: 100-continue", "Content-Length: 3"]
    assert one(await world.talk(get(server.origin, *fields, method="PUT", version="1.0") + b"abc"), "PUT").body == b"ok"


async def test_an_expectation_may_fail(start: Start, outside: Everywhere, origin: Origin) -> None:
    """RFC 9110 §10.1.1: the body is never sent, so the connection cannot go on."""
    server = await origin(once(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"))
    world = await start(page, outside=outside)
    raw = get(server.origin, "Expect: 100-continue", "Content-Length: 3", method="PUT", last=False)
    seen = one(await world.talk(raw, eof=False), "PUT")
    assert (seen.status, seen.headers[b"connection"]) == (401, b"close")


async def test_interim_answers_reach_who_knows_them(start: Start, outside: Everywhere, origin: Origin) -> None:
    """RFC 9110 §15.2: not HTTP/1.0."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X\r\nX: 1\r\n\r\n"
    server = await origin(once(hints + OK))
    world = await start(page, outside=outside)
    raw = await world.talk(get(server.origin))
    interim, _, rest = raw.partition(b"\r\n\r\n")
    assert interim.splitlines()[:2] == [b"HTTP/1.1 103 Early Hints", b"Link: </a>"]
    assert b"X: 1" not in interim
    assert one(rest).body == b"ok"
    assert (await world.talk(get(server.origin, version="1.0"))).startswith(b"HTTP/1.1 200 OK\r\n")


# -- loops, OPTIONS, TRACE ---------------------------------------------------------------------------------------------


async def test_a_request_that_comes_back_is_refused(start: Start, outside: Everywhere) -> None:
    """RFC 9110 §7.6.3: pipway as its own parent would go round for ever."""
    world = await start(page, outside=outside)
    outside.names["loop.example"] = "127.0.0.1"
    outside.client._dialer = _To(world.address)
    seen = one(await world.talk(get("http://loop.example/")))
    assert seen.status == 508
    assert b"came back" in seen.reason
    assert len(outside.requests) == 1


class _To:
    """Every way leads to one address: that of a parent which is ourselves, and forwards."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    async def dial(self, target: Target) -> Stream:
        stream = await Direct().dial(Target(*self._address))
        stream.info = replace(stream.info, forward=_NoLogin())
        return stream


class _NoLogin:
    lasting = False

    async def fields(self, method: str, uri: str) -> Mapping[str, str]:
        return {}

    async def answered(self, head: Head) -> bool:
        return False


async def test_connect_in_a_loop(start: Start, outside: Everywhere) -> None:
    world = await start(page, outside=outside)
    via = one(await world.talk(get("http://127.0.0.1:1/"))).headers  # refused: no Via there
    assert b"via" not in via
    shared = world.server._shared
    assert shared is not None
    raw = b"CONNECT files.example:443 HTTP/1.1\r\nHost: x\r\nVia: 1.1 " + shared.via + b"\r\n\r\n"
    assert one(await world.talk(raw), "GET").status == 508


async def test_other_pipways_are_no_loop(start: Start, outside: Everywhere, origin: Origin) -> None:
    server = await origin(saying(OK))
    world = await start(page, outside=outside)
    assert one(await world.talk(get(server.origin, "Via: 1.1 pipway-0123456789abcdef, 1.0 fred"))).status == 200
    assert server.wires[0].heard.count(b"Via: ") == 2


async def test_options_count_down(start: Start, outside: Everywhere, origin: Origin) -> None:
    """RFC 9110 §7.6.2."""
    server = await origin(saying(OK))
    world = await start(page, outside=outside)
    assert one(await world.talk(get(server.origin, "Max-Forwards: 3", method="OPTIONS")), "OPTIONS").body == b"ok"
    assert server.wires[0].heard.startswith(b"OPTIONS * HTTP/1.1\r\n")
    assert b"Max-Forwards: 2" in server.wires[0].heard
    assert one(await world.talk(get(server.origin, "Max-Forwards: 0", method="OPTIONS")), "OPTIONS").body == b""
    assert len(outside.requests) == 1


async def test_trace_is_not_passed_on(start: Start, outside: Everywhere) -> None:
    world = await start(page, outside=outside)
    assert one(await world.talk(get("http://files.example/", method="TRACE")), "TRACE").status == 405
    assert outside.requests == []


# -- our own address ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]"])
async def test_the_index_on_the_same_port_is_answered_here(start: Start, outside: Everywhere, host: str) -> None:
    """pip with --proxy and --index-url both naming pipway; RFC 9112 §3.2.2: the target, not Host, says who is meant."""
    world = await start(page, outside=outside)
    raw = get(f"http://{host}:{world.address[1]}/simple/foo/?a", f"Proxy-Authorization: {ALICE.decode()}")
    seen = one(await world.talk(raw))
    assert seen.body.startswith(b"index /simple/foo/?a of ")
    assert b"lies" not in seen.body
    assert outside.callers == []
    assert world.requests[0].header(b"proxy-authorization") is None


async def test_names_of_the_server_are_its_own(start: Start, outside: Everywhere) -> None:
    """pip --proxy ignores NO_PROXY: behind a shared pipway even the index is asked for in absolute-form."""
    outside.error = Refused("own-listener", "that is this proxy itself")
    world = await start(page, outside=outside, names=["Pipway.corp.example"])
    for host, status in (("pipway.CORP.example", 200), ("pipway.corp.example.", 200), ("corp.example", 403)):
        assert one(await world.talk(get(f"http://{host}:{world.address[1]}/simple/"))).status == status
    assert one(await world.talk(get("http://pipway.corp.example/simple/"))).status == 403  # another port


async def test_other_addresses_of_this_port_are_not_ours_to_answer(start: Start, outside: Everywhere) -> None:
    """Whether they may be reached is for `allow` and the rule of addresses to say."""
    outside.error = Refused("own-listener", "that is this proxy itself")
    world = await start(page, outside=outside)
    for host in ("127.0.0.2", "pipway.example"):
        assert one(await world.talk(get(f"http://{host}:{world.address[1]}/"))).status == 403
    assert world.requests == []


async def test_without_an_outside_nothing_is_passed_on(start: Start) -> None:
    world = await start(page)
    for raw in (get("http://127.0.0.1/"), b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"):
        assert one(await world.talk(raw)).status == 501


# -- refusals ----------------------------------------------------------------------------------------------------------

FAILURES: list[tuple[PipwayError, int]] = [
    (Refused("address-forbidden", "10.0.0.1 may not be reached", why="it is private"), 403),
    (NoWayOut("login-required", "the parent wants a login"), 502),
    (BadUpstream("bad-framing", "the server's answer breaks HTTP/1.1"), 502),
    (Unavailable("name-not-found", "there is no host named x"), 503),
    (Unavailable("connect-timeout", "no connection within 10 s"), 504),
    (Unavailable("first-byte-timeout", "it did not answer"), 504),
]


@pytest.mark.parametrize(("error", "status"), FAILURES, ids=[error.code for error, _ in FAILURES])
async def test_failures_are_said_in_the_reason_phrase(
    start: Start, outside: Everywhere, error: PipwayError, status: int
) -> None:
    """pip prints nothing else."""
    outside.error = error
    world = await start(page, outside=outside)
    for raw in (get("http://files.example/"), b"CONNECT files.example:443 HTTP/1.0\r\n\r\n"):
        seen = one(await world.talk(raw))
        assert seen.status == status
        assert error.what.encode() in seen.reason
    answered = [record.answered for record in reported(world)]
    assert [(one.status, one.outcome) for one in answered] == [(status, "error")] * 2


async def test_a_reason_cannot_inject_lines(start: Start, outside: Everywhere) -> None:
    outside.error = Refused("evil", "no\r\nX-Injected: 1\r\n\r\n<html>\x1b[2J" + "x" * 500)
    world = await start(page, outside=outside)
    for raw in (get("http://files.example/"), b"CONNECT files.example:443 HTTP/1.1\r\nHost: x\r\n\r\n"):
        answer = await world.talk(raw)
        assert b"x-injected" not in one(answer).headers
        assert b"\x1b" not in answer.partition(b"\r\n\r\n")[0]
        assert len(answer.partition(b"\r\n")[0]) < 200


async def test_an_upstreams_reason_is_cleaned(start: Start, outside: Everywhere, origin: Origin) -> None:
    server = await origin(once(b"HTTP/1.1 200 \x1b[2J\xff\tFine \x07" + b"y" * 300 + b"\r\nContent-Length: 0\r\n\r\n"))
    world = await start(page, outside=outside)
    line = (await world.talk(get(server.origin))).partition(b"\r\n")[0]
    assert line.isascii()
    assert b"\x1b" not in line
    assert len(line) < 200


async def test_who_asks_must_log_in(start: Start, outside: Everywhere, origin: Origin) -> None:
    """RFC 9110 §15.5.8; the connection is kept, so that the second try costs no other."""
    outside.login = ALICE.decode()
    server = await origin(saying(OK))
    world = await start(page, outside=outside)
    raw = get(server.origin, last=False) + get(server.origin, f"Proxy-Authorization: {ALICE.decode()}")
    first, second = read_responses(await world.talk(raw), ["GET", "GET"])
    assert (first.status, second.status) == (407, 200)
    assert first.headers[b"proxy-authenticate"].startswith(b'Basic realm="pipway"')
    assert b"www-authenticate" not in first.headers
    assert b"hunter2" not in first.body


async def test_what_may_not_be_reached_is_never_asked(start: Start, outside: Everywhere) -> None:
    outside.forbidden = "files.example"
    world = await start(page, outside=outside)
    for raw in (get("http://FILES.example./".replace("./", "/")), b"CONNECT files.EXAMPLE:443 HTTP/1.0\r\n\r\n"):
        assert one(await world.talk(raw)).status == 403
    assert outside.requests == []
    assert not outside.dialling.is_set()


@pytest.mark.parametrize(
    "target",
    [
        *(b"http://alice:hunter2@files.example/", b"http://files.example:0/", b"http://files.example:70000/"),
        *(b"ftp://files.example/", b"http:///", b"http://[::1/", b"http://a%0d%0ab/", b"http://files.example\\@b/"),
    ],
)
async def test_bad_targets(start: Start, outside: Everywhere, target: bytes) -> None:
    world = await start(page, outside=outside)
    raw = await world.talk(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert one(raw).status == 400
    assert b"hunter2" not in raw
    assert outside.allowed == []


@pytest.mark.parametrize(
    "target",
    [b"files.example", b"files.example:0", b"files.example:70000", b"a@files.example:443", b"[::g]:443", b"/x"],
)
async def test_bad_connect_targets(start: Start, outside: Everywhere, target: bytes) -> None:
    world = await start(page, outside=outside)
    assert one(await world.talk(b"CONNECT " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")).status == 400
    assert outside.allowed == []


@pytest.mark.parametrize(("raw", "status"), CORPUS)
async def test_what_has_two_readings_goes_nowhere(
    start: Start, outside: Everywhere, origin: Origin, raw: bytes, status: int
) -> None:
    """RFC 9112 §11.2: the corpus of test_smuggling, in absolute-form."""
    server = await origin(saying(OK))
    world = await start(page, outside=outside)
    smuggling = raw.replace(b" / ", b" %b/ " % server.origin.encode(), 1)
    (seen, *others) = read_responses(
        await world.talk(smuggling + b"0\r\n\r\n" + get(f"{server.origin}/smuggled")), ["GET"]
    )
    assert (seen.status, others) == (status, [])
    assert outside.requests == []
    assert server.wires == []


# -- CONNECT -----------------------------------------------------------------------------------------------------------


async def echo(wire: Wire) -> None:
    while data := await wire.reader.read(65536):
        await wire.say(data)


@pytest.mark.parametrize(
    "fields", [b" HTTP/1.0\r\n\r\n", b" HTTP/1.1\r\nHost: lies.example:1\r\nUser-Agent: uv/1\r\n\r\n"]
)
@pytest.mark.parametrize("early", [True, False])
async def test_connect(start: Start, outside: Everywhere, origin: Origin, fields: bytes, early: bool) -> None:
    """RFC 9110 §9.3.6, also as pip on Python 3.11 asks; what comes behind the request belongs to the tunnel."""
    server = await origin(echo)
    world = await start(page, outside=outside)
    request = b"CONNECT files.example:%d" % server.port + fields
    raw = await (world.talk(request + b"hello") if early else world.talk(request, b"hello"))
    assert raw == ESTABLISHED + b"hello"
    (record,) = reported(world)
    agent = "uv/1" if b"uv" in fields else ""
    assert record.answered == ("CONNECT", f"files.example:{server.port}", 200, 5, "tunnel", agent)
    assert outside.allowed == [("files.example", server.port)]


async def test_a_server_that_speaks_first(start: Start, outside: Everywhere, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        await wire.say(b"220 hello\r\n")

    server = await origin(script)
    world = await start(page, outside=outside)
    raw = await world.talk(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % server.port, eof=False)
    assert raw == ESTABLISHED + b"220 hello\r\n"


async def test_connect_after_other_requests_of_a_client_that_has_ended(
    start: Start, outside: Everywhere, origin: Origin
) -> None:
    """Pipelined, with the end of the client's bytes known before the tunnel stands."""

    async def slow(request: Request) -> Answer | None:
        shared = world.server._shared
        assert shared is not None
        while not any(getattr(guest, "_half", False) for guest in shared.guests):
            await asyncio.sleep(0)
        return prepared()

    server = await origin(echo)
    world = await start(slow, outside=outside)
    own = b"GET /own HTTP/1.1\r\nHost: x\r\n\r\n"
    raw = await world.talk(own + b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\nabc" % server.port)
    assert raw.endswith(ESTABLISHED + b"abc")


async def test_a_refused_connect_ends_the_connection(start: Start, outside: Everywhere) -> None:
    """What follows may be a tunnel's bytes and must not be taken for a request."""
    outside.error = Unavailable("connection-refused", "nothing listens there")
    world = await start(page, outside=outside)
    raw = await world.talk(b"CONNECT files.example:443 HTTP/1.1\r\nHost: x\r\n\r\n" + LAST % b"smuggled")
    assert one(raw).headers[b"connection"] == b"close"
    assert world.requests == []


async def test_connect_has_no_body(start: Start, outside: Everywhere) -> None:
    world = await start(page, outside=outside)
    raw = b"CONNECT files.example:443 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    assert one(await world.talk(raw)).status == 400
    assert outside.allowed == []


async def test_a_way_that_never_opens_is_given_up(start: Start, outside: Everywhere) -> None:
    outside.stuck = True
    world = await start(page, outside=outside, limits=limits.Limits(dial_seconds=0.1))
    assert one(await world.talk(b"CONNECT files.example:443 HTTP/1.0\r\n\r\n", eof=False)).status == 504
    assert outside.ended.is_set()


async def test_a_server_that_stops_gives_up_dialling(start: Start, outside: Everywhere) -> None:
    outside.stuck = True
    world = await start(page, outside=outside)
    _, writer = await world.connect()
    writer.write(b"CONNECT files.example:443 HTTP/1.0\r\n\r\n")
    await outside.dialling.wait()
    await world.server.stop(0)
    assert outside.ended.is_set()
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()


# -- upgrades ----------------------------------------------------------------------------------------------------------


async def test_an_upgrade_becomes_a_tunnel(start: Start, outside: Everywhere, origin: Origin) -> None:
    """RFC 9110 §7.8, with bytes that come early both ways."""

    async def script(wire: Wire) -> None:
        head = await wire.head()
        assert "Connection: Upgrade\r\nUpgrade: websocket" in head
        assert "Sec-Websocket-Key: k" in head
        switching = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX: 1\r\n\r\n"
        await wire.say(switching + b"server first;")
        await echo(wire)

    server = await origin(script)
    world = await start(page, outside=outside)
    fields = ["Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k"]
    raw = await world.talk(get(f"{server.origin}/ws", *fields) + b"client first;", b"and more")
    head, _, rest = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching\r\n")
    assert b"Connection: Upgrade\r\nUpgrade: websocket" in head
    assert b"X: 1" in head
    assert rest == b"server first;client first;and more"
    (record,) = reported(world)
    assert (record.answered.status, record.answered.outcome, record.answered.sent) == (101, "tunnel", len(rest))


async def test_a_declined_upgrade_is_an_answer_like_any_other(
    start: Start, outside: Everywhere, origin: Origin
) -> None:
    server = await origin(saying(OK))
    world = await start(page, outside=outside)
    asking = get(server.origin, "Connection: Upgrade", "Upgrade: websocket")
    raw = await world.talk(asking + get(server.origin))
    assert [seen.body for seen in read_responses(raw, ["GET", "GET"])] == [b"ok", b"ok"]


async def test_http_2_is_not_upgraded_to(start: Start, outside: Everywhere, origin: Origin) -> None:
    server = await origin(saying(OK))
    world = await start(page, outside=outside)
    fields = ["Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"]
    assert one(await world.talk(get(server.origin, *fields))).body == b"ok"
    assert b"Upgrade" not in server.wires[0].heard
    assert b"Http2" not in server.wires[0].heard


# -- interception's say ------------------------------------------------------------------------------------------------


class Indexed:
    """Answers one origin from the index chain."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, str]] = []

    def wants(self, host: str, port: int, caller: Caller) -> bool:
        return False

    async def answer(self, request: Request, origin: str) -> Answer | None:
        self.asked.append((request.target, origin))
        return prepared(b"cached") if origin == "http://index.example" else None


async def test_pages_of_our_indexes_come_from_the_chain(start: Start, outside: Everywhere, origin: Origin) -> None:
    server = await origin(saying(OK))
    indexed = Indexed()
    world = await start(page, outside=outside, intercept=indexed)
    raw = get("http://index.example:80/simple/?x", last=False) + get(f"{server.origin}/y")
    first, second = read_responses(await world.talk(raw), ["GET", "GET"])
    assert (first.body, second.body) == (b"cached", b"ok")
    assert indexed.asked == [(b"/simple/?x", "http://index.example"), (b"/y", server.origin)]
    assert outside.allowed[0] == ("index.example", 80)
