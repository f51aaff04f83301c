"""The way out of one connection: bytes to the transport, and how to wait until the kernel has taken them.

Connections, exchanges and file transfers write through it. The transport's buffer limits are zero, so `full` means
that something is waiting in user space; nobody writes more until it has drained. It never decides what is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from pipway import platforms

#: Up to here one copy is cheaper than a gathering write or a file (measured).
SMALL = 16384
#: Close with RST: a body that ends with the connection must not look complete.
_RESET = struct.pack("ii", 1, 0)


class Outlet:
    """Writing side of a transport."""

    __slots__ = ("_socket", "_waiter", "full", "gone", "room", "total", "transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.full = False  #: bytes are waiting in user space
        self.gone = False  #: the connection is lost
        self.total = 0  #: bytes written with `write` or sent from files
        self.room: Callable[[], None] | None = None  #: called each time the buffer has drained
        self._waiter: asyncio.Future[None] | None = None
        self._socket: socket.socket | None = None
        transport.set_write_buffer_limits(high=0)

    def write(self, *parts: bytes) -> None:
        """Send bytes; ConnectionResetError once the client is gone. Await `drain` before the next ones."""
        if self.gone or self.transport.is_closing():
            raise ConnectionResetError("client is gone")
        size = sum(map(len, parts))
        self.total += size
        if size <= SMALL:
            self.transport.write(b"".join(parts))
        else:
            self.transport.writelines(parts)

    async def drain(self) -> None:
        """Wait until the kernel has everything. ConnectionResetError when the client is gone."""
        while self.full and not self.gone:
            if self._waiter is None:
                self._waiter = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._waiter)
        if self.gone:
            raise ConnectionResetError("client is gone")

    def paused(self) -> None:
        """The transport could not send everything."""
        self.full = True

    def resumed(self) -> None:
        """The transport's buffer is empty again."""
        self.full = False
        self._wake()
        if self.room is not None:
            self.room()

    def lost(self) -> None:
        """The connection is no more: let go of the descriptor and of who waits."""
        self.gone = True
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._wake()

    def progress(self) -> int:
        """A number that changes whenever the kernel takes bytes."""
        return self.total - self.transport.get_write_buffer_size()

    def duplicate(self) -> socket.socket | None:
        """The socket itself, for `sendfile`: made once, closed with the connection. None where there is no sendfile.

        A duplicate, because the transport owns its descriptor and may close it while ours is in a system call's hands.
        """
        if self._socket is None and platforms.HAS_SENDFILE and not self.gone:
            original = self.transport.get_extra_info("socket")
            if original is not None and self.transport.get_extra_info("sslcontext") is None:
                self._socket = original.dup()
                self._socket.setblocking(False)
        return self._socket

    def reset(self) -> None:
        """Drop the connection so that nobody can take what was sent for the whole."""
        if self.gone:
            return
        original = self.transport.get_extra_info("socket")
        if original is not None:
            with contextlib.suppress(OSError):
                original.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
