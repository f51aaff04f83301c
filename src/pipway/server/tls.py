"""The server's side of TLS on a transport that somebody else read from first; `intercept` puts one on tunnels.

An own layer on memory buffers because a ClientHello that came with CONNECT must not be lost, which the loop's own
`start_tls` offers no way to hand over, and because a client's alert tells that it does not trust us. Above it any
protocol speaks in clear, as on a socket: flow control, an end of one direction and resets pass through.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable
from typing import Any, cast

#: A record holds less: one call, one record (RFC 8446 §5.1).
_PIECE = 65536


class Tls(asyncio.Protocol):
    """Between a transport and the protocol that `stands` makes once the handshake is complete."""

    def __init__(
        self,
        below: asyncio.Transport,
        context: ssl.SSLContext,
        *,
        stands: Callable[[], asyncio.Protocol],
        fails: Callable[[ssl.SSLError | None], None],
    ) -> None:
        """`fails` is called at most once, before `stands`: with what was wrong, or None when the client just left."""
        below.set_write_buffer_limits(high=0)
        self.below = below
        self.context = context
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._stands = stands
        self._fails: Callable[[ssl.SSLError | None], None] | None = fails
        self.upper: asyncio.Protocol | None = None
        self._full = False  # below waits for the client
        self._paused = False  # above wants no more for now
        self.shown = False  # our certificate is out
        self._deaf = False  # what still comes is thrown away: the client's last byte was read, or our last one sent
        self._silent = False  # our last byte is out

    # What the transport below calls.

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._deaf:
            return
        self._incoming.write(data)
        if self.upper is None:
            self._shake()
        else:
            self.deliver()

    def eof_received(self) -> bool:
        """The client ended, properly or not. HTTP knows by itself whether a message is whole."""
        if self.upper is None:
            self._fail(None)
            return False
        if self._silent:
            return False  # both ways are over
        if not self._deaf:
            self._paused = False  # the rest of what was decrypted already comes before the end
            self.deliver()
        self._client_ended()
        return True

    def pause_writing(self) -> None:
        """The client is slower than we are."""
        self._full = True
        if self.upper is not None:
            self.upper.pause_writing()

    def resume_writing(self) -> None:
        """Everything is on its way."""
        self._full = False
        if self.upper is not None:
            self.upper.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, or we closed."""
        self._deaf = self._silent = True
        if self.upper is not None:
            self.upper.connection_lost(exc)
        else:
            self._fail(None)

    # What the transport above calls.

    def deliver(self) -> None:
        """Hand up what is decrypted, while it is wanted."""
        while not (self._paused or self._deaf):
            try:
                data = self.tls.read(_PIECE)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError:  # an alert, or bytes that are no TLS
                self.below.abort()
                return
            if not data:  # close_notify
                self._client_ended()
                break
            assert self.upper is not None  # it may change from one piece to the next
            self.upper.data_received(data)
        self._flush()  # what the protocol itself has to say, such as a key update

    def send(self, parts: Iterable[bytes]) -> None:
        """Encrypt and send."""
        if self._silent:
            return
        try:
            for part in parts:
                if part:
                    self.tls.write(part)
        except ssl.SSLError:  # the client broke it
            self.below.abort()
        self._flush()

    def read_on(self, *, wanted: bool) -> None:
        """Whether more is wanted above."""
        if wanted:
            self.below.resume_reading()
            if self._paused:
                asyncio.get_running_loop().call_soon(self._resume)
        else:
            self.below.pause_reading()
        self._paused = not wanted

    def end(self) -> None:
        """Our last byte: close_notify (RFC 8446 §6.1). Nobody above reads on after it."""
        if self._silent:
            return
        self._silent = self._deaf = True
        with contextlib.suppress(ssl.SSLError, ValueError):  # it waits for the client's own, and we do not
            self.tls.unwrap()
        self._flush()

    # Inside.

    def _resume(self) -> None:
        if not self._deaf:
            self.deliver()

    def _shake(self) -> None:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.shown = self.shown or self._outgoing.pending > 0
            self._flush()
            return
        except ssl.SSLError as error:
            self._deaf = True
            self._flush()  # our alert, if it is we who complain
            self._fail(error)
            self.below.close()
            return
        self._flush()
        self._fails = None
        self.upper = self._stands()
        self.upper.connection_made(Above(self))
        if self._full:
            self.upper.pause_writing()
        self.deliver()

    def _fail(self, error: ssl.SSLError | None) -> None:
        fails, self._fails = self._fails, None
        if fails is not None:
            fails(error)

    def _client_ended(self) -> None:
        if self._deaf:
            return
        self._deaf = True
        assert self.upper is not None
        if not self.upper.eof_received():
            self.end()
            self.below.close()

    def _flush(self) -> None:
        if self._outgoing.pending and not self.below.is_closing():
            self.below.write(self._outgoing.read())


class Above(asyncio.Transport):
    """The transport that the protocol above sees."""

    def __init__(self, tls: Tls) -> None:
        super().__init__()
        self._tls = tls
        self._below = tls.below

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As below, and `sslcontext` and `ssl_object`."""
        own = {"sslcontext": self._tls.context, "ssl_object": self._tls.tls}
        return own[name] if name in own else self._below.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Who hears of the client from now on."""
        self._tls.upper = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who does."""
        assert self._tls.upper is not None
        return self._tls.upper

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        self._tls.send((bytes(data),))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send all of them."""
        self._tls.send(list_of_data)

    def can_write_eof(self) -> bool:
        """TLS 1.3 can, and nobody reads after an HTTP server's last byte."""
        return True

    def write_eof(self) -> None:
        """End our direction."""
        self._tls.end()
        if not self._below.is_closing():
            self._below.write_eof()

    def close(self) -> None:
        """End both."""
        self._tls.end()
        self._below.close()

    def abort(self) -> None:
        """Drop the connection."""
        self._below.abort()

    def is_closing(self) -> bool:
        """Whether it is ending."""
        return self._below.is_closing()

    def pause_reading(self) -> None:
        """Hand nothing up."""
        self._tls.read_on(wanted=False)

    def resume_reading(self) -> None:
        """Go on."""
        if not self._below.is_closing():
            self._tls.read_on(wanted=True)

    def is_reading(self) -> bool:
        """Whether the socket is read."""
        return self._below.is_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """They are zero, always."""

    def get_write_buffer_size(self) -> int:
        """Bytes that wait in user space."""
        return self._below.get_write_buffer_size()
