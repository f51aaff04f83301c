"""A SOCKS client until its tunnel stands: what it asks, whether it may have it, and the way there.

The listener hands over the transports of clients whose first byte says SOCKS. The handshakes are `wire.socks4` and
`wire.socks5`; `Outside` decides and dials; then `tunnel` or `intercept` takes the transport. SOCKS has no words for a
reason, so why something was refused is an event.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import cast

from pipway.errors import PipwayError, ProtocolError, Unavailable
from pipway.redact import redact
from pipway.server.intercept import Interception
from pipway.server.outside import Caller, Far, Outside
from pipway.server.shared import Shared
from pipway.server.tunnel import Tunnel
from pipway.trace import Answered, Details, Journey, RequestRecord, journey
from pipway.wire import socks4, socks5
from pipway.wire.problem import reason, status_of
from pipway.wire.sniff import Speech
from pipway.wire.socks5 import Admit, Asked, Declined, Serving


@dataclass(frozen=True, slots=True)
class _Version:
    name: str
    serve: Callable[[Admit], Serving]
    reply: Callable[[PipwayError | None], bytes]


_VERSIONS = {
    Speech.SOCKS4: _Version("SOCKS4", socks4.serve, socks4.reply),
    Speech.SOCKS5: _Version("SOCKS5", socks5.serve, socks5.reply),
}


class Socks(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, shared: Shared, outside: Outside, speech: Speech, deadline: float) -> None:
        """`deadline`: when the whole handshake must be over, in monotonic seconds."""
        self.deadline = deadline
        self._shared = shared
        self._outside = outside
        self._version = _VERSIONS[speech]
        self._caller = Caller("")
        self._started = monotonic()
        self._journey = Journey()
        self._early = b""
        self._granted = False  # it has been told that the tunnel stands
        self._ending = False  # the last word is out; what still comes is thrown away
        self._late = False  # the way was not open in time
        self._task: asyncio.Task[None] | None = None  # opens it

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; what arrived already comes by `data_received`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        peer = transport.get_extra_info("peername")
        self._caller = Caller(str(peer[0]) if isinstance(peer, tuple) and peer else "")
        self._serving = self._version.serve(self._admit)
        next(self._serving)
        self._shared.guests.add(self)

    def data_received(self, data: bytes) -> None:
        """A piece of the handshake, however it was cut."""
        if self._ending:
            return
        if self._task is not None:  # reading is paused: these were on their way
            self._early += data
            return
        try:
            while said := self._serving.send(data):
                self._transport.write(said)
                data = b""
        except StopIteration as done:
            self._begin(done.value)
        except Declined as declined:
            self._refuse(declined.reply, declined.error, declined.target)

    def eof_received(self) -> bool:
        """The client gave up. While its tunnel is being opened this stays in the kernel: reading is paused."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, or we closed."""
        self._shared.leave(self)
        self.deadline = inf
        self._ending = True
        if self._task is not None:
            self._task.cancel()

    # What the listener calls.

    @property
    def waiting(self) -> bool:
        """Whether it holds a place and nothing is being done for it: half a handshake has come."""
        return self._task is None and not self._granted and not self._ending

    def expire(self, now: float) -> None:
        """The deadline has passed."""
        if self._ending:
            self._transport.close()
        elif self._task is not None:
            self._late = True
            self.deadline = inf
            self._task.cancel()
        else:
            what = "the SOCKS client's request took too long"
            self._refuse(b"", ProtocolError("request-timeout", what, status=408), "-")

    def shut(self) -> None:
        """The server is stopping: a tunnel that is being opened will be refused."""
        if self._task is None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        with contextlib.suppress(RuntimeError):
            self._transport.abort()

    # What is asked.

    def _admit(self, login: tuple[str, str] | None) -> None:
        if login is not None:
            text = base64.b64encode(":".join(login).encode()).decode("ascii")
            self._caller = Caller(self._caller.peer, f"Basic {text}")  # RFC 7617 §2
        self._outside.admit(self._caller)

    def _begin(self, asked: Asked) -> None:
        """Nothing is read while the way is being opened: bytes, an end or a reset wait for whoever relays them."""
        self._transport.pause_reading()
        self._early = asked.early
        self._start(asked)

    def _start(self, asked: Asked) -> None:
        self.deadline = monotonic() + self._shared.limits.dial_seconds
        self._task = self._shared.spawn(self._open(asked))

    async def _open(self, asked: Asked) -> None:
        """Find the way, and hand the transport over."""
        journey.set(self._journey)
        outside, intercept = self._outside, self._shared.intercept
        try:
            outside.allow(asked.host, asked.port)
            if intercept is not None and not self._granted and intercept.wants(asked.host, asked.port, self._caller):
                self._end_here(intercept, asked)
                return
            await self._connect(await outside.dial(asked.host, asked.port, caller=self._caller), asked)
        except PipwayError as error:
            self._fail(error, asked)
        except asyncio.CancelledError:
            if not self._late:
                self.abort()
                raise
            self._fail(_too_late(asked, self._shared.limits.dial_seconds), asked)
        except Exception as error:
            text = redact("".join(traceback.format_exception(error)))
            self._shared.trace.emit("server.error", target=str(asked), traceback=text)
            self._fail(
                PipwayError("internal-error", "pipway failed on this request", fix="see the event server.error"), asked
            )

    async def _connect(self, far: Far, asked: Asked) -> None:
        if self._transport.is_closing():
            await far.aclose()
        elif self._shared.stopping:
            await far.aclose()
            self._fail(Unavailable("stopping", "pipway is stopping"), asked)
        else:
            self._grant()
            Tunnel(self._shared, self._transport, self._early, far, self._record(asked))

    def _record(self, asked: Asked) -> RequestRecord:
        """For the tunnel, which completes it when it ends."""
        answered = Answered(self._version.name, str(asked), 200, 0, "tunnel", "")
        details = Details(monotonic() - self._started, self._journey.route)
        return RequestRecord(0.0, 0.0, self._caller.peer, answered, details)

    def _end_here(self, intercept: Interception, asked: Asked) -> None:
        """What is asked inside is answered here; what is no TLS gets its tunnel all the same."""

        def opaque(first: bytes) -> None:
            self._early = first
            self._transport.set_protocol(self)
            self._shared.guests.add(self)
            self._start(asked)

        self._grant()
        intercept.begin(
            self._shared, self._transport, self._early, asked.host, asked.port, caller=self._caller, opaque=opaque
        )

    def _grant(self) -> None:
        """Tell the client that its tunnel stands; the connection is somebody else's from now on."""
        if not self._granted:
            self._transport.write(self._version.reply(None))
        self._granted = True
        self.deadline = inf
        self._task = None
        self._shared.leave(self)

    # What is refused.

    def _fail(self, error: PipwayError, asked: Asked) -> None:
        self._task = None
        if self._granted:  # it believes in a tunnel: only a broken one tells it otherwise
            self._report(error, str(asked))
            self.abort()
        else:
            self._refuse(self._version.reply(error), error, str(asked))

    def _refuse(self, reply: bytes, error: PipwayError, target: str) -> None:
        """Say no, and close once the client has taken it in: closing with unread bytes would reset it away."""
        self._ending = True
        self._report(error, target)
        if self._transport.is_closing():
            return
        self._transport.write(reply)
        self._transport.write_eof()
        self.deadline = monotonic() + self._shared.limits.linger_seconds
        self._transport.resume_reading()

    def _report(self, error: PipwayError, target: str) -> None:
        answered = Answered(self._version.name, target, status_of(error), 0, "error", "")
        details = Details(monotonic() - self._started, self._journey.route, redact(reason(error)))
        self._shared.report(self._caller.peer, self._started, answered, details)
        self._shared.trace.emit("socks.refused", target=target, code=error.code, why=redact(str(error)))


def _too_late(asked: Asked, seconds: float) -> Unavailable:
    what = f"no way to {asked} was open within {seconds:g} s"
    return Unavailable("connect-timeout", what, fix="check the network, and pipway route for the way that is taken")
