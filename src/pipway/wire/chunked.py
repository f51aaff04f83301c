"""The chunked transfer coding (RFC 9112 §7): a strict, bounded decoder, and the encoder's one line.

The server's connections feed request bodies through it. Own code because a pipelined request may follow a body in
the same bytes, and httptools does not say where a message ended.
"""

from __future__ import annotations

import re

from pipway.errors import ProtocolError

#: Size in hexadecimal, then extensions nobody needs: bounded, and free of controls.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*")
_LINE_LIMIT = 1024
_TRAILERS_LIMIT = 8192

LAST = b"0\r\n\r\n"


def frame(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The pieces of one chunk; `data` must not be empty (that would end the body)."""
    return b"%x\r\n" % len(data), data, b"\r\n"


class ChunkedDecoder:
    """Bytes in, body bytes out; `done` once the last chunk and the trailers are through, `rest` is what follows."""

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self._buffer = bytearray()
        self._left = 0  # of the chunk being read
        self._state = self._size
        self._trailers = 0

    def feed(self, data: bytes) -> bytes:
        """Decode what is there. ProtocolError when the framing is broken; the connection is then unusable."""
        self._buffer += data
        out: list[bytes] = []
        while not self.done and self._state(out):
            pass
        if self.done:
            self.rest = bytes(self._buffer)
            self._buffer.clear()
        return b"".join(out)

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _LINE_LIMIT:
                raise ProtocolError("bad-chunk", "a chunk's header line is too long")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        if end > _LINE_LIMIT or line[-1:] != b"\r":  # a bare LF is how two parsers come to disagree
            raise ProtocolError("bad-chunk", "broken chunk framing")
        return line[:-1]

    def _size(self, out: list[bytes]) -> bool:
        line = self._line()
        if line is None:
            return False
        size = _SIZE.fullmatch(line)
        if size is None:
            raise ProtocolError("bad-chunk", "broken chunk size")
        self._left = int(size[1], 16)
        self._state = self._data if self._left else self._trailer
        return True

    def _data(self, out: list[bytes]) -> bool:
        piece = bytes(self._buffer[: self._left])
        if piece:
            del self._buffer[: len(piece)]
            out.append(piece)
            self._left -= len(piece)
        if self._left:
            return False
        self._state = self._end
        return True

    def _end(self, out: list[bytes]) -> bool:
        if len(self._buffer) < 2:
            if self._buffer and self._buffer[0] != 0x0D:
                raise ProtocolError("bad-chunk", "a chunk is longer than it says")
            return False
        if self._buffer[:2] != b"\r\n":
            raise ProtocolError("bad-chunk", "a chunk is longer than it says")
        del self._buffer[:2]
        self._state = self._size
        return True

    def _trailer(self, out: list[bytes]) -> bool:
        line = self._line()
        if line is None:
            return False
        self._trailers += len(line) + 2
        if not line:
            self.done = True
        elif self._trailers > _TRAILERS_LIMIT or not _TRAILER.fullmatch(line):
            raise ProtocolError("bad-trailer", "broken or too many trailer lines")
        return True
