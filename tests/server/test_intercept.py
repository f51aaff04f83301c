"""Tunnels whose TLS ends here: which, what is answered inside, and that everything else stays opaque."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.server.conftest import Seen, Start, World, prepared, read_responses

from pipway.dial.base import Target
from pipway.dial.direct import Direct
from pipway.errors import Refused, Unavailable
from pipway.server.ca import Authority
from pipway.server.intercept import Interception
from pipway.server.limits import Limits
from pipway.server.outside import Caller, Far, Fields, Forwarded, Reply
from pipway.trace import Trace
from pipway.wire.answer import Answer, Lease, Request, Slice, Streamed

HOST = "index.example"
CONNECT = b"CONNECT %b:443 HTTP/1.1\r\nHost: %b\r\n\r\n"
OK = b"HTTP/1.1 200 Connection established\r\n\r\n"
ASK = b"GET /simple/ HTTP/1.1\r\nHost: index.example\r\n\r\n"
LAST = b"GET /simple/ HTTP/1.1\r\nHost: index.example\r\nConnection: close\r\n\r\n"


@dataclass
class Canned:
    """A reply from beyond."""

    status: int = 200
    reason: str = "Fine"
    fields: Fields = ((b"x-from", b"beyond"), (b"connection", b"x-hop"), (b"x-hop", b"1"))
    length: int | None = 6
    switched: Far | None = None
    ready: bool = False
    body: bytes = b"beyond"
    closed: bool = False

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Beyond:
    """The world outside, as far as these tests need one."""

    port: int = 0  #: where every host is dialled
    denied: bool = False
    error: Exception | None = None
    asked: list[Forwarded] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)

    def admit(self, caller: Caller) -> None:
        self.callers.append(caller)

    def allow(self, host: str, port: int) -> None:
        if self.denied:
            raise Refused("target-forbidden", f"{host} is not for you")

    async def dial(self, host: str, port: int, *, caller: Caller) -> Far:
        self.dialled.append((host, port))
        if self.error is not None:
            raise self.error
        return await Direct().dial(Target("127.0.0.1", self.port))

    async def exchange(self, request: Forwarded, *, caller: Caller) -> Reply:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        self.bodies.append(b"".join([piece async for piece in request.body]) if request.body is not None else b"")
        return Canned()


Handler = Callable[[Request, str], Awaitable[Answer | None]]


async def page(request: Request, origin: str) -> Answer | None:
    """One page; everything else is sent on."""
    if not request.path.startswith("/simple/"):
        return None
    return prepared(f"{origin}{request.path}".encode())


@dataclass
class Scene:
    """A server that looks into tunnels to index.example, and one client after the other."""

    world: World
    beyond: Beyond
    authority: Authority
    interception: Interception
    facts: list[tuple[str, dict[str, object]]]

    async def connect(
        self, *, host: str = HOST, early: bytes = b"", agent: str = "", status: bytes = OK
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A tunnel, as the client believes."""
        reader, writer = await self.world.connect()
        line = b"User-Agent: %b\r\n\r\n" % agent.encode()
        name = host.encode()
        writer.write((CONNECT % (name, name))[:-2] + (line if agent else b"\r\n") + early)
        assert await reader.readexactly(len(status)) == status
        return reader, writer

    async def secure(
        self, *, host: str = HOST, context: ssl.SSLContext | None = None, agent: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """TLS in it."""
        reader, writer = await self.connect(host=host, agent=agent)
        try:
            await writer.start_tls(context or self.trusting(), server_hostname=host)
        except BaseException:
            writer.transport.abort()
            raise
        return reader, writer

    async def ask(self, *requests: bytes, host: str = HOST, context: ssl.SSLContext | None = None) -> bytes:
        """Everything that comes until the server closes."""
        reader, writer = await self.secure(host=host, context=context)
        for request in requests:
            writer.write(request)
        await writer.drain()
        try:
            return await reader.read()
        finally:
            await closed(writer)

    def trusting(self) -> ssl.SSLContext:
        """A client that believes our authority and nobody else."""
        context = ssl.create_default_context(cafile=str(self.authority.bundle))
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def events(self, name: str) -> list[dict[str, object]]:
        return [facts for seen, facts in self.facts if seen == name]


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        await writer.wait_closed()


Make = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def make(start: Start, tmp_path: Path) -> Make:
    """Builds scenes."""

    async def build(
        answer: Handler = page,
        *,
        distrust: bool = False,
        limits: Limits | None = None,
        clock: Callable[[], float] | None = None,
    ) -> Scene:
        async def outer(request: Request) -> Answer | None:
            return prepared(b"the server's own")

        facts: list[tuple[str, dict[str, object]]] = []
        trace = Trace()
        trace.listen(lambda name, more: facts.append((name, dict(more))))
        authority, beyond = Authority(tmp_path), Beyond()
        authority.ensure([HOST, "files.example"])
        interception = Interception(
            authority,
            ours=lambda host, port: host in (HOST, "files.example", "new.example") and port == 443,
            answer=answer,
            pass_distrust=distrust,
            trace=trace,
            clock=clock or time.monotonic,
        )
        world = await start(outer, outside=beyond, intercept=interception, limits=limits)
        return Scene(world, beyond, authority, interception, facts)

    return build


@pytest.fixture
async def scene(make: Make) -> Scene:
    return await make()


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that gives back what it hears."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.write_eof()
        await closed(writer)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


def only(raw: bytes) -> Seen:
    (seen,) = read_responses(raw, ["GET"])
    return seen


async def test_requests_inside_are_answered_by_origin(scene: Scene) -> None:
    """The index chain is told whom the client believes to have reached; the way out is not touched."""
    assert only(await scene.ask(LAST)).body == b"https://index.example/simple/"
    assert scene.beyond.dialled == []
    assert scene.beyond.asked == []


async def test_a_connection_is_kept_and_pipelined_requests_are_answered_in_order(scene: Scene) -> None:
    """As on every connection of this server."""
    raw = await scene.ask(ASK + ASK.replace(b"simple/", b"simple/two/"), LAST)
    assert [seen.body.rpartition(b"example")[2] for seen in read_responses(raw, ["GET"] * 3)] == [
        b"/simple/", b"/simple/two/", b"/simple/",
    ]  # fmt: skip


async def test_http_1_is_what_is_spoken(scene: Scene) -> None:
    """ALPN: HTTP/2 clients are offered HTTP/1.1."""
    _, writer = await scene.secure()
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    await closed(writer)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_of_tls(scene: Scene, version: ssl.TLSVersion) -> None:
    """And nothing older."""
    context = scene.trusting()
    context.minimum_version = context.maximum_version = version
    assert only(await scene.ask(LAST, context=context)).status == 200


class Client:
    """TLS in the test's own hands, so that it can cut what it sends."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=HOST)

    def hello(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()

    async def finish(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: int) -> None:
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.incoming.write(await reader.read(65536))
        await self.send(writer, piece)

    async def send(self, writer: asyncio.StreamWriter, piece: int) -> None:
        data = self.outgoing.read()
        for at in range(0, len(data), piece):
            writer.write(data[at : at + piece])
            await writer.drain()
            await asyncio.sleep(0)

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        found = b""
        while True:
            try:
                data = self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.incoming.write(await reader.read(65536))
                continue
            if not data:
                return found
            found += data


@pytest.mark.parametrize("together", [0, 1, 7, 100, 10_000])
async def test_an_early_client_hello_is_not_lost(scene: Scene, together: int) -> None:
    """P26: some of it comes in one packet with CONNECT, before the answer."""
    client = Client(scene.trusting())
    hello = client.hello()
    reader, writer = await scene.connect(early=hello[:together])
    writer.write(hello[together:])
    await client.finish(reader, writer, 65536)
    client.tls.write(LAST)
    await client.send(writer, 65536)
    assert only(await client.read(reader)).status == 200
    await closed(writer)


@pytest.mark.parametrize("piece", [1, 5, 64])
async def test_tls_may_be_cut_anywhere(scene: Scene, piece: int) -> None:
    """A record ends where it ends, not where a packet does."""
    client = Client(scene.trusting())
    hello = client.hello()
    reader, writer = await scene.connect()
    for at in range(0, len(hello), piece):
        writer.write(hello[at : at + piece])
        await asyncio.sleep(0)
    await client.finish(reader, writer, piece)
    client.tls.write(LAST)
    await client.send(writer, piece)
    assert only(await client.read(reader)).body == b"https://index.example/simple/"
    await closed(writer)


async def test_large_answers_arrive_whole_at_a_slow_client(make: Make) -> None:
    """Back-pressure passes through the TLS: what the client does not take waits, and nothing else grows."""
    body = hashlib.sha256(b"seed").digest() * 262144  # 8 MiB

    async def answer(request: Request, origin: str) -> Answer | None:
        return prepared(body, lease=Lease(time.monotonic() + 60))

    scene = await make(answer)
    for _ in range(2):  # the second time from what is kept
        reader, writer = await scene.secure()
        writer.write(LAST.replace(b"Connection: close\r\n", b"") + LAST)
        received = 0
        digest = hashlib.sha256()
        while data := await reader.read(30_000):
            received += len(data)
            digest.update(data)
            await asyncio.sleep(0)
        assert received > 2 * len(body)
        await closed(writer)


async def test_a_client_that_reads_nothing_holds_the_answer_up(make: Make) -> None:
    """Its memory is bounded by the sockets, not by the answer."""
    pulled = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal pulled
        for _ in range(1024):  # 64 MiB
            pulled += 1
            yield bytes(65536)

    async def answer(request: Request, origin: str) -> Answer | None:
        return Streamed(200, b"HTTP/1.1 200 OK\r\n", chunks()) if request.path == "/simple/" else prepared()

    scene = await make(answer)
    _, writer = await scene.secure()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(ASK)
    await until(lambda: pulled > 1)
    assert only(await scene.ask(LAST.replace(b"/simple/", b"/other"))).status == 200
    assert pulled < 512
    writer.transport.abort()


@dataclass
class FileSource:
    """A complete file."""

    data: bytes

    def __post_init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.write(self.data)
        self._file.flush()

    @property
    def size(self) -> int:
        return len(self.data)

    def fileno(self) -> int:
        return self._file.fileno()

    async def wait(self, beyond: int) -> int:
        return len(self.data)

    def close(self) -> None:
        self._file.close()


async def test_files_and_streams_come_through_tls(make: Make) -> None:
    """There is no sendfile through TLS; the bytes are the same."""
    data = bytes(range(256)) * 8192  # 2 MiB

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 100_000):
            yield data[at : at + 100_000]

    async def answer(request: Request, origin: str) -> Answer | None:
        if request.path == "/stream":
            return Streamed(200, b"HTTP/1.1 200 OK\r\n", chunks())
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(data)
        source = FileSource(data)
        lease = Lease(time.monotonic() + 60)
        return Slice(200, head, source, 0, len(data), lease=lease, reopen=lambda: FileSource(data))

    scene = await make(answer)
    asked = [ASK.replace(b"/simple/", path) for path in (b"/file", b"/file", b"/stream")]
    raw = await scene.ask(*asked, LAST)
    assert [seen.body == data for seen in read_responses(raw, ["GET"] * 4)] == [True] * 4


async def test_an_answer_that_may_be_repeated_is_kept_for_its_origin_alone(make: Make) -> None:
    """The same bytes asked of the server itself mean something else."""
    asked: list[str] = []

    async def answer(request: Request, origin: str) -> Answer | None:
        asked.append(origin)
        return prepared(origin.encode(), lease=Lease(time.monotonic() + 60))

    scene = await make(answer)
    raw = await scene.ask(ASK + ASK, LAST)
    assert {seen.body for seen in read_responses(raw, ["GET"] * 3)} == {b"https://index.example"}
    assert asked == ["https://index.example"] * 2, "one of two equal requests was repeated"
    outside = await scene.world.talk(ASK)
    assert only(outside).body == b"the server's own"
    other = await scene.ask(LAST.replace(HOST.encode(), b"files.example"), host="files.example")
    assert only(other).body == b"https://files.example"
    scene.world.trace.flush()
    assert [record.answered.target for record in scene.world.records] == [
        *["https://index.example/simple/"] * 3, "/simple/", "https://files.example/simple/",
    ]  # fmt: skip


async def test_a_request_for_another_host_is_misdirected(make: Make) -> None:
    """RFC 9110 §15.5.20; else kept answers could be mixed up."""

    async def answer(request: Request, origin: str) -> Answer | None:
        raise AssertionError("not to be asked")

    scene = await make(answer)
    for name in (b"files.example", b"index.example:8443", b""):
        raw = await scene.ask(LAST.replace(b"index.example", name))
        assert only(raw).status == 421
    assert scene.beyond.asked == []


async def test_host_may_carry_the_port_and_capitals(scene: Scene) -> None:
    """RFC 9110 §4.2.3: it is the same."""
    assert only(await scene.ask(LAST.replace(b"index.example", b"INDEX.example:443"))).status == 200


async def test_what_is_not_ours_is_sent_on(scene: Scene) -> None:
    """JSON APIs, searches, uploads: uncached, with body, by the origin's URL."""
    upload = b"POST /legacy/?a=b HTTP/1.1\r\nHost: index.example\r\nContent-Length: 9\r\n"
    upload += b"Authorization: Basic abc\r\nConnection: close\r\n\r\nwheel.whl"
    seen = only(await scene.ask(upload))
    assert (seen.status, seen.body, seen.headers[b"x-from"]) == (200, b"beyond", b"beyond")
    assert b"x-hop" not in seen.headers
    (asked,) = scene.beyond.asked
    assert (asked.method, asked.url, asked.length) == ("POST", "https://index.example/legacy/?a=b", 9)
    assert scene.beyond.bodies == [b"wheel.whl"]
    assert (b"authorization", b"Basic abc") in asked.fields
    assert not {b"connection", b"host", b"content-length"} & {name for name, _ in asked.fields}


async def test_a_failure_beyond_is_told_inside(scene: Scene) -> None:
    """With the reason in the reason phrase, as everywhere."""
    scene.beyond.error = Unavailable("unreachable", "index.example does not answer")
    seen = only(await scene.ask(LAST.replace(b"/simple/", b"/pypi/x/json")))
    assert seen.status == 503
    assert b"index.example does not answer" in seen.reason


async def test_a_failure_of_the_chain_is_told_inside(make: Make) -> None:
    """Cold with the upstream down."""

    async def answer(request: Request, origin: str) -> Answer | None:
        raise Unavailable("unreachable", "the upstream is down")

    scene = await make(answer)
    seen = only(await scene.ask(LAST))
    assert seen.status == 503
    assert b"the upstream is down" in seen.reason
    assert scene.beyond.asked == []


@pytest.mark.parametrize("request_line", [b"GET http://elsewhere.example/ HTTP/1.1", b"CONNECT b.example:443 HTTP/1.1"])
async def test_there_is_no_proxy_inside(scene: Scene, request_line: bytes) -> None:
    """Nor anything of this server's own."""
    seen = only(await scene.ask(request_line + b"\r\nHost: index.example\r\n\r\n"))
    assert seen.status == 501
    assert (scene.beyond.asked, scene.beyond.dialled) == ([], [])


async def test_the_proxys_login_is_asked_for_each_request_and_not_sent_on(scene: Scene) -> None:
    """The tunnel's login counts inside: clients do not repeat it there."""
    reader, writer = await scene.world.connect()
    writer.write(CONNECT[:-2].replace(b"%b", HOST.encode()) + b"Proxy-Authorization: Basic eDp5\r\n\r\n")
    assert await reader.readexactly(len(OK)) == OK
    await writer.start_tls(scene.trusting(), server_hostname=HOST)
    writer.write(LAST.replace(b"/simple/", b"/pypi/x/json"))
    assert only(await reader.read()).status == 200
    assert [caller.login for caller in scene.beyond.callers] == ["Basic eDp5"] * 2
    assert b"proxy-authorization" not in dict(scene.beyond.asked[0].fields)
    await closed(writer)


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\nHost: index.example\r\n\r\n", b"SSH-2.0-me\r\n", b"\x00"])
@pytest.mark.parametrize("early", [True, False])
async def test_what_is_no_tls_becomes_an_opaque_tunnel(scene: Scene, echo: int, first: bytes, early: bool) -> None:
    """Every byte arrives there, those that came with CONNECT too."""
    scene.beyond.port = echo
    reader, writer = await scene.connect(early=first if early else b"")
    if not early:
        writer.write(first)
    assert await reader.readexactly(len(first)) == first
    writer.write(b"and more")
    writer.write_eof()
    assert await reader.read() == b"and more"
    assert scene.beyond.dialled == [(HOST, 443)]
    await closed(writer)


async def test_other_hosts_and_ports_stay_opaque(scene: Scene, echo: int) -> None:
    """Index and file hosts only; a host that the authority may not speak for is told of once."""
    scene.beyond.port = echo
    hello = Client(scene.trusting()).hello()
    for host in ("bank.example", "new.example", "new.example"):
        reader, writer = await scene.connect(host=host)
        writer.write(hello)
        assert await reader.readexactly(len(hello)) == hello
        await closed(writer)
    assert [facts["host"] for facts in scene.events("intercept.uncovered")] == ["new.example"]
    assert not scene.interception.wants(HOST, 8443)
    assert scene.interception.wants("INDEX.example.", 443)


async def test_without_an_authority_nothing_is_looked_into() -> None:
    """Off by default; requests in absolute-form are answered all the same."""
    off = Interception(None, ours=lambda host, port: True, answer=page, trace=Trace())
    assert not off.wants(HOST, 443)
    asked = Request("GET", b"/simple/", "/simple/", "", ())
    answer = await off.answer(asked, "http://index.example")
    assert answer is not None
    assert answer.status == 200


async def test_a_broken_authority_leaves_tunnels_opaque_and_is_told_of(scene: Scene, echo: int) -> None:
    """Nobody is cut off by a file that somebody broke."""
    scene.beyond.port = echo
    (scene.authority.folder / "current.pem").write_text("nonsense")
    reader, writer = await scene.connect(early=b"\x16hello")
    assert await reader.readexactly(6) == b"\x16hello"
    assert "pipway ca rotate --now" in str(scene.events("intercept.failed")[0]["why"])
    await closed(writer)


class Later:
    """A clock that goes when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def turn_down(scene: Scene, agent: str, *, silent: bool) -> str:
    """Look at the certificate and leave, with an alert or without a word (as asyncio does); why, as the server says."""
    before = len(scene.events("intercept.distrusted"))
    if silent:
        with pytest.raises(ssl.SSLCertVerificationError):
            await scene.secure(context=ssl.create_default_context(), agent=agent)
    else:
        stranger = Client(ssl.create_default_context())
        reader, writer = await scene.connect(agent=agent, early=stranger.hello())
        with pytest.raises(ssl.SSLCertVerificationError):
            await stranger.finish(reader, writer, 65536)
        await stranger.send(writer, 65536)
        await closed(writer)
    await until(lambda: len(scene.events("intercept.distrusted")) > before)
    told = scene.events("intercept.distrusted")[-1]
    assert (told["host"], told["client"]) == (HOST, agent)
    return str(told["why"])


@pytest.mark.parametrize("silent", [False, True])
async def test_who_does_not_trust_us_gets_through_untouched_next_time(make: Make, echo: int, silent: bool) -> None:
    """`intercept.on_distrust = pass`, for ten minutes, this client and this host alone."""
    clock = Later()
    scene = await make(distrust=True, clock=clock)
    scene.beyond.port = echo
    why = await turn_down(scene, "curl/8", silent=silent)
    assert ("left" if silent else "unknown ca") in why
    assert scene.events("intercept.distrusted")[0]["passed"] is True
    reader, writer = await scene.connect(agent="curl/8", early=b"\x16opaque")
    assert await reader.readexactly(7) == b"\x16opaque"
    await closed(writer)
    assert scene.interception.wants(HOST, 443, Caller("127.0.0.1", agent="pip/26"))
    assert scene.interception.wants("files.example", 443, Caller("127.0.0.1", agent="curl/8"))
    assert not scene.interception.wants(HOST, 443, Caller("127.0.0.1", agent="curl/8"))
    clock.now += 601
    assert scene.interception.wants(HOST, 443, Caller("127.0.0.1", agent="curl/8"))


async def test_who_does_not_trust_us_fails_by_default(scene: Scene) -> None:
    """Else every program could get around the gate by being rude once."""
    for silent in (True, False):
        await turn_down(scene, "", silent=silent)
    assert scene.events("intercept.distrusted")[0]["passed"] is False


async def test_a_dial_that_fails_after_all_ends_the_tunnel(scene: Scene) -> None:
    """The client was told that it stands: only its end says otherwise."""
    scene.beyond.error = Unavailable("unreachable", "nobody there")
    reader, writer = await scene.connect(early=b"no tls")
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    await closed(writer)


async def test_tls_that_is_none_ends_with_an_alert(scene: Scene) -> None:
    """And the server goes on."""
    reader, writer = await scene.connect(early=b"\x16\x03\x01\x00\x05hello" + bytes(200))
    assert (await reader.read())[:1] == b"\x15"
    await closed(writer)
    assert only(await scene.ask(LAST)).status == 200


@pytest.mark.slow
async def test_broken_handshakes_and_records_harm_nobody(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Flipped, cut and repeated bytes, before and after the handshake: the connection ends, the server does not."""
    chance = random.Random(20261121)
    for number in range(120):
        client = Client(scene.trusting())
        hello = client.hello()
        if number % 2:
            reader, writer = await scene.connect(early=hello)
            await client.finish(reader, writer, 65536)
            client.tls.write(ASK)
            await client.send(writer, 65536)
            spoilt = bytearray(chance.randbytes(chance.randrange(1, 400)))
        else:
            reader, writer = await scene.connect()
            spoilt = bytearray(hello)
            for _ in range(chance.randrange(1, 6)):
                spoilt[chance.randrange(1, len(spoilt))] = chance.randrange(256)
            del spoilt[chance.randrange(1, len(spoilt) + 1) :]
        writer.write(bytes(spoilt))
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 10)
        await closed(writer)
    assert only(await scene.ask(LAST)).status == 200
    assert [record for record in caplog.records if record.name == "asyncio"] == []
    await until(lambda: not scene.world.server._shared or not scene.world.server._shared.guests)


