"""What every dialer must do. A dialer's test class inherits `DialerContract` and gives the fixture `dialer`.

Targets are small servers on loopback; what lies between them and the dialer is the fixture's business.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.contracts.stream import read_all

from pipway.dial.base import Dialer, Target
from pipway.errors import Unavailable

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(talk: Talk, host: str = "127.0.0.1") -> AsyncIterator[Target]:
    """A server that lets `talk` handle each connection and closes it afterwards."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                await talk(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(accept, host, 0)
    try:
        yield Target(host, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, until it ends."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def speak_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Like a mail server."""
    writer.write(b"220 early bytes\r\n")
    await writer.drain()
    await reader.read()


class DialerContract:
    """The contract; nothing here knows the way that is taken."""

    refusal = "connection-refused"  #: the code where nothing listens, as far as the way can tell
    unknown_name = "name-not-found"  #: the code for a name that cannot exist

    async def test_reaches_the_target(self, dialer: Dialer) -> None:
        async with listening(echo) as target:
            stream = await dialer.dial(target)
            await stream.write(b"hello")
            await stream.write_eof()
            assert await read_all(stream) == b"hello"
            await stream.aclose()

    async def test_bytes_that_arrive_early_are_kept(self, dialer: Dialer) -> None:
        async with listening(speak_first) as target:
            stream = await dialer.dial(target)
            data = b""
            while len(data) < 17:
                data += await stream.read(3)
            assert data == b"220 early bytes\r\n"
            await stream.aclose()

    async def test_many_at_once_do_not_mix(self, dialer: Dialer) -> None:
        async def one(number: int) -> bytes:
            stream = await dialer.dial(target)
            await stream.write(b"%d" % number)
            await stream.write_eof()
            try:
                return await read_all(stream)
            finally:
                await stream.aclose()

        async with listening(echo) as target:
            answers = await asyncio.gather(*(one(number) for number in range(50)))
        assert answers == [b"%d" % number for number in range(50)]

    async def test_a_target_that_refuses_is_unavailable_with_a_reason(self, dialer: Dialer, closed_port: int) -> None:
        with pytest.raises(Unavailable) as caught:
            await dialer.dial(Target("127.0.0.1", closed_port))
        assert caught.value.code == self.refusal
        assert f"127.0.0.1:{closed_port}" in caught.value.what
        assert caught.value.why
        assert caught.value.fix

    async def test_a_name_that_cannot_exist_is_unavailable(self, dialer: Dialer) -> None:
        with pytest.raises(Unavailable) as caught:
            await dialer.dial(Target("a" * 70 + ".example", 80))
        assert caught.value.code == self.unknown_name

    async def test_cancelled_while_dialling_leaves_nothing(self, dialer: Dialer) -> None:
        """The folder's conftest checks that no socket and no task is left."""
        async with listening(echo) as target:
            for turns in range(8):
                dialling = asyncio.create_task(dialler(dialer, target))
                for _ in range(turns):
                    await asyncio.sleep(0)
                dialling.cancel()
                await asyncio.wait([dialling])


async def dialler(dialer: Dialer, target: Target) -> None:
    """Dial, and close at once if that succeeds."""
    stream = await dialer.dial(target)
    await stream.aclose()
