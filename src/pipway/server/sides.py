"""The two sides of a tunnel: what takes a transport or a stream over, reads from it and sends to it.

`tunnel` makes a pair and decides what an end, a reset or a full queue means; a side only reads, sends and tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, cast

from pipway import platforms
from pipway.errors import PipwayError
from pipway.server.outside import Far

#: Close with RST: a stream that broke must not look complete.
_RESET = struct.pack("ii", 1, 0)
#: Bytes that wait for a slow peer behind TLS before the other side pauses. By default TLS takes half a MiB.
_SEALED = 131072
#: Bytes of one direction from which on it is worth a pipe and four descriptors.
BULK = 524288
NEVER = 1 << 62


class Watcher(Protocol):
    """What a side tells; `Tunnel` conforms."""

    def ended(self, side: Side) -> None:
        """It has sent its last byte."""

    def lost(self, side: Side) -> None:
        """Its connection is no more; `eof` tells whether it had ended properly before. Called exactly once."""

    def refused(self, side: Side, error: Exception) -> None:
        """It takes no more bytes."""

    def room(self, side: Side) -> None:
        """Everything sent to it is on its way."""

    def bulky(self, side: Side) -> None:
        """So much has come from it that splicing is worth while."""


class Side:
    """What both kinds have in common. A side hands what it reads to `other` and pauses itself while that is full."""

    other: Side

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.moved = 0  #: bytes that came from here
        self.full = False  #: some of what was sent waits in user space
        self.eof = False  #: it has sent its last byte
        self.refuses = False  #: nothing more can be sent to it; what the other side says is thrown away
        self.said_all = False  #: refuses, but had ended before
        self.gone = False  #: its connection is no more
        self.doomed = False  #: to be reset as soon as it has got everything

    def begin(self) -> None:
        """Take over; reads nothing until `resume`."""

    def send(self, data: bytes | memoryview) -> None:
        """Send, or queue a copy and be full."""
        raise NotImplementedError

    def finish(self) -> None:
        """Send no more: half-close behind what is queued."""
        raise NotImplementedError

    def pause(self) -> None:
        """Read no more for now."""
        raise NotImplementedError

    def resume(self) -> None:
        """Read on."""
        raise NotImplementedError

    def close(self) -> None:
        """Close behind what is queued."""
        raise NotImplementedError

    def reset(self) -> None:
        """Close now, and let nobody take the part for the whole."""
        raise NotImplementedError

    def queued(self) -> int:
        """Bytes sent to it that wait here or in the kernel."""
        raise NotImplementedError


class SocketSide(Side):
    """A transport."""

    def __init__(self, watcher: Watcher, transport: asyncio.Transport) -> None:
        super().__init__(watcher)
        self.transport = transport
        self._paused = True
        self._finishing = False

    def begin(self) -> None:
        """Take over; reads nothing until `resume`."""
        if self.transport.is_closing():  # it may have told its old protocol already, and will not do so again
            asyncio.get_running_loop().call_soon(self.connection_lost, None)
        else:
            self.transport.pause_reading()
        self.transport.set_protocol(cast(asyncio.BaseProtocol, self))

    def pause(self) -> None:
        """Read no more for now."""
        if not (self._paused or self.eof or self.transport.is_closing()):
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused and not (self.eof or self.transport.is_closing()):
            self._paused = False
            self.transport.resume_reading()

    def finish(self) -> None:
        """Send no more: half-close behind what is queued. TLS cannot: it is closed when the tunnel is."""
        if self.full:
            self._finishing = True  # asyncio's transport would shut down later, and fail where nobody catches it
        elif self.transport.can_write_eof() and not (self.refuses or self.transport.is_closing()):
            try:
                self.transport.write_eof()
            except OSError as error:  # reset, and not noticed yet
                self.watcher.refused(self, error)

    def close(self) -> None:
        """Close behind what is queued."""
        self.transport.close()

    def reset(self) -> None:
        """Close now, and let nobody take the part for the whole."""
        if self.gone:
            return
        original = self.transport.get_extra_info("socket")
        if original is not None:
            with contextlib.suppress(OSError):
                original.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        with contextlib.suppress(RuntimeError):
            self.transport.abort()

    def keep_alive(self) -> None:
        """Have the kernel notice when the peer vanishes."""
        if not self.gone:
            with contextlib.suppress(OSError):  # reset already: the transport will say so
                platforms.keep_alive(self.transport.get_extra_info("socket"))

    def queued(self) -> int:
        """Bytes sent to it that wait here or in the kernel."""
        if self.gone:
            return 0
        waiting = self.transport.get_write_buffer_size()
        with contextlib.suppress(OSError):
            waiting += platforms.unsent(self.transport.get_extra_info("socket"))
        return waiting

    def pause_writing(self) -> None:
        """The transport could not send everything."""
        self.full = True

    def resume_writing(self) -> None:
        """The transport's queue is empty."""
        self.full = False
        if self._finishing:
            self.finish()
        self.watcher.room(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Broken by the peer, or closed by us."""
        if not self.gone:
            self.gone = True
            self.full = False
            self.watcher.lost(self)


class PlainSide(SocketSide, asyncio.BufferedProtocol):
    """TCP: read into a buffer that all tunnels share, and sent from it without a copy while the kernel takes it."""

    def __init__(self, watcher: Watcher, transport: asyncio.Transport, scratch: memoryview) -> None:
        super().__init__(watcher, transport)
        self._scratch = scratch
        self.descriptor = transport.get_extra_info("socket").fileno()
        self.bulk = NEVER  #: `bulky` is told from so many bytes on

    def begin(self) -> None:
        """Take over; reads nothing until `resume`."""
        super().begin()
        if self.transport.is_closing():
            return
        self.transport.set_write_buffer_limits(high=0)
        self.full = self.transport.get_write_buffer_size() > 0

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        self.moved += nbytes
        other = self.other
        other.send(self._scratch[:nbytes])
        if other.full:
            self.pause()
        elif self.moved >= self.bulk:
            self.watcher.bulky(self)

    def eof_received(self) -> bool:
        """It sends no more; our half stays open."""
        self.watcher.ended(self)
        return True

    def send(self, data: bytes | memoryview) -> None:
        """Send, or queue a copy and be full."""
        if self.refuses or self.transport.is_closing():
            return
        if not self.full and platforms.SOCKETS_ARE_FILES:
            try:
                sent = os.write(self.descriptor, data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self.watcher.refused(self, error)
                return
            if sent == len(data):
                return
            data = data[sent:]
        self.transport.write(bytes(data))


class SealedSide(SocketSide, asyncio.Protocol):
    """TLS. No shared buffer: asyncio's TLS gives only one buffer's worth when the end comes, and loses the rest."""

    def __init__(self, watcher: Watcher, transport: asyncio.Transport, whole: Callable[[], bool] | None) -> None:
        super().__init__(watcher, transport)
        self._whole = whole

    def begin(self) -> None:
        """Take over; reads nothing until `resume`."""
        super().begin()
        if not self.transport.is_closing():
            self.transport.set_write_buffer_limits(high=_SEALED)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.moved += len(data)
        self.other.send(data)
        if self.other.full:
            self.pause()

    def eof_received(self) -> bool:
        """The end of TLS, or of what is below: whoever cut that must not pass for an end (RFC 8446 §6.1)."""
        if self._whole is None or self._whole():
            self.watcher.ended(self)
        return False  # the transport closes

    def send(self, data: bytes | memoryview) -> None:
        """Queue, and be full when it is much."""
        if not (self.refuses or self.transport.is_closing()):
            self.transport.write(bytes(data))


class StreamSide(Side):
    """A stream that cannot be detached, moved by two tasks."""

    def __init__(
        self, watcher: Watcher, far: Far, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    ) -> None:
        super().__init__(watcher)
        self._far = far
        self._spawn = spawn
        self._going = asyncio.Event()  # read on
        self._waiting: deque[bytes] = deque()
        self._finishing = False
        self._closing = False
        self._ending = False
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Take over; reads nothing until `resume`."""
        self._work(self._read())

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._spawn(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        try:
            await self._going.wait()
            while data := await self._far.read():
                self.moved += len(data)
                self.other.send(data)
                if self.other.full:
                    self._going.clear()
                await self._going.wait()
        except (OSError, PipwayError):
            self._end()
        else:
            self.watcher.ended(self)

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._far.write(self._waiting.popleft())
            if self._finishing:
                await self._far.write_eof()
        except (OSError, PipwayError) as error:
            self._waiting.clear()
            self.watcher.refused(self, error)
        self.full = False
        if self._closing:
            self._end()
        else:
            self.watcher.room(self)

    def _end(self) -> None:
        """Close the stream, and then say that it is lost."""
        if not self._ending:
            self._ending = True
            current = asyncio.current_task()
            for task in self._tasks:
                if task is not current:
                    task.cancel()
            self._spawn(self._aclose())

    async def _aclose(self) -> None:
        try:
            await self._far.aclose()
        finally:
            self.gone = True
            self.full = False
            self.watcher.lost(self)

    def send(self, data: bytes | memoryview) -> None:
        """Queue a copy; full until the stream has taken it."""
        if self.refuses or self._ending:
            return
        self._waiting.append(bytes(data))
        self._start_writing()

    def finish(self) -> None:
        """Send no more: half-close behind what is queued."""
        if not (self.refuses or self._ending or self._finishing):
            self._finishing = True
            self._start_writing()

    def _start_writing(self) -> None:
        if not self.full:
            self.full = True
            self._work(self._write())

    def pause(self) -> None:
        """Read no more for now."""
        self._going.clear()

    def resume(self) -> None:
        """Read on."""
        self._going.set()

    def close(self) -> None:
        """Close behind what is queued."""
        self._closing = True
        if not self.full:
            self._end()

    def reset(self) -> None:
        """Close now."""
        self._end()

    def queued(self) -> int:
        """Bytes sent to it that wait here or in the kernel."""
        return sum(map(len, self._waiting))
