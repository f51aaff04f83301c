"""The socket stream keeps the stream contract, in clear and over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator

import pytest
import trustme
from tests.contracts.stream import Dialled, Peer, StreamContract, TlsUpgradeContract, serving, trusting, until_loud

from pipway.dial.base import Target
from pipway.dial.direct import Direct


@contextlib.asynccontextmanager
async def dialled_pair(authority: trustme.CA | None = None) -> AsyncIterator[Dialled]:
    """A stream from Direct to a server of asyncio's; over TLS with an authority."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[Peer] = loop.create_future()
    server = await asyncio.start_server(
        lambda reader, writer: accepted.set_result(Peer(reader, writer)),
        "127.0.0.1",
        0,
        ssl=serving(authority, "files.example") if authority else None,
    )
    try:
        stream = await Direct().dial(Target("127.0.0.1", server.sockets[0].getsockname()[1]))
        if authority:
            stream = await stream.start_tls(trusting(authority), "files.example")
        peer = await accepted
        yield Dialled(stream, peer, half_close=authority is None)
        await stream.aclose()
        peer.writer.transport.abort()
        with contextlib.suppress(OSError):
            await peer.writer.wait_closed()
    finally:
        server.close()
        await server.wait_closed()


class TestInClear(StreamContract, TlsUpgradeContract):
    @pytest.fixture
    async def dialled(self) -> AsyncIterator[Dialled]:
        async with dialled_pair() as pair:
            yield pair


class TestOverTls(StreamContract):
    @pytest.fixture
    async def dialled(self, authority: trustme.CA) -> AsyncIterator[Dialled]:
        async with dialled_pair(authority) as pair:
            yield pair


@pytest.mark.parametrize("size", [0, 1000, 2_000_000])
async def test_tls_that_is_cut_without_a_goodbye_is_an_error(authority: trustme.CA, size: int) -> None:
    """RFC 8446 §6.1: otherwise a truncated body that ends with the connection would pass for a whole one."""
    async with dialled_pair(authority) as pair:
        sending = asyncio.create_task(pair.peer.send(bytes(size)))
        received = 0
        while received < size:
            received += len(await pair.stream.read())
        await sending
        end_tcp_alone(pair.peer)
        with pytest.raises(ConnectionResetError, match="goodbye"):
            await pair.stream.read()
        with pytest.raises(OSError):
            await pair.stream.write(b"x")


async def test_tls_that_is_cut_while_nobody_reads_is_an_error_after_the_data(authority: trustme.CA) -> None:
    async with dialled_pair(authority) as pair:
        sending = asyncio.create_task(pair.peer.send(bytes(600_000)))
        await until_loud(pair.stream)
        await sending
        end_tcp_alone(pair.peer)
        for _ in range(20):
            await asyncio.sleep(0.001)
        received = 0
        with pytest.raises(ConnectionResetError):
            while data := await pair.stream.read():
                received += len(data)
        assert received == 600_000


def end_tcp_alone(peer: Peer) -> None:
    """Shut the socket down below TLS, as somebody on the way could."""
    with socket.socket(fileno=os.dup(peer.writer.get_extra_info("socket").fileno())) as sock:
        sock.shutdown(socket.SHUT_WR)
