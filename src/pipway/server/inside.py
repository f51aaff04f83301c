"""HTTP inside a tunnel that ends here: the origin is known, and what is no index traffic is sent on to it.

`intercept` puts an `InsideHttp1` on the TLS of a client. It differs from a connection to this server in whom it asks,
and in that nothing of this server's own (pages for people, metrics, proxying) can be reached from inside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from pipway.errors import ProtocolError
from pipway.server.exchange import Exchange
from pipway.server.forward import Forward
from pipway.server.hot import HotAnswers
from pipway.server.http1 import Http1
from pipway.server.outlet import Outlet
from pipway.server.outside import Outside
from pipway.server.shared import Shared
from pipway.wire.answer import Answer, Request
from pipway.wire.forwarding import Destination
from pipway.wire.requests import Head

#: What the index chain says to a request below an origin (`scheme://host[:port]`); None: nothing of ours.
ByOrigin = Callable[[Request, str], Awaitable[Answer | None]]


async def _nothing(request: Request) -> Answer | None:
    return None


class InsideShared(Shared):
    """The server's common ground as connections to one origin see it."""

    def __init__(
        self,
        outer: Shared,
        beyond: Outside,
        place: Destination,
        by_origin: ByOrigin,
        hot: HotAnswers,
        login: str | None,
    ) -> None:
        """`place` is where the client believes to be, `login` what it said when it asked for its tunnel."""
        # Not the server's own: whom to ask, and what was answered. All else is shared: guests, tasks, clock, limits.
        self.__dict__.update(outer.__dict__)
        self._outer = outer
        self.beyond = beyond
        self.place = place
        self.origin = place.url
        self.authority = place.authority.encode("ascii")
        self.by_origin = by_origin
        self.login = login
        self.hot = hot
        self.handler = _nothing
        self.asgi = self.outside = self.intercept = None

    @property
    def stopping(self) -> bool:
        """Whether the server is."""
        return self._outer.stopping

    @stopping.setter
    def stopping(self, value: bool) -> None:
        self._outer.stopping = value


class InsideHttp1(Http1):
    """One client's connection to an origin that it believes to have reached."""

    def __init__(self, shared: InsideShared) -> None:
        super().__init__(shared)
        self._inside = shared

    def shut(self) -> None:
        """The server is stopping: nothing is repeated any more, so that the next answer says that it is the last."""
        self.shared.hot.close()
        super().shut()

    def _exchange_for(self, head: Head, key: bytes) -> Exchange:
        if head.form != "origin":  # no proxy in here
            return super()._exchange_for(head, key)
        return InsideExchange(self._inside, self._outlet, head, key, self.peer)


class InsideExchange(Forward):
    """A request to the origin: the index chain's, or sent on."""

    def __init__(self, shared: InsideShared, outlet: Outlet, head: Head, raw: bytes, peer: str) -> None:
        there = replace(shared.place, target=head.target.decode("ascii"))
        super().__init__(shared, outlet, head, raw, peer, shared.beyond, there)
        self._inside = shared
        self.caller = replace(self.caller, login=shared.login)

    def names(self) -> tuple[str, str]:
        """The log shows the whole address."""
        target, client = super().names()
        return self._inside.origin + target, client

    def enter(self, host: str, port: int) -> None:
        """As for the tunnel, and the request must be meant for where it leads."""
        named = self.head.header(b"host")
        # Answers are kept by the bytes of their requests, Host among them.
        if named is not None and named.lower().removesuffix(b":443") != self._inside.authority:
            self.close = True
            what = "this connection leads to another host than the request"
            raise ProtocolError("misdirected", what, status=421)  # RFC 9110 §15.5.20
        super().enter(host, port)

    async def _answered_by_index(self) -> bool:
        if self.head.has_body:
            return False
        answer = await self._inside.by_origin(self.request(), self._inside.origin)
        if answer is None:
            return False
        await self._send(answer)
        return True
