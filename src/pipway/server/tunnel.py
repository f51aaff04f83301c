"""A tunnel: bytes from the client to a far stream and back, for CONNECT, SOCKS and switched protocols.

`forward` and `socks` make one when they have sent their answer. Back-pressure goes both ways, an end of one side
leaves the other way open, a reset stays a reset, and only silence both ways ends a tunnel. It never looks at the bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic

from pipway import platforms
from pipway.server.outside import Far
from pipway.server.shared import Shared
from pipway.server.sides import BULK, NEVER, PlainSide, SealedSide, Side, SocketSide, StreamSide
from pipway.server.splice import MOST, Splice
from pipway.trace import RequestRecord

#: How often a silence is looked at, as a part of what is allowed.
_LOOKS = 8


class Tunnel:
    """A guest of the listener from its making to the end of both connections."""

    def __init__(
        self, shared: Shared, transport: asyncio.Transport, early: bytes, far: Far, record: RequestRecord
    ) -> None:
        """Take the client's transport and `far` over, neither of them closing, and begin.

        `early`: what the client sent behind its request. Of `record`, the time, the seconds and the bytes sent to
        the client are filled in at the end.
        """
        self._shared = shared
        self._limits = shared.limits
        self._record = record
        self._began = self._changed = monotonic()
        self._progress = (0, 0, 0, 0, 0)
        self._closing = False  # both ways have ended; what is queued leaves
        self._probing = False  # TCP keep-alive is on
        self._throwing = False  # one side is gone and what the other still says is thrown away
        self._splices: dict[Side, Splice] = {}
        self.deadline = self._began + self._limits.tunnel_idle_seconds / _LOOKS
        shared.guests.add(self)
        detached = far.detach()
        self._afterwards: Callable[[], Awaitable[None]] | None = None
        self._client: SocketSide = self._side(transport, None)
        if detached is None:
            self._far: Side = StreamSide(self, far, shared.spawn)
        else:
            self._afterwards = detached.ended
            self._far = self._side(detached.transport, detached.whole)
        self._client.other, self._far.other = self._far, self._client
        self._sides = (self._client, self._far)
        self._arm()
        for side in self._sides:
            side.begin()
        self._far.moved += len(detached.early) if detached else 0
        self._client.moved += len(early)
        if early:
            self._far.send(early)
        if detached is not None and detached.early:
            self._client.send(detached.early)
        if detached is not None and detached.eof:
            self.ended(self._far)
        for side in self._sides:
            self._go_on(side)

    def _side(self, transport: asyncio.Transport, whole: Callable[[], bool] | None) -> SocketSide:
        if transport.get_extra_info("sslcontext") is None:
            return PlainSide(self, transport, self._shared.scratch)
        return SealedSide(self, transport, whole)

    def _arm(self) -> None:
        """Have the sides tell when they are bulky, if they can be spliced at all."""
        if platforms.HAS_SPLICE and all(isinstance(side, PlainSide) for side in self._sides):
            for side in self._sides:
                if isinstance(side, PlainSide):
                    side.bulk = BULK

    def _go_on(self, side: Side) -> None:
        """Read on if the other side has room."""
        other = side.other
        if other.full or other.refuses or side in self._splices:
            return
        side.resume()

    # What the sides tell.

    def room(self, side: Side) -> None:
        """Everything sent to it is on its way."""
        other = side.other
        if side.doomed:
            self.deadline = 0.0
        elif not self._closing:
            self._go_on(other)
            if isinstance(other, PlainSide) and other.moved >= other.bulk:
                self.bulky(other)

    def ended(self, side: Side) -> None:
        """It has sent its last byte: so does the other way's end, and the other way stays open."""
        if side.eof:
            return
        side.eof = True
        other = side.other
        if side.refuses and not side.gone:
            side.reset()
            if not side.said_all:
                self._doom(other)
        elif other.eof or other.gone or side.gone:
            self._close()
        else:
            other.finish()
            self.deadline = min(self.deadline, monotonic() + self._allowed() / _LOOKS)

    def refused(self, side: Side, error: Exception) -> None:
        """It takes no more. What it has said still counts, so it is read to its end.

        That end is its own word only if it came before the reset. Linux says EPIPE then, and else ECONNRESET, and
        having said so shows every reset as an end.
        """
        if side.refuses:
            return
        side.refuses, side.said_all = True, isinstance(error, BrokenPipeError)
        if side.eof:
            side.reset()
            return
        if side.other.refuses:
            self.abort()
            return
        self._give_up_splice(side.other)
        side.other.pause()

    def lost(self, side: Side) -> None:
        """Its connection is no more."""
        side.refuses = True
        for each in self._sides:
            self._give_up_splice(each)
        other = side.other
        if other.gone:
            self._over()
        elif self._closing or other.doomed:
            pass
        elif not side.eof:
            self._doom(other)
        elif other.eof:
            self._close()
        else:  # all it said has been passed on. Closing with unread bytes would reset that away (RFC 9112 §9.6)
            other.finish()
            other.resume()
            self._throwing = True
            self.deadline = monotonic() + self._limits.linger_seconds

    def bulky(self, side: Side) -> None:
        """Splice from now on, if there are descriptors and nothing is queued."""
        other = side.other
        assert isinstance(side, PlainSide)
        assert isinstance(other, PlainSide)
        if other.full or other.refuses or side.eof or self._shared.splices >= MOST:
            return
        try:
            self._splices[side] = Splice(
                self._shared.loop,
                side.descriptor,
                other.descriptor,
                ended=partial(self._splice_ended, side),
                broken=partial(self._splice_broken, side),
                refused=partial(self._splice_refused, side),
            )
        except OSError:  # no descriptors or no pipes: the relay goes on
            side.bulk = NEVER
            return
        self._shared.splices += 1
        side.pause()

    def _give_up_splice(self, side: Side) -> None:
        splice = self._splices.pop(side, None)
        if splice is not None:
            splice.close()
            side.moved += splice.moved
            self._shared.splices -= 1

    def _splice_ended(self, side: Side) -> None:
        self._give_up_splice(side)
        self.ended(side)

    def _splice_broken(self, side: Side, error: OSError) -> None:
        self._give_up_splice(side)
        side.reset()

    def _splice_refused(self, side: Side, error: OSError) -> None:
        self._give_up_splice(side)
        self.refused(side.other, error)

    # How it ends.

    def _close(self) -> None:
        """Both ways have ended: close behind what is queued."""
        self._closing = True
        for side in self._sides:
            if not (side.gone or side.doomed):
                side.close()

    def _doom(self, side: Side) -> None:
        """The other side broke: so does this one, once it has got everything that came before."""
        side.doomed = True
        if side.queued():
            self.deadline = 0.0  # look again at the next tick
            side.resume()  # and notice if this one breaks, too: what it says is thrown away
        else:
            side.reset()

    def _over(self) -> None:
        shared, record = self._shared, self._record
        now = monotonic()
        shared.leave(self)
        answered = record.answered._replace(sent=self._far.moved)
        shared.trace.request(
            record._replace(when=now + shared.clock.offset, seconds=now - self._began, answered=answered)
        )
        if self._afterwards is not None:
            shared.spawn(_await(self._afterwards))
        for side in self._sides:  # no cycles: what ends is freed at once
            del side.other, side.watcher

    # What the listener calls.

    def expire(self, now: float) -> None:
        """Look whether something moved since the last time."""
        client, far = self._sides
        if not self._probing:  # not sooner: most tunnels are short, and it costs them a tenth of their time
            self._probing = True
            self._client.keep_alive()
        spliced = sum(splice.moved for splice in self._splices.values())
        progress = (client.moved, far.moved, client.queued(), far.queued(), spliced)
        if self._throwing:  # what is thrown away does not count
            progress = (0, 0, *progress[2:])
        if progress != self._progress:
            self._progress, self._changed = progress, now
        allowed, quiet = self._allowed(), now - self._changed
        if quiet >= allowed:
            target, seconds = self._record.answered.target, round(now - self._began, 1)
            self._shared.trace.emit("tunnel.expired", target=target, seconds=seconds)
            self.abort()
            return
        self.deadline = now + min(allowed / _LOOKS, allowed - quiet)
        if quiet:
            self._rest()
        for side in self._sides:
            if not side.gone and (side.doomed or self._throwing):
                self._part(side)

    def _part(self, side: Side) -> None:
        """The last one, once it has got everything: reset it if the other broke, else close it."""
        if side.queued():
            self.deadline = 0.0
        elif side.doomed:
            side.reset()
        else:
            self._close()

    def _allowed(self) -> float:
        """Seconds of silence."""
        limits = self._limits
        if self._shared.stopping:
            return limits.linger_seconds
        half = self._client.eof != self._far.eof
        return min(limits.tunnel_idle_seconds, limits.tunnel_half_seconds) if half else limits.tunnel_idle_seconds

    def _rest(self) -> None:
        """Nothing moves: give pipes and descriptors back."""
        for side, splice in list(self._splices.items()):
            if not splice.held:
                self._give_up_splice(side)
                self._go_on(side)

    def shut(self) -> None:
        """The server is stopping: as soon as nothing moves, end."""
        self._changed = monotonic()
        self.deadline = self._changed + self._limits.linger_seconds

    def abort(self) -> None:
        """Close both sides now; neither may take the part for the whole."""
        self._closing = True
        for side in self._sides:
            self._give_up_splice(side)
        for side in self._sides:
            side.reset()


async def _await(work: Callable[[], Awaitable[None]]) -> None:
    await work()
