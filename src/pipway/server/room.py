"""Room for one more connection when every place is taken: who holds one and asks for nothing gives it up.

The listener asks. So thousands of half-open or idle connections keep nobody else out; whoever is being answered, or has
a tunnel, keeps his place.
"""

from __future__ import annotations

from pipway.server.shared import Guest, Shared


class Room:
    """Knows who waits, from a look at all connections now and then: one of thousands must not cost a look each."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._idlers: list[
            tuple[float, int, Guest]
        ] = []  # who is due first stands last; the number only tells them apart

    def make(self) -> bool:
        """End the connection that has said nothing for longest; false when all are busy."""
        if self._end_one():
            return True
        self._look()
        return self._end_one()

    def _end_one(self) -> bool:
        guests = self._shared.guests
        while self._idlers:
            deadline, _, guest = self._idlers.pop()
            if guest in guests and guest.deadline == deadline and _waits(guest):
                guest.abort()
                self._shared.leave(guest)  # it will say so itself, but later than the next client comes
                return True
        return False

    def _look(self) -> None:
        """Half a request is due earlier than an idle connection is closed, so it goes first."""
        waiting = [guest for guest in self._shared.guests if _waits(guest)]
        self._idlers = sorted(((guest.deadline, id(guest), guest) for guest in waiting), reverse=True)
        if waiting:
            limit = self._shared.limits.connections
            self._shared.trace.emit("clients.crowded", connections=limit, waiting=len(waiting))


def _waits(guest: Guest) -> bool:
    """Not every guest can: a tunnel never does."""
    return bool(getattr(guest, "waiting", False))
