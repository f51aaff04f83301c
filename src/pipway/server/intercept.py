"""Tunnels to index and file hosts whose TLS ends here: what is asked inside is answered like any index request.

`forward` and `socks` ask `wants` once a tunnel may be opened, tell the client that it stands, and hand its transport to
`begin`. Every other tunnel stays opaque. Who does not trust our authority is remembered, so that he can get through.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from math import inf

from pipway.errors import PipwayError
from pipway.server.ca import Authority
from pipway.server.certificates import normal
from pipway.server.hot import HotAnswers
from pipway.server.inside import ByOrigin, InsideHttp1, InsideShared
from pipway.server.outside import Caller
from pipway.server.shared import Shared
from pipway.server.tls import Tls
from pipway.trace import Trace
from pipway.wire.answer import Answer, Request
from pipway.wire.forwarding import Destination
from pipway.wire.sniff import Speech, sniff

_REMEMBERED = 1024  # clients that do not trust us, and hosts that were told of
_FORGIVEN_SECONDS = 600.0  # how long such a client gets through
_SWEEP_SECONDS = 60.0


class Interception:
    """Which tunnels end here, and what becomes of them."""

    def __init__(
        self,
        authority: Authority | None,
        *,
        ours: Callable[[str, int], bool],
        answer: ByOrigin,
        pass_distrust: bool = False,
        trace: Trace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without an authority no tunnel ends here, and `answer` serves requests in absolute-form alone.

        `ours` says whether a host and port are an index's or its files', to be looked into at all. `pass_distrust`: a
        client that turned our certificate down gets an opaque tunnel for the next ten minutes.
        """
        self._authority = authority
        self._ours = ours
        self._by_origin = answer
        self._pass_distrust = pass_distrust
        self._trace = trace
        self._clock = clock
        self._distrust: dict[tuple[str, str, str], float] = {}  # peer, agent, host → until
        self._told: dict[str, None] = {}
        self._hot: HotAnswers | None = None
        self._swept = clock()

    def wants(self, host: str, port: int, caller: Caller | None = None) -> bool:
        """Whether a tunnel there ends here: interception is on, the name is an index's or its files', the authority may
        speak for it, and this client did not turn it down a moment ago."""
        if self._authority is None:
            return False
        host = normal(host)
        if not self._ours(host, port):
            return False
        if caller is not None and self._distrust.get(_key(caller, host), -inf) > self._clock():
            return False
        try:
            covered = self._authority.covers(host)
        except PipwayError as error:
            self._tell(host, "intercept.failed", why=str(error))
            return False
        if not covered:
            fix = "run `pipway ca rotate`, and have clients trust the new authority"
            if "." not in host:
                fix = f"add {host} to intercept.hosts, for no page may add a name without a dot; then {fix}"
            self._tell(host, "intercept.uncovered", why="it was learned after the authority was made", fix=fix)
        return covered

    def begin(
        self,
        shared: Shared,
        transport: asyncio.Transport,
        early: bytes,
        host: str,
        port: int,
        *,
        caller: Caller,
        opaque: Callable[[bytes], None],
    ) -> None:
        """Take a client's transport over after CONNECT's 200 (or SOCKS' success) was written; never raises.

        `early` came behind the request. `opaque(first)` is called once instead, reading paused, when what comes first
        is not TLS: dial and make a tunnel of it with `first` as early bytes, as for any other target.
        """
        Entrance(self, shared, transport, (normal(host), port), caller, opaque).begin(early)

    async def answer(self, request: Request, origin: str) -> Answer | None:
        """What the index chain says to a request in absolute-form, whether interception is on or not.

        `origin` is `http://HOST[:PORT]`, the port only where it is not the scheme's own; the request's path and query
        are in origin-form. None: nothing of ours, send it on with `outside.exchange`.
        """
        return await self._by_origin(request, origin)

    # What an entrance asks.

    def context(self, host: str) -> ssl.SSLContext | None:
        """TLS as this host; None, and an event, when there can be none."""
        assert self._authority is not None
        try:
            return self._authority.context(host)
        except (PipwayError, ValueError, OSError) as error:
            self._tell(host, "intercept.failed", why=str(error))
            return None

    def inside(self, shared: Shared, host: str, port: int, caller: Caller) -> InsideHttp1:
        """Who speaks HTTP in a tunnel to that host."""
        now = self._clock()
        if self._hot is None or not self._hot.open:
            self._hot = HotAnswers(shared.limits.hot_entries, shared.limits.hot_bytes)
        elif now - self._swept > _SWEEP_SECONDS:
            self._hot.sweep(time.monotonic(), len(self._hot.entries))
            self._swept = now
        assert shared.outside is not None  # or nobody would have asked for a tunnel
        place = Destination("https", host, port, "")
        return InsideHttp1(InsideShared(shared, shared.outside, place, self._by_origin, self._hot, caller.login))

    def turned_down(self, host: str, caller: Caller, why: str) -> None:
        """A client did not accept our certificate."""
        if self._pass_distrust:
            self._distrust.pop(_key(caller, host), None)
            self._distrust[_key(caller, host)] = self._clock() + _FORGIVEN_SECONDS
            while len(self._distrust) > _REMEMBERED:
                del self._distrust[next(iter(self._distrust))]
        self._trace.emit(
            "intercept.distrusted", host=host, peer=caller.peer, client=caller.agent[:200], why=why,
            passed=self._pass_distrust, fix="have it trust what `pipway ca export` writes",
        )  # fmt: skip

    def _tell(self, host: str, event: str, **facts: str) -> None:
        """Once for each host."""
        key = f"{event} {host}"
        if key not in self._told:
            self._told[key] = None
            while len(self._told) > _REMEMBERED:
                del self._told[next(iter(self._told))]
            self._trace.emit(event, host=host, **facts)


