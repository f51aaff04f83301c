"""A real server on loopback with a handler of the test's own, and clients that see every byte."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import h11
import pytest

from pipway.platforms import loop_factory
from pipway.server.intercept import Interception
from pipway.server.limits import Limits
from pipway.server.listener import Server
from pipway.server.outside import Outside
from pipway.server.shared import ASGIApp
from pipway.trace import RequestRecord, Trace
from pipway.wire.answer import Answer, Lease, Prepared, Request

Handler = Callable[[Request], Awaitable[Answer | None]]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops that are used in the field (one where uvloop does not exist)."""
    return {"asyncio": asyncio.new_event_loop, "fastest": loop_factory()}


def prepared(body: bytes = b"hello", *, lease: Lease | None = None, status: int = 200, close: bool = False) -> Prepared:
    """A plain answer."""
    head = b"HTTP/1.1 %d Fine\r\nContent-Length: %d\r\n" % (status, len(body))
    return Prepared(status, head, body, lease=lease, close=close)


@dataclass(frozen=True)
class Seen:
    """One response as h11, an independent client, reads it."""

    status: int
    reason: bytes
    headers: Mapping[bytes, bytes]
    body: bytes


def read_responses(raw: bytes, methods: list[str], *, closed: bool = True) -> list[Seen]:
    """Let h11 read the answers to requests of these methods; it raises on any framing it would not accept."""
    seen = []
    for method in methods:
        judge = h11.Connection(h11.CLIENT)
        judge.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        judge.send(h11.EndOfMessage())
        judge.receive_data(raw)
        if closed:
            judge.receive_data(b"")
        response, body = None, b""
        while not isinstance(event := judge.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA, raw
            if isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
        assert response is not None
        seen.append(Seen(response.status_code, bytes(response.reason), dict(response.headers), body))
        raw = judge.trailing_data[0]
    assert raw == b"", "bytes that belong to no answer"
    return seen


@dataclass
class World:
    """A running server, what reached its handler, and what it reported."""

    server: Server
    address: tuple[str, int]
    requests: list[Request] = field(default_factory=list)
    records: list[RequestRecord] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection(*self.address)

    async def talk(self, *pieces: bytes, eof: bool = True) -> bytes:
        """Send the pieces one by one and give everything that comes until the server closes."""
        reader, writer = await self.connect()
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if eof:
                writer.write_eof()
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


def reset(writer: asyncio.StreamWriter) -> None:
    """Leave with RST. A client that only ends what it sends may still want its answer (RFC 9112 §9.6)."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


Start = Callable[..., Awaitable[World]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start servers; all are stopped at the end."""
    worlds: list[World] = []

    async def begin(
        handler: Handler,
        *,
        limits: Limits | None = None,
        asgi: ASGIApp | None = None,
        outside: Outside | None = None,
        intercept: Interception | None = None,
        greets: Callable[[str], bool] | None = None,
        names: Iterable[str] = (),
    ) -> World:
        trace = Trace()
        seen: list[Request] = []

        async def noting(request: Request) -> Answer | None:
            seen.append(request)
            return await handler(request)

        server = Server(
            noting,
            asgi=asgi,
            trace=trace,
            limits=limits,
            outside=outside,
            intercept=intercept,
            greets=greets,
            names=names,
        )
        host, port = (await server.start("127.0.0.1", 0))[0]
        world = World(server, (host, port), seen, trace=trace)
        trace.listen_requests(world.records.extend)
        trace.listen(lambda name, facts: world.events.append(name))
        worlds.append(world)
        return world

    yield begin
    for world in worlds:
        await world.server.stop(0)


GET = b"GET /%b HTTP/1.1\r\nHost: pipway.example\r\n\r\n"
LAST = b"GET /%b HTTP/1.1\r\nHost: pipway.example\r\nConnection: close\r\n\r\n"
