"""A dictionary bounded by weight that drops what was not used for longest. `cached` keeps parsed pages in it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values with weights; the newest value stays even when it alone is too heavy."""

    def __init__(self, limit: int, dropped: Callable[[V], object] = id) -> None:
        """`limit` in the unit of the weights; `dropped` is told of every value that leaves."""
        self._limit = limit
        self._dropped = dropped
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value, which counts as used now."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keep a value, in place of the key's old one."""
        self.pop(key)
        self._values[key] = (value, weight)
        self.weight += weight
        while self.weight > self._limit and len(self._values) > 1:
            self.pop(next(iter(self._values)))

    def pop(self, key: K) -> None:
        """Let a value go, if it is there."""
        found = self._values.pop(key, None)
        if found is not None:
            self.weight -= found[1]
            self._dropped(found[0])
