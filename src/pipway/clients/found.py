"""The installed ones of a tool, each asked for its version when somebody wants it and not before.

Most want to know only the one that a plain call starts; on a machine with five pips the others take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import overload

from pipway.clients.base import Installed


class Found(Sequence[Installed]):
    """What `asked` yields, once. Threads may share it."""

    def __init__(self, asked: Iterable[Installed]) -> None:
        self._asked = iter(asked)
        self._known: list[Installed] = []
        self._lock = Lock()

    @overload
    def __getitem__(self, index: int) -> Installed: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Installed]: ...
    def __getitem__(self, index: int | slice) -> Installed | Sequence[Installed]:
        """As of a list. One from the front asks no more than those before it."""
        self._ask(index + 1 if isinstance(index, int) and index >= 0 else None)
        return self._known[index]

    def __len__(self) -> int:
        """Asks all."""
        self._ask(None)
        return len(self._known)

    def __bool__(self) -> bool:
        """Asks until one answers."""
        self._ask(1)
        return bool(self._known)

    def _ask(self, many: int | None) -> None:
        """Until `many` are known, None for all."""
        with self._lock:
            while many is None or len(self._known) < many:
                one = next(self._asked, None)
                if one is None:
                    return
                self._known.append(one)
