"""A stream on one of asyncio's transports, with back-pressure both ways and TLS on top.

`direct` makes them; everything else sees only `base.Stream`. Chunks are handed on as the event loop made them.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import sys
from asyncio import sslproto
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import cast

from pipway.dial.base import Detached, StreamInfo
from pipway.dial.failures import tls_failure
from pipway.errors import BadUpstream

_HIGH_WATER = 524288  # bytes unread at which the peer is told to wait (by its TCP window)
_LOW_WATER = 131072
_WRITE_PIECE = 262144


class SocketStream(asyncio.Protocol):
    """One connection; both the protocol that asyncio calls and the stream that is read. One reader, one writer."""

    def __init__(self, peer: str) -> None:
        self.info = StreamInfo(peer)
        self._transport: asyncio.Transport
        self._chunks: deque[bytes] = deque()
        self._offset = 0  # of the first chunk, already read
        self._unread = 0
        self._paused = False
        self._eof = False
        self._error: OSError | None = None
        self._tls: ssl.SSLObject | None = None  # the innermost layer; `info.tls` is what others want to show
        self._ended = False  # by us
        self._away = False  # the transport is somebody else's
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._unread += len(data)
        if self._unread >= _HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        if self._tls is not None and not _said_goodbye(self._tls):
            self._error = _cut_short()  # asyncio's loop says this for a bare end of TCP, too
        self._eof = True
        self._wake()
        return self._tls is None  # keep our half open; TLS cannot

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, OSError):
            self._error = exc
        elif exc is not None:
            self._error = ConnectionResetError(errno.ECONNRESET, "the connection broke")
        elif self._tls is not None and not (self._eof or self._ended):
            self._error = _cut_short()
        self._eof = True
        self._gone.set()
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # What users call

    @property
    def quiet(self) -> bool:
        """Open, and nothing waits to be read: what an idle connection must be to carry another request."""
        return not (self._chunks or self._eof or self._away or self._transport.is_closing())

    async def read(self, at_most: int = 262144) -> bytes:
        """Some bytes; b"" when the peer is done. OSError when the connection broke."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._eof:
                return b""
            assert self._reader is None, "one reader at a time"
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._next(at_most)
        self._unread -= len(data)
        if self._paused and self._unread <= _LOW_WATER:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    def _next(self, at_most: int) -> bytes:
        first = self._chunks[0]
        if not self._offset and len(first) <= at_most:
            return self._chunks.popleft()
        data = first[self._offset : self._offset + at_most]
        self._offset += len(data)
        if self._offset == len(first):
            self._chunks.popleft()
            self._offset = 0
        return data

    async def write(self, data: bytes) -> None:
        """Send, waiting while the peer is slow. OSError when the connection broke."""
        # In pieces: asyncio's TLS encrypts and queues whatever one call gives it, however slow the peer.
        for piece in _pieces(data):
            self._check_open()
            self._transport.write(piece)
            if not self._writable.is_set():
                await self._writable.wait()
                self._check_open()

    def _check_open(self) -> None:
        if self._error is not None:
            raise self._error
        if self._gone.is_set() or self._transport.is_closing():
            raise BrokenPipeError(errno.EPIPE, "the connection is closed")

    async def write_eof(self) -> None:
        """Half-close; a TLS stream closes wholly."""
        if self._gone.is_set() or self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._ended = True
            self._transport.close()

    async def start_tls(self, context: ssl.SSLContext, name: str) -> SocketStream:
        """TLS on top, verified for `name`. Unavailable ("tls-…") when it fails, and the stream is closed then.

        Refuses while unread bytes remain: they came in clear text and would pass for protected ones.
        """
        if self._chunks:
            await self.aclose()
            raise BadUpstream("bytes-before-tls", f"{name} sent data before the secure connection was asked for")
        raw = self._transport
        _let_errors_through(raw)
        try:
            self._check_open()
            transport = await asyncio.get_running_loop().start_tls(raw, self, context, server_hostname=name)
            assert transport is not None
        except BaseException as error:
            # A handshake that fails leaves this protocol uninformed.
            raw.abort()
            self.connection_lost(None)
            if isinstance(error, OSError):
                raise tls_failure(name, error) from None
            raise
        self._transport = transport
        layer = self._tls = transport.get_extra_info("ssl_object")
        self.info = replace(
            self.info,
            tls=layer.version(),
            alpn=layer.selected_alpn_protocol(),
            certificate=layer.getpeercert(binary_form=True),
        )
        return self

    async def aclose(self) -> None:
        """Close at once, both ways; never raises. What was written but not yet sent is dropped."""
        if self._away:
            return
        self._ended = True
        self._transport.abort()
        await self._gone.wait()

    def detach(self) -> Detached | None:
        """Give the transport away, TLS layers included: those work like any other, but do not half-close."""
        if self._error is not None or self._gone.is_set() or self._transport.is_closing():
            return None
        self._transport.pause_reading()
        rest = b"".join(self._chunks)[self._offset :]
        self._chunks.clear()
        self._away = True
        self._error = OSError(errno.EBADF, "the connection was handed over")
        whole = None if self._tls is None else partial(_said_goodbye, self._tls)
        return Detached(self._transport, rest, self._eof, whole=whole)


def _let_errors_through(transport: asyncio.Transport) -> None:
    """Before Python 3.13 asyncio's TLS below another TLS chokes on the upper one's errors, and they are lost."""
    if sys.version_info < (3, 13) and isinstance(transport, sslproto._SSLProtocolTransport):
        transport._force_close = lambda exc: transport.abort()  # type: ignore[attr-defined]


def _said_goodbye(layer: ssl.SSLObject) -> bool:
    """Whether the peer ended the TLS stream itself (close_notify); otherwise anyone on the way may have cut it."""
    try:
        return not layer.read(1)
    except ssl.SSLZeroReturnError:
        return True
    except ssl.SSLError:  # it would wait for more
        return False


def _cut_short() -> ConnectionResetError:
    """A truncation attack looks like this (RFC 8446 §6.1), so it must not pass for an end."""
    return ConnectionResetError(errno.ECONNRESET, "the secure connection was cut without a goodbye")


def _pieces(data: bytes) -> Iterable[bytes | memoryview]:
    if len(data) <= _WRITE_PIECE:
        return (data,)
    view = memoryview(data)
    return (view[start : start + _WRITE_PIECE] for start in range(0, len(data), _WRITE_PIECE))
