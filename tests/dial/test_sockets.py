"""The socket stream keeps the stream contract, in clear and over TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import trustme
from tests.contracts.stream import Dialled, Peer, StreamContract, TlsUpgradeContract, serving, trusting

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
