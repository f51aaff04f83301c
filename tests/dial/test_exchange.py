"""A request that is sent on: its body streams up, its answer streams back, and nothing is done twice by mistake."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace

import pytest
import trustme
from tests.contracts.stream import serving
from tests.dial.conftest import Journal, MakeClient, Serve
from tests.servers import tiny_http
from tests.servers.raw import RawServer, Script, Wire
from tests.servers.tiny_http import Reply as Honest

from pipway.dial.base import Stream, StreamInfo, Target
from pipway.dial.direct import Direct
from pipway.dial.early import Around
from pipway.dial.http import Client
from pipway.dial.onward import Passed
from pipway.errors import BadUpstream, NoWayOut, PipwayError, ProtocolError, Unavailable, UsageError
from pipway.server import outside
from pipway.server.outside import Fields, Forwarded
from pipway.wire.responses import Head

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Origin = Callable[[Script], Awaitable[RawServer]]


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    """Starts raw servers."""
    running: list[RawServer] = []

    async def start(script: Script) -> RawServer:
        server = RawServer(script)
        await server.__aenter__()
        running.append(server)
        return server

    yield start
    for server in running:
        await server.__aexit__()


class Pieces:
    """A body in pieces; an exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception | asyncio.Event) -> None:
        self._pieces = list(pieces)
        self.taken = 0

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        while self._pieces and isinstance(first := self._pieces[0], asyncio.Event):
            await first.wait()
            self._pieces.pop(0)
        if not self._pieces:
            raise StopAsyncIteration
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        assert isinstance(piece, bytes)
        self.taken += len(piece)
        return piece


def conforms(reply: Passed) -> outside.Reply:
    """mypy checks the structure."""
    return reply


async def whole(reply: Passed) -> bytes:
    """The whole body."""
    return b"".join([piece async for piece in conforms(reply).chunks()])


async def failure(client: Client, request: Forwarded) -> PipwayError:
    with pytest.raises(PipwayError) as caught:
        await client.exchange(request)
    return caught.value


# -- as it is ----------------------------------------------------------------------------------------------------------


async def test_path_query_and_fields_go_up_as_they_are(client: Client, origin: Origin) -> None:
    """RFC 9110 §7.7: a proxy does not touch path and query."""

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 404 Gone fishing\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 3\r\n\r\nno!")

    server = await origin(script)
    fields: Fields = ((b"accept", b"x"), (b"x-two", b"1"), (b"x-two", b"\xe4"), (b"via", b"1.1 me"))
    reply = await client.exchange(Forwarded("GET", f'{server.origin}/a//..|"?q=%7e?', fields))
    assert (reply.status, reply.reason, reply.length) == (404, "Gone fishing", 3)
    assert reply.fields == ((b"set-cookie", b"a"), (b"set-cookie", b"b"), (b"content-length", b"3"))
    assert await whole(reply) == b"no!"
    assert server.wires[0].heard == (
        f'GET /a//..|"?q=%7e? HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n'.encode()
        + b"Accept: x\r\nX-Two: 1\r\nX-Two: \xe4\r\nVia: 1.1 me\r\n\r\n"
    )


async def test_redirects_and_codings_are_the_clients_business(client: Client, serve: Serve) -> None:
    async def handler(exchange: tiny_http.Exchange) -> None:
        await exchange.answer(Honest(302, {"Location": "/x", "Content-Encoding": "gzip"}, b"\x1f\x8bno gzip"))

    server = await serve(handler)
    reply = await client.exchange(Forwarded("GET", f"{server.origin}/", ()))
    assert (reply.status, await whole(reply)) == (302, b"\x1f\x8bno gzip")
    assert len(server.requests) == 1
    assert "accept-encoding" not in server.requests[0].headers
    assert "user-agent" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("method", "url", "line"),
    [
        ("GET", "", "GET / HTTP/1.1"),
        ("OPTIONS", "", "OPTIONS * HTTP/1.1"),
        ("OPTIONS", "/", "OPTIONS / HTTP/1.1"),
        ("POST", "/a?", "POST /a? HTTP/1.1"),
        ("PROPFIND", "/", "PROPFIND / HTTP/1.1"),
    ],
)
async def test_targets(client: Client, origin: Origin, method: str, url: str, line: str) -> None:
    """RFC 9112 §3.2.1 and §3.2.4."""
    seen: list[str] = []

    async def script(wire: Wire) -> None:
        seen.append(await wire.head())
        await wire.say(OK)

    server = await origin(script)
    assert await whole(await client.exchange(Forwarded(method, server.origin + url, ()))) == b"ok"
    assert seen[0].splitlines()[0] == line
    assert ("content-length: 0" in seen[0].lower()) is (method == "POST")  # RFC 9110 §8.6


