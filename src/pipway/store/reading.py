"""Open files that many read at once, whether complete, still growing or still being verified.

`fs` makes an `OpenFile` per descriptor and a `Reader` (the `Source` that others see) per reading. One bell per
file wakes all its readers: nothing polls. Nothing here touches the disk except closing a descriptor.
"""

from __future__ import annotations

import asyncio
import os

from pipway.errors import BadUpstream, PipwayError, Unavailable

Stamp = tuple[int, int, int]  #: length, modification time in nanoseconds, inode: a changed file has another


def stamp_of(status: os.stat_result) -> Stamp:
    """What identifies the state of a file that was verified."""
    return (status.st_size, status.st_mtime_ns, status.st_ino)


class OpenFile:
    """A descriptor, how much behind it may be read, and who waits for more. Belongs to the event loop.

    Its maker holds one pin; the descriptor is closed when the last pin is gone.
    """

    __slots__ = ("_bell", "descriptor", "failure", "final", "pins", "readable", "stamp")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.readable = 0  #: bytes from the start that may be sent, the last one excepted
        self.final: int | None = None  #: total length, once digest and length are verified
        self.failure: PipwayError | None = None
        self.pins = 1
        self.stamp: Stamp | None = None
        self._bell = asyncio.Event()

    def advance(self, readable: int) -> None:
        """More bytes may be read."""
        self.readable = readable
        self._ring()

    def complete(self, final: int, stamp: Stamp | None = None) -> None:
        """Everything is there and right."""
        self.readable = self.final = final
        self.stamp = stamp
        self._ring()

    def fail(self, reason: Exception) -> None:
        """The rest will never come; a file that is complete stays so."""
        if self.final is None and self.failure is None:
            if not isinstance(reason, PipwayError):
                reason = Unavailable(
                    "transfer-aborted", "the transfer of this file broke off", why=type(reason).__name__
                )
            self.failure = reason
            self._ring()

    def _ring(self) -> None:
        self._bell.set()  # wakes everyone who waits now …
        self._bell.clear()  # … and lets them wait for the next time

    async def wait(self, beyond: int, size: int) -> int:
        """See `Source.wait`; `size` is what the reader was promised."""
        while True:
            if self.failure is not None:
                # Many readers raise this one object: without the reset its traceback would grow with each of them.
                raise self.failure.with_traceback(None)
            if self.final is not None:
                if self.final != size:
                    raise wrong_length(self.final, size)
                return size
            ready = min(self.readable, size - 1)
            if ready > beyond:
                return ready
            await self._bell.wait()

    def release(self) -> None:
        """Give up one pin."""
        self.pins -= 1
        if self.pins == 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Reader:
    """One reading of an open file: what the rest of pipway knows as a `Source`."""

    __slots__ = ("_file", "_open", "_size")

    def __init__(self, file: OpenFile, size: int) -> None:
        file.pins += 1
        self._file = file
        self._size = size
        self._open = True

    @property
    def size(self) -> int:
        return self._size

    def fileno(self) -> int:
        return self._file.descriptor

    async def wait(self, beyond: int) -> int:
        return await self._file.wait(beyond, self._size)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._file.release()


def wrong_length(got: int, promised: int) -> PipwayError:
    """The error of a file that is shorter or longer than promised."""
    return BadUpstream(
        "wrong-length",
        f"the file has {got} bytes where {promised} were promised",
        fix="try again; if it stays so, the upstream index or something in between is broken",
    )
