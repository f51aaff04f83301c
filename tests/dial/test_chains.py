"""Dialers around dialers: every mixture to depth four keeps the contracts, and three TLS legs lie inside each other.

A stream that passes a TLS leg cannot half-close: TLS closes wholly, so `write_eof` there ends both directions after
what was written has been sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme
from tests.contracts.dialer import DialerContract, echo, listening
from tests.contracts.stream import Dialled, Peer, StreamContract, TlsUpgradeContract, read_all, serving, trusting
from tests.dial.conftest import Journal
from tests.servers.relay import ConnectProxy
from tests.servers.socks_server import SocksServer

from pipway.dial.base import Dialer, Stream, Target
from pipway.dial.credentials.base import Credential
from pipway.dial.direct import Direct
from pipway.dial.gate import Gate
from pipway.dial.login import Logins
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.dial.via_http import ViaHttp
from pipway.dial.via_socks import ViaSocks
from pipway.wire.auth.base import Scheme

MIB = 1 << 20
EVERY_KIND = ("https", "socks5h", "http", "socks4a")


class Nobody:
    """Has no credentials."""

    async def find(self, parent: Parent) -> Credential | None:
        return None


def no_schemes(parent: Parent, credential: Credential | None) -> Mapping[str, Scheme]:
    return {}


class Chain:
    """Proxies of the kinds given, outermost first, and the dialer that goes through all of them."""

    def __init__(self, authority: trustme.CA, journal: Journal, folder: Path) -> None:
        self.authority = authority
        self.gate = Gate(Rejections(folder), trace=journal.trace)
        self.trace = journal.trace
        self.logins = Logins(gate=self.gate, credentials=Nobody(), schemes=no_schemes, trace=self.trace)
        self.servers: list[ConnectProxy | SocksServer] = []
        self.trusted = 0
        self._stack = AsyncExitStack()

    async def aclose(self) -> None:
        await self._stack.aclose()

    async def build(self, kinds: Sequence[str]) -> Dialer:
        dialer: Dialer = Direct()
        for kind in kinds:
            dialer = await self.around(dialer, kind)
        return dialer

    async def around(self, inner: Dialer, kind: str) -> Dialer:
        if kind.startswith("socks"):
            socks = await self._stack.enter_async_context(SocksServer(drip=kind == "socks4a"))
            self.servers.append(socks)
            parent = socks.parent("socks4a" if kind == "socks4a" else "socks5h")
            return ViaSocks(parent, inner, gate=self.gate, credentials=Nobody(), trace=self.trace)
        tls = serving(self.authority, "127.0.0.1") if kind == "https" else None
        proxy = await self._stack.enter_async_context(ConnectProxy(tls))
        self.servers.append(proxy)
        return ViaHttp(proxy.parent, inner, login=self.logins.of(proxy.parent), trust=self._trust, trace=self.trace)

    async def _trust(self) -> ssl.SSLContext:
        self.trusted += 1
        return trusting(self.authority)


@pytest.fixture
async def chain(authority: trustme.CA, journal: Journal, tmp_path: Path) -> AsyncIterator[Chain]:
    made = Chain(authority, journal, tmp_path)
    yield made
    await made.aclose()


class ChainContract(DialerContract):
    """Through proxies the last one says what it could not do."""

    kinds: tuple[str, ...]

    @pytest.fixture
    async def dialer(self, chain: Chain) -> Dialer:
        return await chain.build(self.kinds)


class TestHttp(ChainContract):
    kinds = ("http",)
    refusal = unknown_name = "parent-failed"


class TestHttpThroughSocks(ChainContract):
    kinds = ("socks5h", "http")
    refusal = unknown_name = "parent-failed"


class TestSocksThroughHttp(ChainContract):
    kinds = ("http", "socks5h")
    unknown_name = "host-unreachable"


class TestHttpThroughSocksThroughHttps(ChainContract):
    kinds = ("https", "socks5h", "http")
    refusal = unknown_name = "parent-failed"

    test_reaches_the_target = None  # type: ignore[assignment]  # they half-close, which TLS cannot
    test_many_at_once_do_not_mix = None  # type: ignore[assignment]


class TestFourHops(ChainContract):
    kinds = ("socks4a", "http", "socks5h", "http")
    refusal = unknown_name = "parent-failed"


@contextlib.asynccontextmanager
async def through(dialer: Dialer, *, half_close: bool) -> AsyncIterator[Dialled]:
    """A stream over this dialer and its other end."""
    accepted: asyncio.Future[Peer] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(
        lambda reader, writer: accepted.set_result(Peer(reader, writer)), "127.0.0.1", 0
    )
    try:
        stream = await dialer.dial(Target("127.0.0.1", server.sockets[0].getsockname()[1]))
        peer = await accepted
        yield Dialled(stream, peer, half_close=half_close)
        await stream.aclose()
        peer.writer.transport.abort()
        with contextlib.suppress(OSError):
            await peer.writer.wait_closed()
    finally:
        server.close()
        await server.wait_closed()


class TestStreamThroughHttp(StreamContract, TlsUpgradeContract):
    @pytest.fixture
    async def dialled(self, chain: Chain) -> AsyncIterator[Dialled]:
        async with through(await chain.build(["http"]), half_close=True) as pair:
            yield pair


class TestStreamThroughSocks(StreamContract, TlsUpgradeContract):
    @pytest.fixture
    async def dialled(self, chain: Chain) -> AsyncIterator[Dialled]:
        async with through(await chain.build(["socks5h"]), half_close=True) as pair:
            yield pair


class TestStreamThroughHttps(StreamContract, TlsUpgradeContract):
    @pytest.fixture
    async def dialled(self, chain: Chain) -> AsyncIterator[Dialled]:
        async with through(await chain.build(["https"]), half_close=False) as pair:
            yield pair


class TestStreamThroughSocksThroughHttps(StreamContract, TlsUpgradeContract):
    @pytest.fixture
    async def dialled(self, chain: Chain) -> AsyncIterator[Dialled]:
        async with through(await chain.build(["https", "socks4a"]), half_close=False) as pair:
            yield pair


@pytest.mark.parametrize("turn", range(4))
async def test_every_kind_around_every_other(chain: Chain, turn: int) -> None:
    """Depth four; the hops are told outermost first."""
    kinds = EVERY_KIND[turn:] + EVERY_KIND[:turn]
    dialer = await chain.build(kinds)
    async with listening(echo) as target:
        stream = await dialer.dial(target)
        await exchange(stream, b"through four" * 10_000)
        hops = stream.info.hops
        await stream.aclose()
    assert [hop.partition("://")[0] for hop in hops] == ["direct", *kinds]
    assert stream.info.tls is None  # what runs inside the tunnel is not protected by a leg outside


async def exchange(stream: Stream, data: bytes) -> None:
    """Send to an echo and get it back, both at once."""
    sending = asyncio.create_task(stream.write(data))
    received = bytearray()
    while len(received) < len(data):
        piece = await stream.read()
        assert piece, f"it ended {len(data) - len(received)} bytes too early"
        received += piece
    await sending
    assert received == data


class TestThreeTlsLegs:
    """An https:// parent through an https:// parent to an https:// origin."""

    @pytest.fixture
    async def dialer(self, chain: Chain) -> Dialer:
        return await chain.build(["https", "https"])

    @staticmethod
    def origin(chain: Chain) -> ssl.SSLContext:
        return serving(chain.authority, "files.example")

    async def secure(self, chain: Chain, dialer: Dialer, target: Target) -> Stream:
        stream = await dialer.dial(target)
        return await stream.start_tls(trusting(chain.authority), "files.example")

    @pytest.mark.slow
    async def test_large_bodies_both_ways(self, chain: Chain, dialer: Dialer) -> None:
        there, back = (random.Random(seed).randbytes(16 * MIB) for seed in (1, 2))
        result: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async def send() -> None:
                for start in range(0, len(back), 100_000):
                    writer.write(back[start : start + 100_000])
                    await writer.drain()

            sending = asyncio.create_task(send())
            result.set_result(hashlib.sha256(await reader.readexactly(len(there))).hexdigest())
            await sending

        async with serving_tls(talk, self.origin(chain)) as target:
            stream = await self.secure(chain, dialer, target)
            assert stream.info.tls is not None
            sending = asyncio.create_task(stream.write(there))
            received = await read_all(stream)
            await sending
            await stream.aclose()
        assert received == back
        assert await result == hashlib.sha256(there).hexdigest()
        assert chain.trusted == 2

    async def test_the_origin_speaks_first(self, chain: Chain, dialer: Dialer) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 early bytes\r\n")
            await reader.read()

        async with serving_tls(talk, self.origin(chain)) as target:
            stream = await self.secure(chain, dialer, target)
            assert await stream.read() == b"220 early bytes\r\n"
            await stream.aclose()

    async def test_bytes_behind_the_200_of_a_parent_are_kept(self, chain: Chain, dialer: Dialer) -> None:
        last = chain.servers[-1]
        last.early = b"early"
        async with listening(echo) as target:
            stream = await dialer.dial(target)
            await stream.write(b" and late")
            data = b""
            while len(data) < 14:
                data += await stream.read(3)
            assert data == b"early and late"
            await stream.aclose()

    async def test_an_end_of_ours_sends_what_was_written_and_closes_wholly(self, chain: Chain, dialer: Dialer) -> None:
        received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.set_result(await reader.read())

        async with serving_tls(talk, self.origin(chain)) as target:
            stream = await self.secure(chain, dialer, target)
            await stream.write(bytes(300_000))
            await stream.write_eof()
            assert len(await received) == 300_000
            assert await stream.read() == b""
            await stream.aclose()

    async def test_the_origins_certificate_is_judged_by_its_own_name(self, chain: Chain, dialer: Dialer) -> None:
        async with serving_tls(echo, serving(trustme.CA(), "files.example")) as target:
            stream = await dialer.dial(target)
            with pytest.raises(Exception) as caught:
                await stream.start_tls(trusting(chain.authority), "files.example")
            assert getattr(caught.value, "code", caught.value) == "tls-not-trusted"

    async def test_cancelled_at_any_step_leaves_nothing(self, chain: Chain, dialer: Dialer) -> None:
        """The folder's conftest looks for sockets and tasks."""

        async def dial_and_close() -> None:
            await (await self.secure(chain, dialer, target)).aclose()

        async with serving_tls(echo, self.origin(chain)) as target:
            for turns in range(0, 60, 3):
                dialing = asyncio.create_task(dial_and_close())
                for _ in range(turns):
                    await asyncio.sleep(0)
                dialing.cancel()
                await asyncio.wait([dialing])


@contextlib.asynccontextmanager
async def serving_tls(talk: object, context: ssl.SSLContext) -> AsyncIterator[Target]:
    """`listening` over TLS."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await talk(reader, writer)  # type: ignore[operator]
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()
