"""Moves one direction of a tunnel inside the kernel: socket to pipe to socket, no byte comes to user space (Linux).

`tunnel` begins one once a direction is bulky and nothing is queued in the transports. It works on duplicates of the
descriptors, because the loops do not let anyone watch a transport's own. It closes no connection.
"""

from __future__ import annotations

import contextlib
import os
from asyncio import AbstractEventLoop
from collections.abc import Callable

from pipway import platforms

if platforms.HAS_SPLICE:
    import fcntl

#: Bytes a pipe holds, and so what one turn moves. An unprivileged user gets 64 of them (pipe-user-pages-soft).
PIPE = 1048576
#: Directions at once; each costs four descriptors.
MOST = 64
_TURNS = 4  # before others get theirs
_SMALLEST = 65536  # a pipe that the system made smaller is slower than no pipe


class Splice:
    """One direction. Exactly one of the callbacks is called, once, unless `close` comes first."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        source: int,
        target: int,
        *,
        ended: Callable[[], None],
        broken: Callable[[OSError], None],
        refused: Callable[[OSError], None],
    ) -> None:
        """`ended`: the source's last byte is on its way; `broken`: the source, `refused`: the target failed.

        OSError when there are no descriptors or no pipes to be had.
        """
        self._loop = loop
        self._ended, self._broken, self._refused = ended, broken, refused
        self.moved = 0  #: bytes that the target's kernel has taken
        self.held = 0  #: bytes in the pipe
        self._writing = False
        self._over = False
        self._descriptors: list[int] = []
        try:
            self._out, self._in = self._pipe()
            self._source = self._own(os.dup(source))
            self._target = self._own(os.dup(target))
            loop.add_reader(self._source, self._readable)
        except BaseException:
            self._release()
            raise

    def _own(self, descriptor: int) -> int:
        self._descriptors.append(descriptor)
        return descriptor

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._descriptors += ends
        with contextlib.suppress(PermissionError):  # this user has too many large pipes
            fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, PIPE)
        self._room = fcntl.fcntl(ends[1], fcntl.F_GETPIPE_SZ)
        if self._room < _SMALLEST:
            raise OSError("only small pipes are left")
        return ends

    def _readable(self) -> None:
        """Move what there is, to the last byte: uvloop tells of a reset only once, in front of what came before it."""
        for _ in range(_TURNS):
            if self._over or self._writing:
                return
            try:
                count = os.splice(self._source, self._in, self._room, flags=_NOW)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._finish(self._broken, error)
                return
            if not count:
                self._finish(self._ended)
                return
            self.held += count
            self._drain()
        self._loop.call_soon(self._readable)

    def _drain(self) -> None:
        """Empty the pipe; while that does not go, read no more."""
        try:
            while self.held:
                count = os.splice(self._out, self._target, self.held, flags=_NOW)
                self.held -= count
                self.moved += count
        except (BlockingIOError, InterruptedError):
            if not self._writing:
                self._writing = True
                self._loop.remove_reader(self._source)
                self._loop.add_writer(self._target, self._drain)
        except OSError as error:
            self._finish(self._refused, error)
        else:
            if self._writing:
                self._writing = False
                self._loop.remove_writer(self._target)
                self._loop.add_reader(self._source, self._readable)

    def _finish(self, told: Callable[..., None], *error: OSError) -> None:
        self.close()
        told(*error)

    def close(self) -> None:
        """Let go of everything; what the pipe holds is lost. Safe to call again."""
        if self._over:
            return
        self._over = True
        if self._writing:
            self._loop.remove_writer(self._target)
        else:
            self._loop.remove_reader(self._source)
        self._release()

    def _release(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())


_NOW = 1 | 2  # SPLICE_F_MOVE | SPLICE_F_NONBLOCK
