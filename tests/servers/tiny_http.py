"""A very small HTTP/1.1 server that tests control down to the byte.

`Upstream` and the rude behaviours stand on it. It parses just enough of a request, records it, and hands an
`Exchange` to its handler, which may answer honestly, badly, or not at all. It is no model of a good server.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

_HEAD_LIMIT = 64 * 1024
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it arrived. Header names are in lower case; repeated headers are joined with ", "."""

    order: int  #: 0, 1, 2 … over the whole server
    connection: int  #: number of the connection it came on
    method: str
    target: str  #: as sent, with the query
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        """A header's value, "" when it is absent."""
        return self.headers.get(name.lower(), "")


@dataclass(slots=True)
class Reply:
    """An honest answer. Content-Length is added when rendering unless it is given."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def head(self) -> bytes:
        """Status line and headers, with the empty line."""
        headers = dict(self.headers)
        if self.status != HTTPStatus.NOT_MODIFIED:
            headers.setdefault("Content-Length", str(len(self.body)))
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class HungUp(Exception):
    """The handler ended the connection; nothing more can be sent on it."""


class Exchange:
    """One request, the honest reply to it, and the connection's raw bytes."""

    def __init__(self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self.reply = Reply()
        self.sent = 0  #: bytes handed to the socket for this exchange
        self._reader = reader
        self._writer = writer

    @property
    def wants_body(self) -> bool:
        """False for HEAD."""
        return self.request.method != "HEAD"

    async def send(self, data: bytes) -> None:
        """Write these bytes as they are, waiting while the peer is slow."""
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            self._writer.write(piece)
            await self._writer.drain()
            self.sent += len(piece)

    async def answer(self, reply: Reply | None = None) -> None:
        """Send a whole reply, the honest one by default."""
        reply = reply or self.reply
        body = reply.body if self.wants_body and reply.status != HTTPStatus.NOT_MODIFIED else b""
        await self.send(reply.head() + body if len(body) < _PIECE else reply.head())
        if len(body) >= _PIECE:
            await self.send(body)

    def reset(self) -> HungUp:
        """End the connection with RST (SO_LINGER 0): `raise exchange.reset()`."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        return HungUp()

    def hang_up(self) -> HungUp:
        """End the connection with FIN after what was sent: `raise exchange.hang_up()`."""
        self._writer.close()
        return HungUp()

    async def silence(self) -> None:
        """Say nothing more until the peer goes away."""
        while await self._reader.read(_PIECE):
            pass
        raise self.hang_up()


Handler = Callable[[Exchange], Awaitable[None]]


class TinyServer:
    """Listens on an ephemeral loopback port from `start` to `stop`; `start` again keeps the port."""

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.requests: list[Recorded] = []
        self.connections = 0  #: how many were ever accepted
        self.host = host
        self.port = 0
        self.tls = tls
        self._handler = handler
        self._listener: socket.socket | None = None
        self._open: dict[asyncio.Task[None], socket.socket] = {}
        self._news = asyncio.Condition()

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    async def start(self) -> None:
        """Begin to listen; the port stays the same after the first time."""
        self._listener = socket.create_server((self.host, self.port), backlog=256)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    async def stop(self) -> None:
        """Stop listening and drop every connection; from now on a connect is refused."""
        if self._listener is None:
            return
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        running = dict(self._open)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for sock in running.values():  # of tasks that were cancelled before they began
            sock.close()

    async def arrived(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition()` holds; it is asked again after every request."""
        async with self._news:
            await self._news.wait_for(condition)

    def _accept(self, listener: socket.socket) -> None:
        # Neither asyncio.start_server nor sock_accept: both can hold a connection nobody sees yet when told to stop.
        sock, _ = listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(self._converse(self.connections, sock))
        self.connections += 1
        self._open[task] = sock
        task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _converse(self, number: int, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_HEAD_LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        gone = (HungUp, OSError, asyncio.IncompleteReadError, asyncio.CancelledError)  # ssl.SSLError is an OSError
        with contextlib.suppress(*gone):
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=self.tls)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            try:
                await self._serve(number, reader, writer)
            except asyncio.CancelledError:
                transport.abort()
                raise
            finally:
                writer.close()
                await writer.wait_closed()

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            request = await self._read(head, number, reader)
            async with self._news:
                self.requests.append(request)
                self._news.notify_all()
            await self._handler(Exchange(request, reader, writer))
            if request.header("connection").lower() == "close":
                return

    async def _read(self, head: bytes, number: int, reader: asyncio.StreamReader) -> Recorded:
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ", 2)
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            key, value = name.lower(), value.strip()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Recorded(len(self.requests), number, method, target, headers, body)