@pytest.mark.slow
async def test_a_client_that_says_nothing_or_half_a_hello_is_dropped(make: Make) -> None:
    """Slowloris: bounded by the same deadline as a request's head."""
    scene = await make(limits=Limits(head_seconds=0.3))
    for said in (b"", Client(scene.trusting()).hello()[:50]):
        reader, writer = await scene.connect(early=said)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        await closed(writer)
    assert scene.events("intercept.distrusted") == []


async def test_stopping_waits_for_nobody_who_asks_nothing(scene: Scene) -> None:
    """Tunnels without TLS yet and idle ones end; an answer under way is finished by the grace."""
    idle = await scene.secure()
    idle[1].write(ASK)
    await idle[0].readuntil(b"/simple/")
    silent = await scene.connect()
    began = time.monotonic()
    await scene.world.server.stop(10)
    assert time.monotonic() - began < 5
    assert await idle[0].read() == b""
    for _, writer in (idle, silent):
        await closed(writer)


async def test_a_client_that_ends_its_side_gets_its_answer(make: Make) -> None:
    """close_notify is the end of what it says (RFC 8446 §6.1), not of what it wants to hear."""
    go = asyncio.Event()

    async def answer(request: Request, origin: str) -> Answer | None:
        await go.wait()
        return prepared(b"late")

    scene = await make(answer)
    client = Client(scene.trusting())
    reader, writer = await scene.connect(early=client.hello())
    await client.finish(reader, writer, 65536)
    client.tls.write(ASK)
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    await client.send(writer, 65536)
    writer.write_eof()
    await until(lambda: bool(scene.world.server._shared and scene.world.server._shared.tasks))
    go.set()
    client.incoming.write(await reader.read())
    assert only(client.tls.read(65536)).body == b"late"
    await closed(writer)


async def test_an_answer_that_breaks_off_breaks_the_connection(make: Make) -> None:
    """Nobody takes the part for the whole: no close_notify, a reset."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"begin"
        raise Unavailable("cut", "the upstream broke off")

    async def answer(request: Request, origin: str) -> Answer | None:
        return Streamed(200, b"HTTP/1.1 200 OK\r\n", chunks())

    scene = await make(answer)
    with pytest.raises((ConnectionResetError, ssl.SSLError)):
        raw = await scene.ask(LAST)
        assert raw.endswith(b"0\r\n\r\n"), "cut off, and it looks like an end"


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0.005)
