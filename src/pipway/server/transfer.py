"""Moves a stretch of a file to the client: `sendfile` where there is one, else read and write.

The connection repeats hot slices with it, an exchange sends all others with it. It moves bounded pieces and never
waits: `pump` again when the outlet has room, or in the loop's next turn.
"""

from __future__ import annotations

import os
import socket

from pipway import platforms
from pipway.errors import BadUpstream
from pipway.server.outlet import SMALL, Outlet

#: Bytes for one system call; other connections get their turn in between.
PIECE = 4 * 1024 * 1024
#: Bytes read and written where there is no sendfile.
COPY = 262144
#: Copied into the transport when the socket is full: the transport already knows how to wait for room, which is
#: cheaper than to register a second watcher on the socket for each stretch (measured).
PROBE = 16384


class Transfer:
    """Sends bytes from `position` to `end` of a descriptor, head first."""

    __slots__ = ("_file", "_out", "_outlet", "_socket", "limit", "position")

    def __init__(self, outlet: Outlet, descriptor: int, start: int) -> None:
        self._outlet = outlet
        self._file = descriptor
        self._socket: socket.socket | None = None
        self._out = -1
        self.position = start  #: next byte to send, from the file's start
        self.limit = start  #: `pump` sends up to here

    def begin(self, head: bytes, limit: int) -> None:
        """Send the head, and a small file with it. The outlet must not be full."""
        self.limit = limit
        outlet = self._outlet
        if limit - self.position <= SMALL:
            body = self._read(limit - self.position)
            outlet.write(head, body)
            return
        self._socket = outlet.duplicate()
        if self._socket is None:
            outlet.write(head)
            return
        self._out = self._socket.fileno()
        try:
            # The head waits for the first bytes of the file and leaves with them.
            sent = self._socket.send(head, socket.MSG_MORE)
        except BlockingIOError:
            sent = 0
        outlet.total += sent
        if sent < len(head):
            outlet.write(head[sent:])

    def pump(self) -> bool:
        """Send one piece; true when `limit` is reached. OSError when the client is gone, BadUpstream when the file is
        shorter than promised."""
        if self.position >= self.limit:
            return not self._outlet.full
        if self._outlet.full:
            return False
        if self._outlet.gone:
            raise ConnectionResetError("client is gone")
        if self._out < 0:
            self._outlet.write(self._read(min(COPY, self.limit - self.position)))
        else:
            self._send()
        return self.position >= self.limit and not self._outlet.full

    def _send(self) -> None:
        count = min(PIECE, self.limit - self.position)
        try:
            sent = os.sendfile(self._out, self._file, self.position, count)
        except BlockingIOError:
            pass
        else:
            if sent == 0:
                raise _short()
            self.position += sent
            self._outlet.total += sent
            if sent == count:
                return
        self._outlet.write(self._read(min(PROBE, self.limit - self.position)))

    def _read(self, count: int) -> bytes:
        data = platforms.read_at(self._file, count, self.position)
        if not data and count:
            raise _short()
        self.position += len(data)
        return data


def _short() -> BadUpstream:
    return BadUpstream("file-truncated", "a stored file is shorter than it should be")
