"""Content codings undone in bounded steps (RFC 9110 §8.4): gzip and zstd, as `dial.http` asks for.

Feed what arrived, then take pieces until there is none: a decompression bomb costs its reader one piece at a time.
Never decides how much output is too much; that is the reader's own limit.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import zstandard
from isal import isal_zlib

from pipway.errors import BadUpstream

ACCEPT_ENCODING = "gzip, zstd"

_IsalError: type[Exception] = isal_zlib.IsalError  # type: ignore[assignment]  # its stub says it is an instance

_PIECE = 262144  # bytes of output per step
_ZSTD_SLICE = 256  # bytes of input per step: a 4-byte block can become 128 KiB (RFC 8878 §3.1.1.2), so at most 8 MiB
_ZSTD_WINDOW = 8 << 20  # RFC 9659: what a decoder of this content coding has to support, and no more


class Decoder(Protocol):
    """One coded body. BadUpstream ("bad-content-coding") when it is damaged."""

    def feed(self, data: bytes) -> None:
        """Append what arrived; decodes nothing yet."""

    def take(self) -> bytes:
        """Give the next decoded piece; b"" when more input is needed."""

    def finish(self) -> None:
        """The body is over: raise if the coded stream is not."""


def decoder_for(coding: str | None) -> Decoder | None:
    """Give the decoder for a Content-Encoding value, None for identity; BadUpstream for what was not asked for."""
    match (coding or "identity").strip().lower():
        case "identity":
            return None
        case "gzip" | "x-gzip":
            return _Gzip()
        case "zstd":
            return _Zstd()
        case _:
            raise BadUpstream(
                "unknown-content-coding",
                "the server compressed its answer in a way that was not asked for",
                why=f"only {ACCEPT_ENCODING} were offered",
            )


class _Gzip:
    """RFC 1952, several members allowed (§2.2)."""

    def __init__(self) -> None:
        self._inflate = isal_zlib.decompressobj(wbits=31)
        self._input = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        self._input = self._input + data if self._input else data

    def take(self) -> bytes:
        while True:
            if self._inflate.eof and self._input:
                self._inflate = isal_zlib.decompressobj(wbits=31)
            if not self._input and (self._inflate.eof or not self._begun):
                return b""
            try:
                piece: bytes = self._inflate.decompress(self._input, _PIECE)
            except _IsalError as error:
                raise _damaged(str(error)) from None
            self._begun = True
            self._input = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if piece or not self._input:
                return piece

    def finish(self) -> None:
        if self._begun and not self._inflate.eof:  # no bytes at all is an empty body
            raise _damaged("it ends too early")


class _Zstd:
    """RFC 8878, several frames allowed (§3)."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame = self._context.decompressobj()
        self._input: deque[memoryview] = deque()
        self._begun = False

    def feed(self, data: bytes) -> None:
        self._input.append(memoryview(data))

    def take(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while self._input and size < _PIECE:
            data = self._input.popleft()
            if len(data) > _ZSTD_SLICE:
                self._input.appendleft(data[_ZSTD_SLICE:])
                data = data[:_ZSTD_SLICE]
            piece = self._step(data)
            if piece:
                pieces.append(piece)
                size += len(piece)
        return b"".join(pieces)

    def _step(self, data: memoryview) -> bytes:
        if self._frame.eof:
            self._frame = self._context.decompressobj()
        try:
            piece = self._frame.decompress(data)
        except zstandard.ZstdError as error:
            raise _damaged(str(error)) from None
        self._begun = True
        if self._frame.eof and self._frame.unused_data:
            self._input.appendleft(memoryview(self._frame.unused_data))
        return piece

    def finish(self) -> None:
        if self._begun and not self._frame.eof:
            raise _damaged("it ends too early")


def _damaged(why: str) -> BadUpstream:
    return BadUpstream("bad-content-coding", "the server's compressed answer is damaged", why=why)
