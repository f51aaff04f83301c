"""An HTTP/1.1 connection: bytes in, answers out in order, one at a time.

The warm path is `data_received`: a dictionary look-up on the request's own bytes, then one write. Everything else
(parsing, asking, framing) happens once per distinct request and lives in `wire.requests` and `exchange`. A
connection keeps no timer of its own: it sets `deadline`, and the listener's one timer calls `expire`.
"""

from __future__ import annotations

import asyncio
from math import inf
from time import monotonic
from typing import cast

from pipway.errors import PipwayError, ProtocolError, Unavailable
from pipway.server.body import HIGH, too_large
from pipway.server.exchange import Exchange, Takeover
from pipway.server.forward import forwarding
from pipway.server.hot import HotEntry
from pipway.server.outlet import SMALL, Outlet
from pipway.server.repeat import Repeat
from pipway.server.shared import Shared
from pipway.trace import Answered, Details, RequestRecord
from pipway.wire import requests
from pipway.wire.answer import Source
from pipway.wire.problem import problem, reason
from pipway.wire.requests import Head

#: Bytes of pipelined requests held while an answer is under way.
_AHEAD = 65536
_make_record = tuple.__new__


class Http1(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.deadline = inf
        self.peer = ""
        self._hot = shared.hot.entries
        self._clock = shared.clock
        self._record = shared.trace.request
        self._idle_seconds = shared.limits.idle_seconds
        self._idle = True  # nothing is being answered and nothing is half received
        self._buffer = bytearray()
        self._exchange: Exchange | None = None
        self._repeat: Repeat | None = None
        self._ending = False  # the last answer is out; what still comes is thrown away
        self._advancing = False
        self._half = False  # the client sends no more
        self._mark = -1  # the outlet's progress when it was last looked at

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the first request's head is due."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._outlet = Outlet(self._transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        self.deadline = monotonic() + self.shared.limits.head_seconds
        self.shared.guests.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client: most often exactly one request that was answered before."""
        if self._idle:
            entry = self._hot.get(data)
            if entry is not None and entry.lease.until > (now := monotonic()) and self._answer_hot(data, entry, now):
                return
        self._receive(data)

    def eof_received(self) -> bool:
        """The client sends no more. What it asked is still answered (RFC 9112 §9.6), then the connection ends."""
        self._half = True
        if self._exchange is not None and not self._exchange.body.complete:
            self._exchange.body.fail(_cut_off())
        return not self._ending and (self._exchange is not None or self._repeat is not None)

    def pause_writing(self) -> None:
        """The client is slower than we are."""
        self._outlet.paused()
        self._mark = self._outlet.progress()
        self.deadline = monotonic() + self.shared.limits.stall_seconds

    def resume_writing(self) -> None:
        """Everything written so far is on its way."""
        if not self._ending:
            self.deadline = inf
        self._outlet.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, or we closed."""
        self.shared.leave(self)
        self.deadline = inf
        self._idle, self._ending = False, True
        self._buffer.clear()
        self._outlet.lost()
        if self._exchange is not None:
            self._exchange.lost()
        if self._repeat is not None:
            self._repeat.stop()

    # What the listener calls.

    @property
    def waiting(self) -> bool:
        """Whether it holds a place and nothing is being answered: idle, or half a head has come."""
        return self._exchange is None and self._repeat is None and not self._ending

    def expire(self, now: float) -> None:
        """The deadline has passed."""
        if self._outlet.full and (progress := self._outlet.progress()) != self._mark:
            self._mark = progress
            self.deadline = now + self.shared.limits.stall_seconds
        elif self._outlet.full:
            self._outlet.reset()
        elif self._ending or self._idle:
            self._transport.close()
        elif self._exchange is not None:
            self._exchange.body.fail(_timeout("body"))
            self.deadline = inf
        else:
            self._refuse(_timeout("head"))

    def shut(self) -> None:
        """The server is stopping: close if nothing is under way; else the answer says that it is the last."""
        if self._idle:
            self._transport.close()

    def abort(self) -> None:
        """Close now, and let no client take the part for the whole."""
        self._outlet.reset()

    # The warm path.

    def _answer_hot(self, key: bytes, entry: HotEntry, now: float) -> bool:
        """Repeat an answer; false when its file cannot be had any more."""
        entry.used = True
        body = entry.body
        if entry.reopen is not None:
            return self._answer_hot_file(key, entry, now)
        if len(body) <= SMALL:
            self._transport.write(entry.head + self._clock.plain + body)
        elif (file := self.shared.shelf.find(body)) is not None:
            self._begin_repeat(entry, now, file)
            return True
        else:
            self._transport.writelines((entry.head, self._clock.plain, body))
        if self._outlet.full:
            self._idle = False
            self._repeat = Repeat(self.shared, self._outlet, entry, self.peer, now, self._repeated)
            self._repeat.pump()
            return True
        self.deadline = now + self._idle_seconds
        record = (now + self._clock.offset, monotonic() - now, self.peer, entry.answered, None)
        self._record(_make_record(RequestRecord, record))
        return True

    def _answer_hot_file(self, key: bytes, entry: HotEntry, now: float) -> bool:
        assert entry.reopen is not None
        try:
            source = entry.reopen()
        except (OSError, PipwayError):
            self.shared.hot.drop(key)
            return False
        self._begin_repeat(entry, now, source)
        return True

    def _begin_repeat(self, entry: HotEntry, now: float, source: Source) -> None:
        self._idle = False
        self._repeat = Repeat(self.shared, self._outlet, entry, self.peer, now, self._repeated)
        self._repeat.start(source, self._clock.plain)

    def _repeated(self, whole: bool) -> None:
        self._repeat = None
        if not whole:
            self._ending = True
            self._outlet.reset()
            return
        self._ended(close=self.shared.stopping)

    # Everything else.

    def _receive(self, data: bytes) -> None:
        if self._ending:
            return
        exchange = self._exchange
        if exchange is not None and not exchange.body.complete:
            data = exchange.body.feed(data)
            complete: bool = exchange.body.complete
            if not self._outlet.full:
                self.deadline = inf if complete else monotonic() + self.shared.limits.stall_seconds
            if exchange.body.held > HIGH:
                self._transport.pause_reading()
                self.deadline = inf
        self._buffer += data
        if exchange is None and self._repeat is None:
            self._advance()
        elif len(self._buffer) > _AHEAD:
            self._transport.pause_reading()

    def _advance(self) -> None:
        """Answer what is buffered, request by request."""
        if self._advancing:  # an answer was complete at once: the loop below goes on
            return
        self._advancing = True
        try:
            self._answer_buffered()
        finally:
            self._advancing = False

    def _answer_buffered(self) -> None:
        buffer = self._buffer
        while self._exchange is None and self._repeat is None and not self._ending:
            while buffer.startswith(b"\r\n"):  # RFC 9112 §2.2: empty lines before a request are ignored
                del buffer[:2]
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self._await_head()
                return
            key = bytes(buffer[: end + 4])
            del buffer[: end + 4]
            self._idle = True  # while the hot path looks at it
            entry = self._hot.get(key)
            if entry is None or entry.lease.until <= monotonic() or not self._answer_hot(key, entry, monotonic()):
                self._idle = False
                self._begin(key)

    def _await_head(self) -> None:
        was_idle, self._idle = self._idle, not self._buffer
        if self._idle:
            return
        if was_idle or self.deadline == inf:
            self.deadline = monotonic() + self.shared.limits.head_seconds
        try:
            requests.check_partial(bytes(self._buffer), self.shared.limits.head)
        except ProtocolError as error:
            self._refuse(error)

    def _begin(self, key: bytes) -> None:
        limits = self.shared.limits
        try:
            head = requests.parse(key, limits.head)
            exchange = self._exchange_for(head, key)
            if head.length > exchange.body.limit:
                raise too_large(exchange.body.limit)
        except ProtocolError as error:
            self._refuse(error)
            return
        exchange.body.resume = self._body_due
        self._exchange = exchange
        self.deadline = inf
        if exchange.paused:
            self._transport.pause_reading()
        elif not exchange.body.complete:
            rest, self._buffer = bytes(self._buffer), bytearray()
            if rest or not (head.expects and head.form == "absolute"):  # 100 Continue is the other server's to say
                self.deadline = monotonic() + limits.stall_seconds
            if rest:
                self._receive(rest)
        exchange.task = self.shared.spawn(self._run(exchange))

    def _exchange_for(self, head: Head, key: bytes) -> Exchange:
        """How a request is answered; `inside` answers another way. ProtocolError when it cannot be."""
        shared = self.shared
        if head.form not in ("absolute", "authority"):
            return Exchange(shared, self._outlet, head, key, self.peer)
        if shared.outside is None:
            raise _not_enabled(head)
        return forwarding(shared, self._outlet, head, key, self.peer)

    def _body_due(self) -> None:
        """Somebody waits for more of the request's body."""
        self._transport.resume_reading()
        if self._exchange is not None and not self._exchange.body.complete and not self._outlet.full:
            self.deadline = monotonic() + self.shared.limits.stall_seconds

    async def _run(self, exchange: Exchange) -> None:
        try:
            await exchange.run()
        finally:
            self._exchange = None
            if exchange.takeover is None:
                # An answer that began before the server was told to stop could not say that it is the last.
                self._ended(close=exchange.close or (self.shared.stopping and not self._buffer))
            else:
                self._hand_over(exchange.takeover)

    def _hand_over(self, take: Takeover) -> None:
        """The connection is somebody else's from now on, with what came behind its last request."""
        early = bytes(self._buffer)
        self._buffer.clear()
        self._idle, self._ending, self.deadline = False, True, inf
        self._outlet.lost()
        take(self._transport, early)
        self.shared.leave(self)

    def _ended(self, *, close: bool) -> None:
        """An answer is complete: go on with the next request, or end."""
        if self._ending:
            return
        if close or (self._half and not self._buffer):
            self._end()
            return
        self.deadline = monotonic() + self._idle_seconds
        self._idle = not self._buffer
        self._transport.resume_reading()
        if self._buffer:
            self._advance()
        if self._half and self._exchange is None and self._repeat is None:
            self._end()

    def _end(self) -> None:
        """Close once the client has taken in the last answer: closing with unread bytes would reset it away
        (RFC 9112 §9.6)."""
        if self._ending:
            return
        self._ending, self._idle = True, False
        self._buffer.clear()
        if self._transport.is_closing():
            return  # reset: uvloop would still send an orderly end, and HTTP/1.0 take the part for the whole
        if self._half or not self._transport.can_write_eof():
            self._transport.close()
            return
        if not self._outlet.full:
            self.deadline = monotonic() + self.shared.limits.linger_seconds
        self._transport.write_eof()
        self._transport.resume_reading()

    def _refuse(self, error: PipwayError) -> None:
        """Answer bytes that are no request we take, and end: what follows them cannot be trusted."""
        answer = problem(error)
        answered = Answered("-", "-", answer.status, len(answer.body), "error", "")
        self.shared.report(self.peer, monotonic(), answered, Details(0.0, reason=reason(error)))
        self._outlet.write(answer.head, self._clock.close, answer.body)
        self._end()


def _cut_off() -> ProtocolError:
    return ProtocolError("body-cut-off", "the request's body ends too early")


def _timeout(what: str) -> ProtocolError:
    return ProtocolError("request-timeout", f"the request's {what} took too long", status=408)


def _not_enabled(head: Head) -> ProtocolError:
    what = "CONNECT" if head.form == "authority" else "forward proxying"
    return ProtocolError(
        "proxy-not-enabled",
        f"{what} is not enabled here",
        status=501,
        why="this address serves a package index",
        fix="use it as index URL (http://host:port/simple/), not as proxy",
    )


def too_many(limit: int) -> Unavailable:
    """What a client is told when `limit` connections are open already."""
    return Unavailable("too-many-connections", f"{limit} connections are open already", retry_after=2)
