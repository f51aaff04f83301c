"""A small correct SOCKS 4, 4a and 5 proxy (RFC 1928, RFC 1929) that counts, and can be made rude."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Literal, Self

from tests.servers.relay import relay

from pipway.dial.base import Target
from pipway.dial.parent import Parent
from pipway.wire.proxy_url import ProxyScheme


@dataclass
class SocksServer:
    """Start it with `async with`; change its manners at any time."""

    users: dict[str, str] = field(default_factory=dict)  #: user → password; none: everybody may pass
    drip: bool = False  #: every reply byte by byte
    early: bytes = b""  #: sent together with the reply that opens the tunnel
    refuse: int | None = None  #: reply code for every request
    hang_up: Literal["", "hello", "login", "request", "inside reply"] = ""  #: close there instead of answering
    garbage: bytes = b""  #: answer to the first bytes
    method: int | None = None  #: to choose, whatever is offered
    stall: asyncio.Event | None = None  #: waited for before the answer to a login
    forget_names: bool = False  #: answers every name with "host unreachable"

    connections: int = 0
    logins: list[tuple[str, str]] = field(default_factory=list)
    requests: list[tuple[int, str, int]] = field(default_factory=list)  #: version, host, port
    identities: list[str] = field(default_factory=list)  #: of SOCKS 4

    _server: asyncio.Server | None = None
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(list(self._running))
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def parent(self, scheme: ProxyScheme = "socks5h", *, user: str | None = None, named: bool = True) -> Parent:
        """Itself, as pipway's settings would say it."""
        return Parent(scheme, "127.0.0.1", self.port, user=user, named=named)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, _Done, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._running.discard(task)
            if task.cancelling():
                writer.transport.abort()
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version = (await reader.readexactly(1))[0]
        if self.garbage:
            await self._say(writer, self.garbage)
            raise _Done
        if version == 5:
            target = await self._hello_5(reader, writer)
            reply = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90"
            refusal = 5
        else:
            target = await self._request_4(reader)
            reply = b"\x00\x5a\x1f\x90\x7f\x00\x00\x01"
            refusal = 0x5B
        self.requests.append((version, target.host, target.port))
        if self.hang_up == "request":
            raise _Done
        code = self.refuse
        if code is None and self.forget_names and not _literal(target.host):
            code = 4 if version == 5 else 0x5B
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        if code is None:
            try:
                there = await asyncio.open_connection(target.host, target.port)
            except (OSError, UnicodeError) as error:
                name = isinstance(error, (socket.gaierror, UnicodeError)) and version == 5
                code = 4 if name else refusal
        if there is None:
            assert code is not None
            head = bytes([5, code]) if version == 5 else bytes([0, code])
            await self._say(writer, head + reply[2:])
            raise _Done
        try:
            if self.hang_up == "inside reply":
                await self._say(writer, reply[:5])
                raise _Done
            await self._say(writer, reply + self.early)
            await relay((reader, writer), there)
        finally:
            there[1].close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await there[1].wait_closed()

    async def _hello_5(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Target:
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        if self.hang_up == "hello":
            raise _Done
        wanted = self.method if self.method is not None else 2 if self.users else 0
        if self.method is None and wanted not in methods:
            await self._say(writer, b"\x05\xff")
            raise _Done
        await self._say(writer, bytes([5, wanted]))
        if wanted == 2:
            await self._log_in(reader, writer)
        version, command, reserved, kind = await reader.readexactly(4)
        assert (version, command, reserved) == (5, 1, 0)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii")
        else:
            host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        return Target(host, int.from_bytes(await reader.readexactly(2), "big"))

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(1) == b"\x01"
        user = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        password = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        self.logins.append((user, password))
        if self.stall is not None:
            await self.stall.wait()
        if self.hang_up == "login":
            raise _Done
        right = self.users.get(user) == password
        await self._say(writer, b"\x01\x00" if right else b"\x01\x01")
        if not right:
            raise _Done

    async def _request_4(self, reader: asyncio.StreamReader) -> Target:
        assert await reader.readexactly(1) == b"\x01"
        port = int.from_bytes(await reader.readexactly(2), "big")
        packed = await reader.readexactly(4)
        self.identities.append((await reader.readuntil(b"\0"))[:-1].decode())
        if packed[:3] == b"\0\0\0" and packed[3]:
            return Target((await reader.readuntil(b"\0"))[:-1].decode("ascii"), port)
        return Target(str(ipaddress.IPv4Address(packed)), port)

    async def _say(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if not self.drip:
            writer.write(data)
            await writer.drain()
            return
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)


class _Done(Exception):
    """The connection is over."""


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
