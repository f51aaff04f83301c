"""The proxy's HTTP half: requests in absolute-form are sent on (RFC 9112 §3.2.2), CONNECT becomes a tunnel.

`http1` asks `forwarding` for the exchange of such a request and runs it like any other. Nothing is cached or decoded
here; where a request may go, and how, is `outside`'s business. A change of protocol ends in `tunnel` or `intercept`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import sys
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipway.errors import BadUpstream, LoginNeeded, PipwayError, ProtocolError, Unavailable
from pipway.redact import redact
from pipway.server.body import IncomingBody
from pipway.server.exchange import Exchange
from pipway.server.outlet import SMALL, Outlet
from pipway.server.outside import Caller, Far, Fields, Forwarded, Outside, Reply
from pipway.server.shared import Shared
from pipway.server.tunnel import Tunnel
from pipway.wire import chunked, heads
from pipway.wire import forwarding as wire
from pipway.wire.answer import Prepared, Request
from pipway.wire.forwarding import Destination
from pipway.wire.requests import Head

if TYPE_CHECKING:
    from pipway.server.intercept import Interception  # which answers what comes inside with `Forward`

#: Exactly this and no more (RFC 9110 §9.3.6): pip takes no other status, and some clients no fields.
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
#: What ended because nobody answered in time: 504 (RFC 9110 §15.6.5) instead of 503.
_TIMEOUTS = frozenset({"connect-timeout", "first-byte-timeout", "stalled"})


def forwarding(shared: Shared, outlet: Outlet, head: Head, raw: bytes, peer: str) -> Exchange:
    """The exchange of a request in absolute or authority form. ProtocolError when its target is none."""
    outside = shared.outside
    assert outside is not None
    if head.form == "authority":
        if head.has_body:  # RFC 9110 §9.3.6: it means nothing, and the tunnel's bytes could be taken for it
            raise ProtocolError("body-in-connect", "CONNECT with a body")
        host, port = wire.parse_authority(head.target)
        return Connect(shared, outlet, head, raw, peer, outside, host, port)
    destination = wire.parse_absolute(head.target)
    if _is_ours(destination, outlet.transport.get_extra_info("sockname"), shared.names):
        return Exchange(shared, outlet, _as_origin_form(head, destination), raw, peer)
    return Forward(shared, outlet, head, raw, peer, outside, destination)


def _is_ours(destination: Destination, bound: Any, names: Collection[str]) -> bool:
    """Whether the proxy is asked for its own address, by a name of its own or by the address that it was asked at.

    Then the index on the same port is meant. Whatever else leads here is refused by the rule on addresses.
    """
    if destination.scheme != "http" or not isinstance(bound, tuple) or destination.port != bound[1]:
        return False
    if destination.host.removesuffix(".") in names:
        return True
    here = _address(str(bound[0]))
    if destination.host == "localhost":
        return here is not None and here.is_loopback
    return here is not None and _address(destination.host) == here


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _as_origin_form(head: Head, destination: Destination) -> Head:
    """RFC 9112 §3.2.2: a server takes absolute-form too, and believes it rather than Host."""
    fields = tuple(field for field in head.headers if field[0] not in (b"host", b"proxy-authorization"))
    return replace(
        head,
        form="origin",
        target=(destination.target or "/").encode("ascii"),
        headers=((b"host", destination.authority.encode("ascii")), *fields),
    )


class _Proxied(Exchange):
    """What both kinds have in common: who asks, and what a failure on the way is called."""

    def __init__(self, shared: Shared, outlet: Outlet, head: Head, raw: bytes, peer: str, outside: Outside) -> None:
        super().__init__(shared, outlet, head, raw, peer)
        self.outside = outside
        login = head.header(b"proxy-authorization")
        agent = (head.header(b"user-agent") or b"").decode("latin-1")
        self.caller = Caller(peer, login.decode("latin-1") if login is not None else None, agent)
        if b"close" in wire.options(head.headers, b"proxy-connection"):  # what old clients say instead of Connection
            self.close = True

    def enter(self, host: str, port: int) -> None:
        """Whether this client may go there at all. LoginNeeded, Refused; ProtocolError when it has been here before."""
        self.outside.admit(self.caller)
        if wire.looped(self.head.headers, self.shared.via):
            raise ProtocolError(
                "proxy-loop",
                "this request came back to where it was",
                status=508,
                why="pipway, or a proxy behind it, has pipway as its own parent proxy",
                fix="check --parent (parent.url), the routes, and where the parents lead",
            )
        self.outside.allow(host, port)

    def tunnel(self, transport: asyncio.Transport, early: bytes, far: Far, status: int) -> None:
        """What is between the client and `far` is none of our business from now on."""
        Tunnel(self.shared, transport, early, far, self.record(status))

    async def _recover(self, error: Exception) -> None:
        if isinstance(error, Unavailable) and error.code in _TIMEOUTS:
            error = _Late(error.code, error.what, why=error.why, fix=error.fix, retry_after=error.retry_after)
        await super()._recover(error)


class _Late(Unavailable):
    http_status = 504


class Connect(_Proxied):
    """One CONNECT, until its tunnel stands."""

    paused = True

    def __init__(
        self, shared: Shared, outlet: Outlet, head: Head, raw: bytes, peer: str, outside: Outside, host: str, port: int
    ) -> None:
        super().__init__(shared, outlet, head, raw, peer, outside)
        self._host = host
        self._port = port

    async def _answer(self) -> None:
        self.enter(self._host, self._port)
        intercept = self.shared.intercept
        if intercept is not None and intercept.wants(self._host, self._port, self.caller):
            self.outlet.write(ESTABLISHED)
            self.takeover = lambda transport, early: self._end_here(intercept, transport, early)
            return
        far = await self._dial()
        try:
            self.outlet.write(ESTABLISHED)
        except OSError:
            await far.aclose()
            raise
        self.takeover = lambda transport, early: self.tunnel(transport, early, far, 200)

    async def _dial(self) -> Far:
        limit = self.shared.limits.dial_seconds
        try:
            async with asyncio.timeout(limit) as timer:
                far = await self.outside.dial(self._host, self._port, caller=self.caller)
        except TimeoutError:
            if not timer.expired():
                raise
            raise Unavailable(
                "connect-timeout",
                f"no way to {self._where} was open within {limit:g} s",
                fix="check the network, and pipway route for the way that is taken",
            ) from None
        if self.shared.stopping:
            await far.aclose()
            raise Unavailable("stopping", "pipway is stopping")
        return far

    async def _recover(self, error: Exception) -> None:
        if not isinstance(error, LoginNeeded):  # what comes behind may be meant for the tunnel
            self.close = True
        await super()._recover(error)

    @property
    def _where(self) -> str:
        return self.head.target.decode("ascii")

    def _end_here(self, intercept: Interception, transport: asyncio.Transport, early: bytes) -> None:
        """What is asked inside is answered here; what is no TLS gets its tunnel all the same."""

        def opaque(first: bytes) -> None:
            transport.set_protocol(asyncio.Protocol())
            self.shared.spawn(self._late_tunnel(transport, first))

        intercept.begin(self.shared, transport, early, self._host, self._port, caller=self.caller, opaque=opaque)

    async def _late_tunnel(self, transport: asyncio.Transport, first: bytes) -> None:
        """The client believes in its tunnel already: only a broken one tells it otherwise."""
        try:
            self.tunnel(transport, first, await self._dial(), 200)
        except PipwayError as error:
            transport.abort()
            self.shared.trace.emit("answer.broken", target=self._where, code=error.code, what=redact(str(error)))
        except BaseException:
            transport.abort()
            raise


class Forward(_Proxied):
    """One request in absolute-form, sent on, and its answer."""

    def __init__(
        self,
        shared: Shared,
        outlet: Outlet,
        head: Head,
        raw: bytes,
        peer: str,
        outside: Outside,
        destination: Destination,
    ) -> None:
        super().__init__(shared, outlet, head, raw, peer, outside)
        self.body = IncomingBody(head, sys.maxsize)  # nothing of it is kept, so only the receiver's pace bounds it
        self._destination = destination
        self._protocols = wire.upgrade(head.method, head.version, head.headers)
        self.paused = self._protocols is not None and not head.has_body

    async def _answer(self) -> None:
        there, head = self._destination, self.head
        self.enter(there.host, there.port)
        if head.method == "TRACE":  # RFC 9110 §9.3.8: it would show what proxies on the way add, secrets too
            raise ProtocolError("trace-refused", "TRACE is not passed on", status=405)
        fields, left = head.headers, wire.max_forwards(head.method, head.headers)
        if left == 0:  # RFC 9110 §7.6.2: we are who is asked
            self.repeatable = False
            await self._send(Prepared(200, heads.build(200, [("Content-Length", "0")])))
            return
        if left is not None:
            fields = wire.one_less(fields, left)
        if await self._answered_by_index():
            return
        reply = await self.outside.exchange(self._forwarded(fields), caller=self.caller)
        try:
            await self._relay(reply)
        finally:
            await reply.aclose()

    def _forwarded(self, fields: Fields) -> Forwarded:
        head = self.head
        if head.version == "1.0":  # RFC 9110 §10.1.1: it knows no interim answers, so it expects none
            fields = tuple(field for field in fields if field[0] != b"expect")
        return Forwarded(
            head.method,
            self._destination.url,
            wire.onward(fields, wire.via(head.version, self.shared.via), protocols=self._asked_for),
            body=_Pieces(self.body) if head.has_body else None,
            length=head.length if head.has_body and not head.chunked else None,
            informed=self._informed,
        )

    @property
    def _asked_for(self) -> bytes | None:
        return self._protocols if self.paused else None

    async def _answered_by_index(self) -> bool:
        """Pages and files of our indexes are answered from the chain, whatever way they are asked for."""
        intercept, there, head = self.shared.intercept, self._destination, self.head
        if intercept is None or head.method not in ("GET", "HEAD") or head.has_body:
            return False
        origin = replace(there, target="").url
        path, _, query = (there.target or "/").partition("?")
        target = (there.target or "/").encode("ascii")
        request = Request(head.method, target, path, query, head.headers, head.version, self.peer)
        answer = await intercept.answer(request, origin)
        if answer is None:
            return False
        self.repeatable = False  # who asks is looked at each time
        await self._send(answer)
        return True

    def _informed(self, status: int, fields: Fields) -> None:
        """RFC 9110 §15.2: interim answers are passed on, but not to HTTP/1.0, which knows none."""
        if status == 100 and self.body.resume is not None:
            self.body.resume()  # the body is due now
        if self.head.version == "1.0" or self.begun or self.outlet.gone or self.outlet.transport.is_closing():
            return
        self.outlet.write(self._lines(status, heads.standard_phrase(status), fields), b"\r\n")

    def _lines(self, status: int, reason: str, fields: Fields, protocols: bytes | None = None) -> bytes:
        """Status line and end-to-end fields. BadUpstream when one of them cannot be passed on."""
        passed = wire.onward(fields, wire.via("1.1", self.shared.via), protocols=protocols)
        try:
            lines = [heads.field_line(wire.titled(name), value) for name, value in passed]
        except ValueError:
            raise BadUpstream("bad-framing", f"{self._destination.authority} sent a broken header line") from None
        return b"".join((heads.status_line(status, reason), *lines))

    async def _relay(self, reply: Reply) -> None:
        if reply.switched is not None:
            await self._switch(reply, reply.switched)
            return
        framed, silent = self.head.version == "1.1", self.silent(reply.status)
        lines = self._lines(reply.status, reply.reason, reply.fields)
        if reply.length is not None and reply.status != 204:
            lines += b"Content-Length: %d\r\n" % reply.length
        elif not silent and framed:
            lines += b"Transfer-Encoding: chunked\r\n"
        elif not silent:
            self.close = True  # HTTP/1.0: the end of the connection is the end of the body
        framed = framed and reply.length is None
        self.status, self.outcome = reply.status, "forward"
        held = [lines, self._end(reply.fields)]  # leaves with what is here already: each write is a packet
        if not silent:
            if not reply.ready:
                await self._let_go(held)
            async for piece in reply.chunks():
                held += chunked.frame(piece) if framed else (piece,)
                self.sent += len(piece)
                if len(piece) > SMALL or not reply.ready:
                    await self._let_go(held)
            if framed:
                held.append(chunked.LAST)
        await self._let_go(held)

    async def _let_go(self, held: list[bytes]) -> None:
        if held:
            self.outlet.write(*held)
            held.clear()
        if self.outlet.full:
            await self.outlet.drain()

    def _end(self, fields: Fields) -> bytes:
        """The end of the head. RFC 9110 §6.6.1: the origin's Date stays, and ours is for where it said none."""
        tail = self.tail()
        dated = any(name == b"date" for name, _ in fields)
        return tail[tail.index(b"\r\n") + 2 :] if dated else tail

    async def _switch(self, reply: Reply, far: Far) -> None:
        """RFC 9110 §7.8: what follows is not HTTP any more."""
        try:
            granted = b", ".join(value for name, value in reply.fields if name == b"upgrade")
            lines = self._lines(101, reply.reason, reply.fields, granted or self._protocols)
            self.outlet.write(lines, b"\r\n")
        except BaseException:
            await far.aclose()
            raise
        self.takeover = lambda transport, early: self.tunnel(transport, early, far, 101)


class _Pieces:
    """The client's body as it comes. ProtocolError when it is broken, ConnectionResetError when it is cut off."""

    def __init__(self, body: IncomingBody) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._body.read()
        if not piece:
            raise StopAsyncIteration
        return piece