class Entrance(asyncio.Protocol):
    """A tunnel that ends here, until its TLS stands or turns out to be none."""

    def __init__(
        self,
        interception: Interception,
        shared: Shared,
        transport: asyncio.Transport,
        target: tuple[str, int],
        caller: Caller,
        opaque: Callable[[bytes], None],
    ) -> None:
        self.deadline = inf
        self._interception = interception
        self._shared = shared
        self._transport = transport
        self._host, self._port = target
        self._caller = caller
        self._opaque = opaque
        self._tls: Tls | None = None

    def begin(self, early: bytes) -> None:
        """Read from here on."""
        self.deadline = time.monotonic() + self._shared.limits.head_seconds
        self._transport.set_protocol(self)
        self._shared.guests.add(self)
        self._transport.resume_reading()
        if early:
            self.data_received(early)

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        """The first bytes decide."""
        context = self._interception.context(self._host) if sniff(data) is Speech.TLS else None
        if context is None:
            self._transport.pause_reading()
            self._shared.leave(self)
            self._opaque(data)
            return
        tls = self._tls = Tls(self._transport, context, stands=self._stands, fails=self._fails)
        self._transport.set_protocol(tls)
        tls.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone before it said anything."""
        self._shared.leave(self)

    # What the listener calls.

    def expire(self, now: float) -> None:
        """Too slow."""
        self.deadline = inf
        self.abort()

    def shut(self) -> None:
        """The server is stopping, and nothing was asked yet."""
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._tls = None  # it is not the client who leaves
        with contextlib.suppress(RuntimeError):
            self._transport.abort()

    # What TLS tells.

    def _stands(self) -> asyncio.Protocol:
        self._shared.leave(self)
        return self._interception.inside(self._shared, self._host, self._port, self._caller)

    def _fails(self, error: ssl.SSLError | None) -> None:
        self._shared.leave(self)
        reason = (error.reason or "") if error is not None else ""
        if "ALERT" in reason:  # it is the client that complains
            self._interception.turned_down(self._host, self._caller, reason.lower().replace("_", " "))
        elif error is None and self._tls is not None and self._tls.shown:  # some clients complain to nobody
            self._interception.turned_down(self._host, self._caller, "it left when it saw the certificate")
        elif error is not None:
            self._shared.trace.emit("intercept.failed", host=self._host, why=reason or "no TLS")


def _key(caller: Caller, host: str) -> tuple[str, str, str]:
    return caller.peer, caller.agent, host