@pytest.mark.parametrize("name", [b"host", b"content-length", b"transfer-encoding"])
async def test_framing_is_not_the_callers(client: Client, name: bytes) -> None:
    with pytest.raises(UsageError):
        await client.exchange(Forwarded("GET", "http://files.example/", ((name, b"5"),)))


@pytest.mark.parametrize(
    "url",
    ["http://a@files.example/", "http://files.example/#x", "http://files.example/a b", "ftp://x/", "/x", "http:///"],
)
async def test_what_is_no_address_is_not_sent(client: Client, url: str) -> None:
    with pytest.raises(UsageError):
        await client.exchange(Forwarded("GET", url, ()))


@pytest.mark.parametrize("field", [(b"x", b"a\r\nEvil: 1"), (b"x\r\nEvil", b"1"), (b"x", b"a\x00"), (b"", b"a")])
async def test_a_field_cannot_break_out_of_its_line(client: Client, origin: Origin, field: tuple[bytes, bytes]) -> None:
    async def script(wire: Wire) -> None:
        await wire.rest()

    server = await origin(script)
    with pytest.raises(UsageError):
        await client.exchange(Forwarded("GET", server.origin, (field,)))
    assert [wire.heard for wire in server.wires] == [b""]


# -- bodies ------------------------------------------------------------------------------------------------------------


