"""A stream that notes how fast it gives bytes, so that the faster of equal ways can be told.

`router` puts it around the streams of equal ways only: others need no measuring, and pay nothing. Detached, it
measures no more: a tunnel is not slowed for it.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable

from pipway.dial.base import Stream
from pipway.dial.early import Around

_BULK = 16384  # bytes of one read from which on it says something about the way, and not about the server's thinking
_REPORT = 262144  # bytes after which the rate is told

#: Told bytes and the seconds that reading them took.
Told = Callable[[int, float], None]


class Measured(Around):
    """Hands everything on."""

    def __init__(self, inner: Stream, told: Told, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner, inner.info)
        self._told = told
        self._clock = clock
        self._bytes = 0
        self._seconds = 0.0

    async def read(self, at_most: int = 262144) -> bytes:
        """Some bytes; b"" when the peer is done. OSError when the connection broke."""
        began = self._clock()
        data = await self._inner.read(at_most)
        if len(data) >= _BULK:
            self._bytes += len(data)
            self._seconds += self._clock() - began
            if self._bytes >= _REPORT:
                self._told(self._bytes, self._seconds)
                self._bytes, self._seconds = 0, 0.0
        return data

    async def start_tls(self, context: ssl.SSLContext, name: str) -> Stream:
        """TLS on top, verified for `name`; what runs inside is measured too."""
        return Measured(await self._inner.start_tls(context, name), self._told, self._clock)
