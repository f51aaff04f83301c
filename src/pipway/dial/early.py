"""Streams around streams: one that gives bytes read too early, one that ends something else when it is closed.

`via_http` and `via_socks` use them after a handshake. Everything else goes straight to the stream inside.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

from pipway.dial.base import Detached, Stream, StreamInfo
from pipway.errors import BadUpstream


class Around:
    """Hands everything on. `ended` is called once, when the stream is closed by us."""

    def __init__(self, inner: Stream, info: StreamInfo, ended: Callable[[], Awaitable[None]] | None = None) -> None:
        self.info = info
        self._inner = inner
        self._ended = ended
        #: Straight to the stream inside: a call less for each piece.
        self.write = inner.write
        self.write_eof = inner.write_eof

    @property
    def quiet(self) -> bool:
        """Open, and nothing waits to be read."""
        return self._inner.quiet

    async def read(self, at_most: int = 262144) -> bytes:
        """Some bytes; b"" when the peer is done. OSError when the connection broke."""
        return await self._inner.read(at_most)

    async def start_tls(self, context: ssl.SSLContext, name: str) -> Stream:
        """TLS on top, verified for `name`."""
        return await self._inner.start_tls(context, name)

    async def aclose(self) -> None:
        """Close at once, both ways; never raises."""
        try:
            await self._inner.aclose()
        finally:  # whoever closes may be cancelled, and others wait for what ends here
            if self._ended is not None:
                ended, self._ended = self._ended, None
                await ended()

    def detach(self) -> Detached | None:
        """Give the transport away, and with it what is to be called when it is closed."""
        found = self._inner.detach()
        if found is None or self._ended is None:
            return found
        ended, self._ended = self._ended, None
        return found._replace(ended=_both(found.ended, ended))


class Early(Around):
    """Gives `data` first: what arrived behind a handshake's last byte."""

    def __init__(self, inner: Stream, info: StreamInfo, data: bytes) -> None:
        super().__init__(inner, info)
        self._data = data

    @property
    def quiet(self) -> bool:
        """Open, and nothing waits to be read."""
        return not self._data and self._inner.quiet

    async def read(self, at_most: int = 262144) -> bytes:
        """Some bytes; b"" when the peer is done. OSError when the connection broke."""
        if self._data:
            data, self._data = self._data[:at_most], self._data[at_most:]
            return data
        return await self._inner.read(at_most)

    async def start_tls(self, context: ssl.SSLContext, name: str) -> Stream:
        """TLS on top. Refuses while early bytes remain: they came in clear and would pass for protected ones."""
        if self._data:
            await self.aclose()
            raise BadUpstream("bytes-before-tls", f"{name} sent data before the secure connection was asked for")
        return await self._inner.start_tls(context, name)

    async def aclose(self) -> None:
        """Close at once, both ways; never raises."""
        self._data = b""
        await super().aclose()

    def detach(self) -> Detached | None:
        """Give the transport away, early bytes first."""
        found = super().detach()
        if found is None:
            return None
        data, self._data = self._data, b""
        return found._replace(early=data + found.early)


def _both(
    inner: Callable[[], Awaitable[None]] | None, own: Callable[[], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    """One after the other, the second whatever becomes of the first."""
    if inner is None:
        return own

    async def ended() -> None:
        try:
            await inner()
        finally:
            await own()

    return ended


def with_early(inner: Stream, data: bytes) -> Stream:
    """The stream itself when there are no early bytes."""
    return Early(inner, inner.info, data) if data else inner