async def test_a_body_of_known_length(client: Client, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        while True:
            await wire.head()
            await wire.exactly(6)
            await wire.say(OK)

    server = await origin(script)
    for _ in range(2):
        request = Forwarded("PUT", f"{server.origin}/x", (), body=Pieces(b"abc", b"", b"def"), length=6)
        assert await whole(await client.exchange(request)) == b"ok"
    assert all(b"Content-Length: 6\r\n\r\nabcdef" in wire.heard for wire in server.wires)


async def test_a_body_of_unknown_length_is_chunked_anew(client: Client, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.until(b"0\r\n\r\n")
        await wire.say(OK)

    server = await origin(script)
    reply = await client.exchange(Forwarded("POST", server.origin, (), body=Pieces(b"abc", b"0123456789abcdef")))
    assert await whole(reply) == b"ok"
    head, _, body = server.wires[0].heard.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert body == b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"


async def test_a_body_is_taken_at_the_pace_of_the_server(client: Client, origin: Origin) -> None:
    """Nothing is collected: 64 MB wait with the client until the server reads."""
    go = asyncio.Event()
    arrived = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.head()
        arrived.set()
        await go.wait()
        left = 64 << 20
        while left:
            left -= len(await wire.reader.read(1 << 20))
        await wire.say(OK)

    server = await origin(script)
    body = Pieces(*[bytes(1 << 20)] * 64)
    task = asyncio.create_task(client.exchange(Forwarded("POST", server.origin, (), body=body, length=64 << 20)))
    await arrived.wait()
    before = -1
    while body.taken != before:  # until it moves no more
        before = body.taken
        for _ in range(50):
            await asyncio.sleep(0.002)
    assert body.taken < 16 << 20
    go.set()
    assert await whole(await task) == b"ok"
    assert body.taken == 64 << 20


async def test_an_early_answer_ends_the_upload_and_the_connection(client: Client, origin: Origin) -> None:
    """RFC 9112 §9.5: the server has seen enough; with half a body on the line no other request may follow."""
    never = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.exactly(3)
        await wire.say(b"HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno")
        await wire.rest()

    server = await origin(script)
    request = Forwarded("POST", server.origin, (), body=Pieces(b"abc", never), length=6)
    reply = await client.exchange(request)
    assert (reply.status, await whole(reply)) == (413, b"no")
    assert client.open_connections == 0


async def test_an_answer_counts_more_than_a_broken_pipe(client: Client, origin: Origin) -> None:
    """The server answers and closes without reading: its answer is what the client is told."""

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
        wire.writer.write_eof()
        await wire.rest()

    server = await origin(script)
    reply = await client.exchange(Forwarded("POST", server.origin, (), body=Pieces(*[bytes(65536)] * 8)))
    assert (reply.status, await whole(reply)) == (401, b"no")


class Deaf:
    """A stream whose peer takes the head, breaks the rest off, and has answered."""

    info = StreamInfo("127.0.0.1")
    quiet = True

    def __init__(self) -> None:
        self._written = 0
        self._broken = asyncio.Event()
        self._closed = False

    async def write(self, data: bytes) -> None:
        self._written += 1
        if self._written > 1:
            self._broken.set()
            raise BrokenPipeError("gone")

    async def read(self, at_most: int = 262144) -> bytes:
        await self._broken.wait()
        for _ in range(10):  # turns in which somebody may give up too early
            await asyncio.sleep(0)
        if self._closed:
            raise ConnectionResetError("closed")
        return OK

    async def write_eof(self) -> None: ...

    async def start_tls(self, context: ssl.SSLContext, name: str) -> Stream:
        raise NotImplementedError

    async def aclose(self) -> None:
        self._closed = True

    def detach(self) -> None: ...


async def test_an_answer_counts_even_behind_a_write_that_failed(make_client: MakeClient) -> None:
    """RFC 9112 §9.5: the server may answer and reset; its answer says more than a broken pipe."""

    class Dials:
        async def dial(self, target: Target) -> Stream:
            return Deaf()

    client = make_client(dialer=Dials())
    reply = await client.exchange(Forwarded("POST", "http://files.example/", (), Pieces(b"abc", b"def"), 6))
    assert await whole(reply) == b"ok"
    assert client.open_connections == 0


async def test_both_ways_at_once(client: Client, origin: Origin) -> None:
    """An answer that begins before the body ends is passed on at once."""
    second = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.until(b"3\r\none\r\n")
        await wire.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nONE\r\n")
        await wire.until(b"3\r\ntwo\r\n0\r\n\r\n")
        await wire.say(b"3\r\nTWO\r\n0\r\n\r\n")
        await wire.rest()

    server = await origin(script)
    reply = await client.exchange(Forwarded("POST", server.origin, (), body=Pieces(b"one", second, b"two")))
    chunks = reply.chunks()
    assert await anext(chunks) == b"ONE"
    second.set()
    assert await anext(chunks) == b"TWO"
    assert [piece async for piece in chunks] == []
    assert client.open_connections == 1


@pytest.mark.parametrize("length", [None, 100])
async def test_a_body_that_breaks_off_never_looks_whole(client: Client, origin: Origin, length: int | None) -> None:
    over = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.rest()
        over.set()

    server = await origin(script)
    broken = ProtocolError("bad-chunk", "broken")
    request = Forwarded("POST", server.origin, (), body=Pieces(b"abc", broken), length=length)
    assert await failure(client, request) is broken
    assert client.open_connections == 0
    await over.wait()
    assert not server.wires[0].heard.endswith(b"0\r\n\r\n")


async def test_a_client_that_leaves_takes_its_upload_with_it(client: Client, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        await wire.rest()

    server = await origin(script)
    request = Forwarded("POST", server.origin, (), body=Pieces(b"abc", ConnectionResetError("client is gone")))
    with pytest.raises(ConnectionResetError):
        await client.exchange(request)
    assert client.open_connections == 0


# -- interim answers ---------------------------------------------------------------------------------------------------


async def test_interim_answers_are_told(client: Client, origin: Origin) -> None:
    """RFC 9110 §15.2."""

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)

    server = await origin(script)
    told: list[tuple[int, Fields]] = []
    reply = await client.exchange(
        Forwarded("GET", server.origin, (), informed=lambda status, fields: told.append((status, fields)))
    )
    assert await whole(reply) == b"ok"
    assert told == [(103, ((b"link", b"</a>"),)), (100, ())]


async def test_expect_waits_for_the_server(client: Client, origin: Origin) -> None:
    """RFC 9110 §10.1.1: Expect goes on, and the body follows when the server says so."""
    go = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await wire.exactly(3)
        await wire.say(OK)

    server = await origin(script)
    request = Forwarded(
        "PUT",
        server.origin,
        ((b"expect", b"100-continue"),),
        body=Pieces(go, b"abc"),
        length=3,
        informed=lambda status, fields: go.set(),
    )
    assert await whole(await client.exchange(request)) == b"ok"
    assert b"Expect: 100-continue\r\n" in server.wires[0].heard


async def test_http_1_0_is_not_asked_to_continue(client: Client, origin: Origin) -> None:
    """RFC 9110 §10.1.1: who was seen to speak 1.0 gets the body at once, and the client is told to send it."""

    async def script(wire: Wire) -> None:
        head = await wire.head()
        if "Content-Length: 3" in head:
            await wire.exactly(3)
        await wire.say(b"HTTP/1.0 200 OK\r\n\r\nok")

    server = await origin(script)
    assert await whole(await client.exchange(Forwarded("GET", server.origin, ()))) == b"ok"
    go = asyncio.Event()
    fields: Fields = ((b"expect", b"100-continue"),)
    request = Forwarded("PUT", server.origin, fields, Pieces(go, b"abc"), 3, lambda status, fields: go.set())
    assert await whole(await client.exchange(request)) == b"ok"
    assert b"Expect" not in server.wires[1].heard


@pytest.mark.slow
async def test_a_server_that_never_says_continue_is_given_up(make_client: MakeClient, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        await wire.rest()

    server = await origin(script)
    client = make_client(patience=0.2)
    fields: Fields = ((b"expect", b"100-continue"),)
    error = await failure(client, Forwarded("PUT", server.origin, fields, Pieces(asyncio.Event()), 3))
    assert error.code == "first-byte-timeout"
    assert client.open_connections == 0


@pytest.mark.slow
async def test_patience_begins_when_the_body_is_sent(make_client: MakeClient, origin: Origin) -> None:
    """A client that takes its time to send is nobody's fault here; a server that stays silent then is."""

    async def script(wire: Wire) -> None:
        await wire.rest()

    server = await origin(script)
    client = make_client(patience=0.3)
    slow = asyncio.Event()
    asyncio.get_running_loop().call_later(0.9, slow.set)
    body = Pieces(b"abc", slow, b"def")
    error = await failure(client, Forwarded("PUT", server.origin, (), body, 6))
    assert error.code == "first-byte-timeout"
    assert slow.is_set()
    assert server.wires[0].heard.endswith(b"abcdef")


# -- upgrades ----------------------------------------------------------------------------------------------------------

UPGRADE: Fields = ((b"connection", b"Upgrade"), (b"upgrade", b"websocket"))
SWITCHED = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def test_a_switched_connection_is_a_stream_with_its_first_bytes(client: Client, origin: Origin) -> None:
    """RFC 9110 §7.8."""

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(SWITCHED + b"hello")
        assert await wire.exactly(2) == b"hi"
        await wire.say(b"bye")

    server = await origin(script)
    reply = await client.exchange(Forwarded("GET", server.origin, UPGRADE))
    assert (reply.status, client.open_connections) == (101, 0)
    stream = reply.switched
    assert stream is not None
    await reply.aclose()  # the stream is ours, whatever becomes of the reply
    await stream.write(b"hi")
    said = b""
    while piece := await stream.read():
        said += piece
    assert said == b"hellobye"
    await stream.aclose()


async def test_an_upgrade_may_be_declined(client: Client, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(OK)

    server = await origin(script)
    reply = await client.exchange(Forwarded("GET", server.origin, UPGRADE))
    assert (reply.status, reply.switched, await whole(reply)) == (200, None, b"ok")


async def test_nobody_switches_unasked(client: Client, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(SWITCHED)

    server = await origin(script)
    error = await failure(client, Forwarded("GET", server.origin, ()))
    assert (error.code, client.open_connections) == ("bad-framing", 0)


# -- connections -------------------------------------------------------------------------------------------------------


async def test_connections_are_used_again_after_clean_ends_only(client: Client, origin: Origin) -> None:
    answers = {
        "/length": OK,
        "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "/none": b"HTTP/1.1 204 No\r\n\r\n",
        "/close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "/surplus": OK + b"HTTP/1.1 200 Smuggled\r\nContent-Length: 0\r\n\r\n",
    }

    async def script(wire: Wire) -> None:
        while True:
            await wire.say(answers[(await wire.head()).split(" ")[1]])

    server = await origin(script)
    for path, kept in [("/length", 1), ("/chunked", 1), ("/none", 1), ("/close", 0), ("/surplus", 0), ("/length", 1)]:
        await whole(await client.exchange(Forwarded("GET", server.origin + path, ())))
        assert client.open_connections == kept, path
    assert len(server.wires) == 3


async def test_a_reply_that_is_not_read_to_its_end_costs_the_connection(client: Client, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok")
        await wire.rest()

    server = await origin(script)
    reply = await client.exchange(Forwarded("GET", server.origin, ()))
    await reply.aclose()
    assert client.open_connections == 0
    assert server.wires


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok", "bad-framing"),
    ],
)
async def test_a_part_never_passes_for_the_whole(client: Client, origin: Origin, said: bytes, code: str) -> None:
    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(said)

    server = await origin(script)
    with pytest.raises(PipwayError) as caught:
        await whole(await client.exchange(Forwarded("GET", server.origin, ())))
    assert (caught.value.code, client.open_connections) == (code, 0)


SMUGGLED = [
    b"Content-Length: 2\r\nContent-Length: 3\r\n",
    b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Content-Length: +2\r\n",
    b"X: a\r\n b\r\n",
    b"X : a\r\n",
    b"X: a\x00b\r\n",
    b"X: a\rY: b\r\n",
    b"X: a\n",
]


@pytest.mark.parametrize("lines", SMUGGLED)
async def test_answers_with_two_readings_are_refused(client: Client, origin: Origin, lines: bytes) -> None:
    """RFC 9112 §11.2."""

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nok")

    server = await origin(script)
    error = await failure(client, Forwarded("GET", server.origin, ()))
    assert isinstance(error, BadUpstream)
    assert client.open_connections == 0


class DiesIdle:
    """Serves one request per connection, then closes when the next arrives, unanswered."""

    def __init__(self) -> None:
        self.heads: list[str] = []

    async def __call__(self, wire: Wire) -> None:
        self.heads.append(await wire.head())
        await wire.say(OK)
        self.heads.append(await wire.head())


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("DELETE", True), ("OPTIONS", True)])
async def test_idempotent_requests_survive_a_connection_that_died(
    client: Client, origin: Origin, method: str, again: bool
) -> None:
    """RFC 9112 §9.3.1."""
    script = DiesIdle()
    server = await origin(script)
    for _ in range(2):
        assert await whole(await client.exchange(Forwarded(method, f"{server.origin}/", ()))) == b"ok"
    assert len(server.wires) == 2
    assert len(script.heads) == 3


@pytest.mark.parametrize(("method", "body"), [("POST", False), ("PATCH", False), ("PUT", True), ("POST", True)])
async def test_others_are_sent_once_and_on_a_new_connection(
    client: Client, origin: Origin, method: str, body: bool
) -> None:
    """RFC 9110 §9.2.2."""
    script = DiesIdle()
    server = await origin(script)
    assert await whole(await client.exchange(Forwarded("GET", server.origin, ()))) == b"ok"
    request = Forwarded(method, server.origin, (), Pieces(b"abc") if body else None, 3 if body else None)
    assert await whole(await client.exchange(request)) == b"ok"
    assert len(server.wires) == 2


async def test_others_are_not_repeated_where_a_new_connection_is_dear(make_client: MakeClient, origin: Origin) -> None:
    """Through a parent an old connection is used; the server may have acted before it died (RFC 9110 §9.2.2)."""
    script = DiesIdle()
    server = await origin(script)
    client = make_client(route="http://proxy.example")
    assert await whole(await client.exchange(Forwarded("GET", server.origin, ()))) == b"ok"
    assert (await failure(client, Forwarded("POST", server.origin, ()))).code in ("empty-answer", "connection-reset")
    assert len(script.heads) == 2


async def test_what_was_begun_is_never_repeated(client: Client, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        await wire.head()

    server = await origin(script)
    assert (await failure(client, Forwarded("GET", server.origin, ()))).code == "empty-answer"
    assert len(server.wires) == 1


async def test_a_proxys_challenge_from_a_server_is_not_passed_on(client: Client, origin: Origin) -> None:
    """The client would answer it with its login to us."""

    async def script(wire: Wire) -> None:
        await wire.head()
        await wire.say(b"HTTP/1.1 407 Give\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")

    server = await origin(script)
    assert (await failure(client, Forwarded("GET", server.origin, ()))).code == "proxy-login-asked"


async def test_failures_are_told_and_named(client: Client, journal: Journal, closed_port: int) -> None:
    error = await failure(client, Forwarded("GET", f"http://127.0.0.1:{closed_port}/x?token=s3cret", ()))
    assert error.code == "connection-refused"
    origin = f"http://127.0.0.1:{closed_port}"
    assert journal.facts("forward.failed") == [{"origin": origin, "target": "/x", "code": "connection-refused"}]


async def test_https_is_fetched_with_tls(client: Client, serve: Serve, authority: trustme.CA) -> None:
    async def handler(exchange: tiny_http.Exchange) -> None:
        await exchange.answer(Honest(body=b"secure"))

    server = await serve(handler, tls=serving(authority, "127.0.0.1"))
    assert await whole(await client.exchange(Forwarded("GET", f"{server.origin}/", ()))) == b"secure"


# -- through a parent --------------------------------------------------------------------------------------------------


class Basic:
    """A `Forward` that gives its login once it was asked for one."""

    lasting = False

    def __init__(self) -> None:
        self.asked = False

    async def fields(self, method: str, uri: str) -> Mapping[str, str]:
        login = base64.b64encode(b"alice:hunter2").decode()
        return {"Proxy-Authorization": f"Basic {login}"} if self.asked else {}

    async def answered(self, head: Head) -> bool:
        again = head.status == 407 and not self.asked
        if head.status == 407 and self.asked:
            raise NoWayOut("login-rejected", "the parent refuses the login")
        self.asked = self.asked or again
        if again and head.header(b"connection") == "close":
            raise Unavailable("parent-reconnect", "it closed")
        return again


class Parent:
    """Dials the raw server as a parent that forwards."""

    def __init__(self, port: int, forward: Basic) -> None:
        self._port = port
        self._forward = forward

    async def dial(self, target: Target) -> Stream:
        assert target.clear
        stream = await Direct().dial(Target("127.0.0.1", self._port))
        return Around(stream, replace(stream.info, forward=self._forward))


class AsksForLogin:
    """A parent: 407 without the login; notes the requests with their bodies."""

    def __init__(self, *, close: bool = False) -> None:
        self.close = close
        self.seen: list[tuple[str, bytes]] = []

    async def __call__(self, wire: Wire) -> None:
        while True:
            head = await wire.head()
            length = head.lower().partition("content-length: ")[2].partition("\r")[0]
            allowed = "Proxy-Authorization" in head
            if allowed and length:
                self.seen.append((head, await wire.exactly(int(length))))
            else:
                self.seen.append((head, b""))
            if allowed:
                await wire.say(OK)
                continue
            end = b"Connection: close\r\n" if self.close else b""
            await wire.say(
                b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\n" + end + b"Content-Length: 4\r\n\r\nwho?"
            )
            if self.close:
                return


@pytest.mark.parametrize("close", [False, True])
async def test_through_a_parent_that_asks_for_a_login(make_client: MakeClient, origin: Origin, close: bool) -> None:
    """RFC 9112 §3.2.2: absolute-form, and the login with it; the target's own Host."""
    parent = AsksForLogin(close=close)
    server = await origin(parent)
    client = make_client(dialer=Parent(server.port, Basic()), route="parent")
    assert await whole(await client.exchange(Forwarded("GET", "http://files.example/a|b?c", ()))) == b"ok"
    heads = [head.splitlines() for head, _ in parent.seen]
    assert [head[0] for head in heads] == ["GET http://files.example/a|b?c HTTP/1.1"] * 2
    assert all(head[1] == "Host: files.example" for head in heads)


@pytest.mark.parametrize("close", [False, True])
async def test_a_body_goes_up_once_the_parent_has_let_us_in(
    make_client: MakeClient, origin: Origin, close: bool
) -> None:
    """A body cannot be sent twice: the parent is asked something harmless first (RFC 9110 §9.2.1)."""
    parent = AsksForLogin(close=close)
    server = await origin(parent)
    client = make_client(dialer=Parent(server.port, Basic()), route="parent")
    for _ in range(2):
        request = Forwarded("POST", "http://files.example/up", (), Pieces(b"abc"), 3)
        assert await whole(await client.exchange(request)) == b"ok"
    posted = [body for head, body in parent.seen if head.startswith("POST")]
    assert posted == [b"abc", b"abc"]
    asked = [head for head, _ in parent.seen if head.startswith("OPTIONS")]
    assert len(asked) == 2


class Legs(Basic):
    """A login of several legs on one connection, as NTLM's, behind a parent that closes after its first question."""

    lasting = True

    def __init__(self) -> None:
        super().__init__()
        self.leg = 0

    async def fields(self, method: str, uri: str) -> Mapping[str, str]:
        return {"Proxy-Authorization": f"Legs {self.leg}"} if 0 < self.leg < 3 else {}

    async def answered(self, head: Head) -> bool:
        self.leg += 1
        if head.status == 407 and head.header(b"connection") == "close":
            raise Unavailable("parent-reconnect", "it closed")
        return head.status == 407


async def test_a_login_of_several_legs_is_over_before_the_body(make_client: MakeClient, origin: Origin) -> None:
    heads: list[str] = []

    async def script(wire: Wire) -> None:
        while True:
            head = await wire.head()
            heads.append(head.splitlines()[0].split(" ")[0] + head.partition("Legs")[2][:2])
            if head.startswith("POST"):
                assert await wire.exactly(3) == b"abc"
            if len(heads) == 1 or "Legs 1" in head:
                end = b"Connection: close\r\n" if len(heads) == 1 else b""
                await wire.say(b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Legs\r\n" + end + b"Content-Length: 0\r\n\r\n")
            else:
                await wire.say(OK)

    server = await origin(script)
    client = make_client(dialer=Parent(server.port, Legs()), route="parent")
    request = Forwarded("POST", "http://files.example/up", (), Pieces(b"abc"), 3)
    assert await whole(await client.exchange(request)) == b"ok"
    assert heads == ["OPTIONS", "OPTIONS 1", "OPTIONS 2", "POST"]
    assert len(server.wires) == 2


async def test_a_login_that_is_refused_is_said(make_client: MakeClient, origin: Origin) -> None:
    async def script(wire: Wire) -> None:
        while True:
            await wire.head()
            await wire.say(b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")

    server = await origin(script)
    client = make_client(dialer=Parent(server.port, Basic()), route="parent")
    for request in (
        Forwarded("GET", "http://files.example/", ()),
        Forwarded("POST", "http://files.example/", (), Pieces(b"abc"), 3),
    ):
        assert (await failure(client, request)).code == "login-rejected"
    assert client.open_connections == 0


async def test_a_parent_that_asks_again_in_the_middle_of_a_body(make_client: MakeClient, origin: Origin) -> None:
    """Nothing of the body is sent twice."""
    bodies: list[bytes] = []

    async def script(wire: Wire) -> None:
        while True:
            head = await wire.head()
            if head.startswith("OPTIONS"):
                await wire.say(OK)
                continue
            bodies.append(await wire.exactly(3))
            await wire.say(b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")

    server = await origin(script)
    client = make_client(dialer=Parent(server.port, Basic()), route="parent")
    error = await failure(client, Forwarded("POST", "http://files.example/", (), Pieces(b"abc"), 3))
    assert error.code == "parent-reconnect"
    assert bodies == [b"abc"]


# -- whose connection it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", [b"NTLM", b"negotiate", b"Basic"])
async def test_a_connection_that_somebody_logged_in_on_serves_nobody_else(
    client: Client, origin: Origin, scheme: bytes
) -> None:
    """RFC 4559 §6: NTLM and Negotiate log the connection in, and whoever has it next would pass for that user."""

    async def script(wire: Wire) -> None:
        while await wire.head():
            await wire.say(OK)

    server = await origin(script)
    login: Fields = ((b"authorization", scheme + b" TlRMTVNTUAADAAAA"),)
    for fields in (login, ()):
        assert await whole(await client.exchange(Forwarded("GET", f"{server.origin}/", fields))) == b"ok"
    assert len(server.wires) == (1 if scheme == b"Basic" else 2)
