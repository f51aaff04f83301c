"""What the connections of one server have in common: whom to ask, what to obey, where to report, what time it is.

The listener makes one and hands it to every connection. Nothing here touches a socket.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from pipway.server.hot import HotAnswers
from pipway.server.limits import Limits
from pipway.server.outside import Outside
from pipway.server.shelf import Shelf
from pipway.trace import Answered, Details, RequestRecord, Trace
from pipway.wire import heads
from pipway.wire.answer import Answer, Request

if TYPE_CHECKING:
    from pipway.server.intercept import Interception

Handler = Callable[[Request], Awaitable[Answer | None]]
Message = MutableMapping[str, Any]
_SCRATCH = 262144
ASGIApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class Guest(Protocol):
    """A connection as the listener sees it."""

    deadline: float  #: monotonic seconds; `expire` is called once it has passed

    def expire(self, now: float) -> None:
        """The deadline has passed: extend it or give the connection up."""

    def shut(self) -> None:
        """The server is stopping: close if idle, else after the answer that is under way."""

    def abort(self) -> None:
        """Close now, whatever is under way."""


class Clock:
    """The end of every head, refreshed a few times a second: Date, Connection and the empty line."""

    __slots__ = ("close", "keep", "offset", "plain")

    def __init__(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Read the system's clock."""
        now = time.time()
        date = b"Date: " + heads.date(now) + b"\r\n"
        self.offset = now - time.monotonic()  #: what to add to monotonic seconds to get seconds since the epoch
        self.plain = date + b"\r\n"
        self.close = date + b"Connection: close\r\n\r\n"
        self.keep = date + b"Connection: keep-alive\r\n\r\n"  #: HTTP/1.0 wants to be told


class Shared:
    """One server's common ground."""

    def __init__(self, handler: Handler, asgi: ASGIApp | None, trace: Trace, limits: Limits) -> None:
        self.handler = handler
        self.asgi = asgi
        self.trace = trace
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.clock = Clock()
        self.hot = HotAnswers(limits.hot_entries, limits.hot_bytes)
        self.shelf = Shelf(limits.hot_files, limits.hot_bytes)
        self.guests: set[Guest] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        #: What tunnels read into: nobody keeps it beyond a callback.
        self.scratch = memoryview(bytearray(_SCRATCH))
        self.splices = 0  #: directions of tunnels that are spliced at present
        self.outside: Outside | None = None  #: without one there is no proxy here
        self.intercept: Interception | None = None
        self.greets: Callable[[str], bool] | None = None  #: whether a peer may connect; None: every one may
        #: What Via calls us (RFC 9110 §7.6.3): nobody else's name, so that a loop is seen.
        self.via = b"pipway-" + secrets.token_hex(8).encode("ascii")
        self.names: frozenset[str] = frozenset()  #: under which this server is known, in lower case
        self.stopping = False
        self.empty = asyncio.Event()  #: nobody is connected any more; set only while stopping

    def leave(self, guest: Guest) -> None:
        """A connection is gone."""
        self.guests.discard(guest)
        if self.stopping and not self.guests:
            self.empty.set()

    def report(self, peer: str, started: float, answered: Answered, details: Details | None = None) -> None:
        """One request is answered; `started` in monotonic seconds."""
        now = time.monotonic()
        self.trace.request(RequestRecord(now + self.clock.offset, now - started, peer, answered, details))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` beside the connections; `stop` waits for it."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task
