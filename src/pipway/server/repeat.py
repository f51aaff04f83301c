"""A hot answer that takes more than one write: a file, or a page the socket has no room for yet.

The connection starts one and is told when it is over. No task is made: it goes on whenever the outlet has room.
The source is closed and the answer reported exactly once, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable

from pipway.errors import PipwayError
from pipway.server.hot import HotEntry
from pipway.server.outlet import Outlet
from pipway.server.shared import Shared
from pipway.server.transfer import Transfer
from pipway.wire.answer import Source


class Repeat:
    """One hot answer under way; `over(whole)` is called when it has ended."""

    __slots__ = ("_ended", "_entry", "_outlet", "_over", "_peer", "_shared", "_source", "_started", "_transfer")

    def __init__(
        self, shared: Shared, outlet: Outlet, entry: HotEntry, peer: str, started: float, over: Callable[[bool], None]
    ) -> None:
        self._shared = shared
        self._outlet = outlet
        self._entry = entry
        self._peer = peer
        self._started = started
        self._over = over
        self._source: Source | None = None
        self._transfer: Transfer | None = None
        self._ended = False

    def start(self, source: Source, tail: bytes) -> None:
        """Send the head and the first piece of a file; closes it in the end."""
        entry, self._source = self._entry, source
        # Only complete files have a lease, so there is nothing to wait for.
        self._transfer = Transfer(self._outlet, source.fileno(), entry.start)
        try:
            self._transfer.begin(entry.head + tail, entry.start + entry.length)
        except (OSError, PipwayError):
            self._end(whole=False)
            return
        self.pump()

    def pump(self) -> None:
        """Go on; called again when the outlet has room."""
        if self._ended:
            return
        try:
            done = self._transfer.pump() if self._transfer is not None else not self._outlet.full
        except (OSError, PipwayError):
            self._end(whole=False)
            return
        if done:
            self._end(whole=True)
        elif self._outlet.full:
            self._outlet.room = self.pump
        else:
            self._shared.loop.call_soon(self.pump)

    def stop(self) -> None:
        """The client is gone."""
        if not self._ended:
            self._end(whole=False)

    def _end(self, *, whole: bool) -> None:
        self._ended = True
        self._outlet.room = None
        entry, sent = self._entry, len(self._entry.body)
        if self._source is not None:
            sent = self._transfer.position - entry.start if self._transfer is not None else 0
            self._source.close()
        usual = entry.answered
        answered = usual if whole else usual._replace(sent=sent, outcome="error")
        self._shared.report(self._peer, self._started, answered)
        self._over(whole)
