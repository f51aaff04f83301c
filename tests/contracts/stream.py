"""What every stream must do. A stream's test class inherits `StreamContract` and gives the fixture `dialled`.

The other end is driven through asyncio's own streams, so that an independent implementation is the judge.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from dataclasses import dataclass

import pytest
import trustme

from pipway.dial.base import Stream
from pipway.errors import BadUpstream, Unavailable

MIB = 1 << 20


@dataclass
class Peer:
    """The other end of the stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), MIB):
            self.writer.write(data[start : start + MIB])
            await self.writer.drain()

    def reset(self) -> None:
        """End with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class Dialled:
    """A stream and its other end; `half_close`: whether one direction can end alone (TLS cannot)."""

    stream: Stream
    peer: Peer
    half_close: bool = True


async def read_all(stream: Stream, at_most: int = 262144) -> bytes:
    """Read to the end, checking the bound."""
    pieces = []
    while piece := await stream.read(at_most):
        assert len(piece) <= at_most
        pieces.append(piece)
    return b"".join(pieces)


async def until_loud(stream: Stream) -> None:
    """Wait until the stream has noticed what the peer did."""
    while stream.quiet:
        await asyncio.sleep(0.001)


class StreamContract:
    """The contract; nothing here knows what the stream is made of."""

    async def test_bytes_go_both_ways(self, dialled: Dialled) -> None:
        await dialled.stream.write(b"to and ")
        await dialled.peer.send(await dialled.peer.reader.readexactly(7) + b"fro")
        data = b""
        while len(data) < 10:
            data += await dialled.stream.read()
        assert data == b"to and fro"

    async def test_read_gives_at_most_what_was_asked_and_loses_nothing(self, dialled: Dialled) -> None:
        data = bytes(range(256)) * 4000
        sending = asyncio.create_task(dialled.peer.send(data))
        first = [await dialled.stream.read(1), await dialled.stream.read(7), await dialled.stream.read(1000)]
        rest = bytearray()
        while len(rest) + sum(map(len, first)) < len(data):
            rest += await dialled.stream.read(65536)
        await sending
        assert b"".join(first) + rest == data
        assert [len(first[0]), len(first[1]) <= 7, len(first[2]) <= 1000] == [1, True, True]

    async def test_end_of_the_peer_is_an_empty_read_every_time(self, dialled: Dialled) -> None:
        await dialled.peer.send(b"bye")
        dialled.peer.writer.close()
        assert await read_all(dialled.stream) == b"bye"
        assert await dialled.stream.read() == b""

    async def test_half_close_keeps_the_other_direction(self, dialled: Dialled) -> None:
        if not dialled.half_close:
            await dialled.stream.write(b"all")
            await dialled.stream.write_eof()
            assert await dialled.peer.reader.read() == b"all"
            return
        await dialled.stream.write(b"question")
        await dialled.stream.write_eof()
        assert await dialled.peer.reader.read() == b"question"
        await dialled.peer.send(b"answer" * 100000)
        dialled.peer.writer.close()
        assert await read_all(dialled.stream) == b"answer" * 100000

    async def test_the_peers_half_close_keeps_ours(self, dialled: Dialled) -> None:
        if not dialled.half_close:
            return
        dialled.peer.writer.write_eof()
        assert await dialled.stream.read() == b""
        await dialled.stream.write(b"still here")
        await dialled.stream.write_eof()
        assert await dialled.peer.reader.read() == b"still here"

    @pytest.mark.slow
    async def test_a_slow_reader_slows_the_peer(self, dialled: Dialled) -> None:
        """Memory is bounded: of 32 MiB that nobody reads, the kernels and we hold only some."""
        sending = asyncio.create_task(dialled.peer.send(bytes(32 * MIB)))
        first = await dialled.stream.read()
        await asyncio.wait([sending], timeout=0.2)
        assert not sending.done()
        received = len(first)
        while received < 32 * MIB:
            received += len(await dialled.stream.read())
        await sending

    @pytest.mark.slow
    async def test_a_slow_peer_slows_the_writer(self, dialled: Dialled) -> None:
        data = bytes(32 * MIB)
        writing = asyncio.create_task(dialled.stream.write(data))
        await asyncio.wait([writing], timeout=0.2)
        assert not writing.done()
        assert await dialled.peer.reader.readexactly(len(data)) == data
        await writing

    async def test_a_reset_is_an_error_not_an_end(self, dialled: Dialled) -> None:
        reading = asyncio.create_task(read_all(dialled.stream))
        await asyncio.sleep(0)
        dialled.peer.reset()
        with pytest.raises(OSError):
            await reading
        with pytest.raises(OSError):
            await dialled.stream.write(b"x")

    async def test_detached_it_gives_its_transport_and_what_was_read_away(self, dialled: Dialled) -> None:
        await dialled.peer.send(b"early, " * 1000)
        got = await dialled.stream.read(1)
        detached = dialled.stream.detach()
        assert detached is not None
        await dialled.stream.aclose()  # does nothing any more
        assert not dialled.stream.quiet
        with pytest.raises(OSError):
            await dialled.stream.read()
        with pytest.raises(OSError):
            await dialled.stream.write(b"x")
        taker = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(taker)
        detached.transport.set_protocol(protocol)
        protocol.connection_made(detached.transport)
        detached.transport.resume_reading()
        got += detached.early
        await dialled.peer.send(b"late")
        dialled.peer.writer.close()
        async with asyncio.timeout(10):
            got += await taker.read()
        assert got == b"early, " * 1000 + b"late"
        detached.transport.abort()
        if detached.ended is not None:
            await detached.ended()

    async def test_one_that_broke_is_not_detached_but_tells_how(self, dialled: Dialled) -> None:
        dialled.peer.reset()
        await until_loud(dialled.stream)
        assert dialled.stream.detach() is None
        with pytest.raises(OSError):
            await read_all(dialled.stream)

    async def test_a_reset_ends_a_waiting_write(self, dialled: Dialled) -> None:
        writing = asyncio.create_task(dialled.stream.write(bytes(32 * MIB)))
        await asyncio.wait([writing], timeout=0.05)
        dialled.peer.reset()
        with pytest.raises(OSError):
            await writing

    async def test_a_cancelled_read_loses_nothing(self, dialled: Dialled) -> None:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await dialled.stream.read()
        await dialled.peer.send(b"kept")
        assert await dialled.stream.read() == b"kept"

    async def test_close_ends_both_ways_and_can_be_repeated(self, dialled: Dialled) -> None:
        await dialled.stream.aclose()
        await dialled.stream.aclose()
        assert await dialled.peer.reader.read() == b""
        with pytest.raises(OSError):
            await dialled.stream.write(b"x")
        await dialled.stream.write_eof()
        assert not dialled.stream.quiet

    async def test_close_ends_a_waiting_read(self, dialled: Dialled) -> None:
        reading = asyncio.create_task(dialled.stream.read())
        await asyncio.sleep(0)
        await dialled.stream.aclose()
        await asyncio.wait([reading])
        assert isinstance(reading.exception(), OSError) or reading.result() == b""

    async def test_close_after_a_reset_never_raises(self, dialled: Dialled) -> None:
        dialled.peer.reset()
        await until_loud(dialled.stream)
        await dialled.stream.aclose()

    async def test_quiet_until_the_peer_says_or_ends_something(self, dialled: Dialled) -> None:
        assert dialled.stream.quiet
        await dialled.peer.send(b"?")
        await until_loud(dialled.stream)
        assert await dialled.stream.read() == b"?"
        assert dialled.stream.quiet
        dialled.peer.writer.close()
        await until_loud(dialled.stream)

    async def test_info_says_who_was_dialled(self, dialled: Dialled) -> None:
        assert dialled.stream.info.peer in ("127.0.0.1", "::1")
        assert dialled.stream.info.hops


class TlsUpgradeContract:
    """What `start_tls` must do on every stream; the peer speaks clear text until it upgrades itself."""

    async def test_tls_on_top(self, dialled: Dialled, authority: trustme.CA) -> None:
        secure, _ = await asyncio.gather(
            dialled.stream.start_tls(trusting(authority), "files.example"), upgrade(dialled.peer, authority)
        )
        assert secure.info.tls in ("TLSv1.2", "TLSv1.3")
        assert secure.info.alpn == "http/1.1"
        await secure.write(b"secret")
        assert await dialled.peer.reader.readexactly(6) == b"secret"
        await dialled.peer.send(b"answer")
        assert await secure.read() == b"answer"
        await secure.aclose()

    async def test_a_stranger_is_not_trusted(self, dialled: Dialled, authority: trustme.CA) -> None:
        code, _ = await asyncio.gather(
            tls_failure_code(dialled.stream, trusting(trustme.CA()), "files.example"), upgrade(dialled.peer, authority)
        )
        assert code == "tls-not-trusted"
        assert not dialled.stream.quiet

    async def test_another_name_is_not_trusted(self, dialled: Dialled, authority: trustme.CA) -> None:
        code, _ = await asyncio.gather(
            tls_failure_code(dialled.stream, trusting(authority), "other.example"), upgrade(dialled.peer, authority)
        )
        assert code == "tls-wrong-name"

    async def test_a_peer_without_tls(self, dialled: Dialled, authority: trustme.CA) -> None:
        async def answer_in_clear() -> None:
            await dialled.peer.reader.read(1)
            await dialled.peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        code, _ = await asyncio.gather(
            tls_failure_code(dialled.stream, trusting(authority), "files.example"), answer_in_clear()
        )
        assert code == "tls-failed"

    @pytest.mark.parametrize("rudely", [True, False])
    async def test_a_peer_that_leaves_during_the_handshake(
        self, dialled: Dialled, authority: trustme.CA, rudely: bool
    ) -> None:
        async def leave() -> None:
            await dialled.peer.reader.read(1)
            if rudely:
                dialled.peer.reset()
            else:
                dialled.peer.writer.close()

        code, _ = await asyncio.gather(tls_failure_code(dialled.stream, trusting(authority), "files.example"), leave())
        assert code == "tls-failed"

    async def test_clear_text_sent_early_is_refused(self, dialled: Dialled, authority: trustme.CA) -> None:
        """Injected before the handshake, it would pass for protected bytes afterwards."""
        await dialled.peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        await until_loud(dialled.stream)
        with pytest.raises(BadUpstream) as caught:
            await dialled.stream.start_tls(trusting(authority), "files.example")
        assert caught.value.code == "bytes-before-tls"

    async def test_a_cancelled_handshake_leaves_nothing(self, dialled: Dialled, authority: trustme.CA) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await dialled.stream.start_tls(trusting(authority), "files.example")
        await dialled.stream.aclose()
        await dialled.peer.reader.read()
        assert dialled.peer.reader.at_eof()

    async def test_tls_inside_tls(self, dialled: Dialled, authority: trustme.CA) -> None:
        """As with an https:// parent proxy; each leg is verified for its own name."""
        stream = dialled.stream
        for name in ("files.example", "inner.example"):
            stream, _ = await asyncio.gather(
                stream.start_tls(trusting(authority), name), upgrade(dialled.peer, authority, name)
            )
        await stream.write(b"deep")
        assert await dialled.peer.reader.readexactly(4) == b"deep"
        await dialled.peer.send(b"answer" * 50000)
        received = b""
        while len(received) < 300000:
            received += await stream.read()
        assert received == b"answer" * 50000
        await stream.aclose()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client context that believes only this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    authority.configure_trust(context)
    return context


def serving(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """A server context for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    authority.issue_cert(*names).configure_cert(context)
    return context


async def upgrade(peer: Peer, authority: trustme.CA, name: str = "files.example") -> None:
    """The peer's side of a handshake; its failures are the client's to judge."""
    try:
        await peer.writer.start_tls(serving(authority, name))
    except (OSError, ssl.SSLError):
        peer.writer.transport.abort()


async def tls_failure_code(stream: Stream, context: ssl.SSLContext, name: str) -> str:
    """The code with which a handshake fails."""
    with pytest.raises(Unavailable) as caught:
        await stream.start_tls(context, name)
    await stream.aclose()
    assert caught.value.why
    assert caught.value.fix
    return caught.value.code
