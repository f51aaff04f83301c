"""The one port: accepts, asks the first byte what the client speaks, and hands the transport on.

`app` builds a Server and starts it. HTTP goes to `http1`, SOCKS to `socks` where there is an outside to reach; all else
is refused in its own words. One timer serves every connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Callable, Iterable
from math import inf
from typing import cast

from pipway.errors import PipwayError, Refused, UsageError
from pipway.server.http1 import Http1, too_many
from pipway.server.intercept import Interception
from pipway.server.limits import Limits
from pipway.server.outside import Outside
from pipway.server.room import Room
from pipway.server.shared import ASGIApp, Handler, Shared
from pipway.server.socks import Socks
from pipway.trace import Trace
from pipway.wire.problem import problem
from pipway.wire.sniff import Refusal, Speech, sniff

_TICK = 0.25
_BACKLOG = 1024


class Server:
    """Serves `handler`'s answers, and `asgi`'s where the handler gives None."""

    def __init__(
        self,
        handler: Handler,
        *,
        asgi: ASGIApp | None,
        trace: Trace,
        limits: Limits | None = None,
        outside: Outside | None = None,
        intercept: Interception | None = None,
        greets: Callable[[str], bool] | None = None,
        via: str = "",
        names: Iterable[str] = (),
    ) -> None:
        """Without an `outside` it is no proxy. `greets` says whether a peer may connect; without it every one may.

        `via` is what requests that are sent on call us, a name that nobody else has; without it one is made. `names`
        are those under which this server is known: who asks the proxy for one of them means the index here.
        """
        self._handler = handler
        self._asgi = asgi
        self._trace = trace
        self._limits = limits or Limits()
        self._outside = outside
        self._intercept = intercept
        self._greets = greets
        self._via = via
        self._names = frozenset(name.lower() for name in names)
        self._shared: Shared | None = None
        self._servers: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self.farewell: list[Callable[[], None]] = []  #: called when it begins to stop: answers without an end end now

    async def start(self, host: str, port: int) -> list[tuple[str, int]]:
        """Listen, and give the addresses really bound (port 0 picks one). UsageError says why it cannot be."""
        if self._shared is None:
            self._shared = Shared(self._handler, self._asgi, self._trace, self._limits)
            self._shared.outside, self._shared.intercept = self._outside, self._intercept
            self._shared.greets = self._greets
            self._shared.names = self._names
            self._shared.via = self._via.encode("ascii") or self._shared.via
            self._tick()
        shared, room = self._shared, Room(self._shared)
        try:
            server = await shared.loop.create_server(lambda: Door(shared, room), host, port, backlog=_BACKLOG)
        except (OSError, OverflowError) as error:
            if not self._servers:
                await self.stop(0)
            raise _cannot_listen(host, port, error) from error
        self._servers.append(server)
        return [listening.getsockname()[:2] for listening in server.sockets]

    async def stop(self, grace: float) -> None:
        """Refuse new work, let what runs finish for `grace` seconds, then cut it off. Safe to call again."""
        shared = self._shared
        if shared is None or shared.stopping:
            return
        shared.stopping = True
        for end in self.farewell:
            end()
        shared.hot.close()
        for server in self._servers:
            server.close()
        for guest in list(shared.guests):
            guest.shut()
        if not shared.guests:
            shared.empty.set()
        # The timer goes on: it is what ends connections that linger or stall.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await shared.empty.wait()
                await asyncio.gather(*shared.tasks, return_exceptions=True)
        for guest in list(shared.guests):
            guest.abort()
        for task in list(shared.tasks):
            task.cancel()
        await asyncio.gather(*shared.tasks, return_exceptions=True)
        await shared.empty.wait()
        shared.shelf.close()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._shared = None
        self._trace.flush()

    def _tick(self, ticks: int = 0) -> None:
        """A few times a second: hand over the records, refresh Date, look for connections past their deadline."""
        shared = self._shared
        if shared is None:
            return
        self._timer = shared.loop.call_later(_TICK, self._tick, ticks + 1)
        shared.clock.refresh()
        now = time.monotonic()
        for guest in [guest for guest in shared.guests if guest.deadline < now]:
            guest.expire(now)
        if ticks % 40 == 0:
            shared.hot.sweep(now)
            shared.shelf.sweep()
        self._trace.flush()


class Door(asyncio.Protocol):
    """A connection that has not said anything yet, or one that is being refused."""

    def __init__(self, shared: Shared, room: Room) -> None:
        self._shared = shared
        self._room = room
        self._refusal: Refusal | None = None
        self._turned_away = False
        self.deadline = inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client speak first."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        shared = self._shared
        if shared.stopping:
            self._transport.close()
        elif shared.greets is not None and not shared.greets(peer := _peer(self._transport)):
            self._turn_away(_stranger(peer))
            self._linger()
        elif len(shared.guests) >= shared.limits.connections and not self._room.make():
            self._turn_away(too_many(shared.limits.connections))
            self._transport.close()
        else:
            self.deadline = time.monotonic() + shared.limits.head_seconds
            shared.guests.add(self)

    def _turn_away(self, error: PipwayError) -> None:
        answer = problem(error)
        self._turned_away = True
        self._transport.writelines((answer.head, self._shared.clock.close, answer.body))

    def _linger(self) -> None:
        """The last word is out: closing with unread bytes would reset it away (RFC 9112 §9.6)."""
        self.deadline = time.monotonic() + self._shared.limits.linger_seconds
        self._shared.guests.add(self)
        self._transport.write_eof()

    def data_received(self, data: bytes) -> None:
        """The first byte decides who takes the connection over."""
        if self._turned_away:
            return
        if self._refusal is None:
            speech = sniff(data)
            taker = self._taker(speech)
            if taker is not None:
                self._shared.leave(self)
                self._transport.set_protocol(taker)
                taker.connection_made(self._transport)
                taker.data_received(data)
                return
            self._refusal = Refusal(speech)
            self._shared.trace.emit("client.refused", speech=speech.value)
        if not self._refusal.done:
            self._transport.write(self._refusal.feed(data))
            done: bool = self._refusal.done
            if done:
                self._linger()

    def _taker(self, speech: Speech) -> asyncio.Protocol | None:
        """Who speaks that; None when it is refused."""
        shared = self._shared
        if speech is Speech.HTTP:
            return Http1(shared)
        if speech is not Speech.TLS and shared.outside is not None:
            return Socks(shared, shared.outside, speech, self.deadline)
        return None

    @property
    def waiting(self) -> bool:
        """Whether it holds a place and nothing is being done for it."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._shared.leave(self)

    def expire(self, now: float) -> None:
        """Silent for too long, or refused and still there."""
        self._transport.close()

    def shut(self) -> None:
        """The server is stopping."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        with contextlib.suppress(RuntimeError):
            self._transport.abort()


def _peer(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) and name else ""


def _stranger(peer: str) -> Refused:
    what, fix = f"{peer} may not use this server", "ask whoever runs it"
    return Refused("stranger", what, why="its address is not in access.allow_from", fix=fix)


def _cannot_listen(host: str, port: int, error: OSError | OverflowError) -> UsageError:
    where = f"{host}:{port}"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return UsageError(
            "address-in-use", f"{where} is already in use", fix="stop the program that listens there, or choose a port"
        )
    if number in (errno.EACCES, errno.EPERM):
        return UsageError("address-forbidden", f"this user may not listen on {where}", fix="choose a port above 1023")
    why = str(error.strerror or error) if isinstance(error, OSError) else str(error)
    if isinstance(error, socket.gaierror) or number == errno.EADDRNOTAVAIL:
        return UsageError(
            "address-unknown", f"{host} is not an address of this machine", why=why, fix="listen on 127.0.0.1 or ::1"
        )
    return UsageError("address-unusable", f"cannot listen on {where}", why=why, fix="choose another address or port")
