"""Large answers in files of memory, so that the kernel sends them without copying.

The connection asks for the file of a hot answer's body. A 60 KB page costs a third less this way than by writing its
bytes (measured), and a 5 MB page costs no more than its head. Where there are no such files it gives none.
"""

from __future__ import annotations

import contextlib
import os

from pipway import platforms

#: Larger ones take too long to copy into their file in one turn of the loop.
_LARGEST = 8 * 1024 * 1024


class MemoryFile:
    """A complete source over bytes; closed when the shelf and every transfer have let go of it."""

    def __init__(self, descriptor: int, body: bytes) -> None:
        self.size = len(body)
        self.body = body  # keeps the identity it is found by
        self.used = True
        self._descriptor = descriptor
        self._users = 1

    def fileno(self) -> int:
        """The file of memory."""
        return self._descriptor

    async def wait(self, beyond: int) -> int:
        """All of it is there."""
        return self.size

    def open(self) -> MemoryFile:
        """One more user."""
        self._users += 1
        return self

    def close(self) -> None:
        """One user less."""
        self._users -= 1
        if self._users == 0:
            os.close(self._descriptor)


class Shelf:
    """A bounded set of memory files, by the identity of their bytes; those out of use go at the next sweep."""

    def __init__(self, files: int, size: int) -> None:
        self._files: dict[int, MemoryFile] = {}
        self._limit = files
        self._size_limit = size
        self._size = 0

    def find(self, body: bytes) -> MemoryFile | None:
        """The file of exactly this object's bytes, made if need be. None when there cannot be one."""
        file = self._files.get(id(body))
        if file is None:
            file = self._make(body)
        if file is None:
            return None
        file.used = True
        return file.open()

    def sweep(self) -> None:
        """Let go of what nobody asked for since the last time."""
        for key, file in list(self._files.items()):
            if file.used:
                file.used = False
            else:
                self._drop(key)

    def close(self) -> None:
        """Let go of everything."""
        for key in list(self._files):
            self._drop(key)

    def _make(self, body: bytes) -> MemoryFile | None:
        if len(body) > min(_LARGEST, self._size_limit):
            return None
        while self._files and (len(self._files) >= self._limit or self._size + len(body) > self._size_limit):
            self._drop(next(iter(self._files)))
        with contextlib.suppress(OSError):  # out of descriptors or memory: the bytes are written instead
            descriptor = platforms.memory_file()
            if descriptor is not None:
                return self._fill(descriptor, body)
        return None

    def _fill(self, descriptor: int, body: bytes) -> MemoryFile:
        try:
            left = memoryview(body)
            while left:
                left = left[os.write(descriptor, left) :]
        except OSError:
            os.close(descriptor)
            raise
        file = self._files[id(body)] = MemoryFile(descriptor, body)
        self._size += len(body)
        return file

    def _drop(self, key: int) -> None:
        file = self._files.pop(key)
        self._size -= file.size
        file.close()
