"""The one HTTP client: HTTP/1.1 requests over any dialer, with pooled connections and bounded patience.

`app` builds it and hands it to `index` as `index.base.HttpClient`. It knows nothing of proxies: those are dialers. It
never sends credentials to another origin than the one they were given for, and never prints them.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from pipway.dial.base import Dialer, Stream, Target
from pipway.dial.failures import broken_connection, connect_timeout
from pipway.dial.onward import Outgoing, Passed
from pipway.dial.origin_login import OriginLogin, OriginLogins
from pipway.dial.pool import Connection, Pool
from pipway.dial.response import Exchange, Response
from pipway.dial.sender import Sender
from pipway.dial.url import Origin, Url
from pipway.errors import BadUpstream, PipwayError, Unavailable, UsageError
from pipway.trace import Trace
from pipway.wire.codings import ACCEPT_ENCODING
from pipway.wire.responses import Head, ResponseReader, render_request

_REDIRECTS = frozenset({301, 302, 303, 307, 308})  # RFC 9110 §15.4; we only ever follow with GET and HEAD
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_OWN_HEADERS = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding"})
_REPEATABLE = frozenset({"GET", "HEAD"})
_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
_DRAIN = 65536  # bytes of a redirect's body worth reading to keep its connection
_DRAIN_SECONDS = 0.5
_PATIENCE = 0.5  # seconds to wait for a busy connection through a parent, before another one is logged in
_CONNECTIONS = 4  # for one request: one may die idle, and a parent may close after asking for a login


@dataclass(frozen=True, slots=True)
class Limits:
    """How long (seconds) and how much (bytes, hops) the client puts up with."""

    connect: float = 10.0  #: name and connection, then TLS
    dial: float = 0.0  #: for the dialer instead, where it has several ways to try
    first_byte: float = 30.0  #: from the request to the end of the response's head
    stall: float = 30.0  #: between two arrivals of body bytes
    head_bytes: int = 65536
    redirects: int = 10
    idle: float = 15.0  #: how long an unused connection is kept
    patience: float = 300.0  #: silence of whoever answers a request that is sent on for somebody else


class Client:
    """Conforms to `index.base.HttpClient`."""

    def __init__(
        self,
        dialer: Dialer,
        *,
        trust: Callable[[Origin], Awaitable[ssl.SSLContext]],
        limits: Limits,
        user_agent: str,
        trace: Trace,
        per_origin: int = 32,
        route: Callable[[Target], Awaitable[str]] | None = None,
        logins: OriginLogins | None = None,
    ) -> None:
        """`trust` gives the context of an https origin; `per_origin` bounds the connections to one origin.

        `route` names the way out that the dialer would take now, so that no connection outlives a change of it.
        `logins` keeps a login in a URL from being sent again once it was refused; without it nobody remembers.
        """
        self._dialer = dialer
        self._trust = trust
        self._route = route
        self._logins = logins
        self._limits = limits
        self._user_agent = user_agent
        self._trace = trace
        self._pool = Pool(self._connect, per_origin=per_origin, idle_limit=limits.idle)
        self._sender = Sender(self._take, self._not_sent_on, patience=limits.patience, head_bytes=limits.head_bytes)

    async def request(self, method: str, url: str, headers: Mapping[str, str] = {}, *, decode: bool = True) -> Response:
        """Send and wait for the response's head, following redirects of GET and HEAD.

        `decode=False` asks for identity and gives the body's bytes as they are. Userinfo in `url` becomes a Basic
        Authorization header unless `headers` has one; both stay with the origin they were given for.
        Unavailable on connect, first-byte or reset failures; BadUpstream on broken framing or redirects; UsageError;
        NoWayOut when the origin refused that login, now or before.
        """
        here = Url.parse(url)
        fields = self._fields(method, here, headers, decode=decode)
        if self._logins is None or here.authorization is None or fields.get("Authorization") != here.authorization:
            return await self._request(method, here, fields, decode=decode)
        async with self._logins.trying(here) as login:
            return await self._request(method, here, fields, decode=decode, login=login)

    async def _request(
        self, method: str, here: Url, fields: dict[str, str], *, decode: bool, login: OriginLogin | None = None
    ) -> Response:
        seen = {str(here)}
        while True:
            response = await self._send(method, here, fields, decode=decode)
            if login is not None and "Authorization" in fields:
                try:
                    await login.answered(response.status)
                except BaseException:
                    await response.aclose()
                    raise
            location = response.header("location")
            if response.status not in _REDIRECTS or location is None or method not in _REPEATABLE:
                return response
            try:
                there = self._follow(here, location, seen)
            except PipwayError as error:
                await response.abandon(error)
                raise
            await _drain(response)
            if there.origin != here.origin:
                fields = {name: value for name, value in fields.items() if name.lower() not in _SECRET_HEADERS}
            here = there

    async def exchange(self, request: Outgoing) -> Passed:
        """Send one request on for a client of the proxy, unchanged, its body as it comes.

        Waits for the head of the final answer. Nothing is followed, decoded or added but a parent's login. Refused,
        Unavailable, BadUpstream, NoWayOut, UsageError, and what the request's body raises.
        """
        url = Url.exact(request.url)
        self._emit("forward.request", url, method=request.method)
        return await self._sender.send(request, url)

    @property
    def open_connections(self) -> int:
        """How many connections are open, idle ones included."""
        return len(self._pool)

    async def aclose(self) -> None:
        """Close every connection; responses that are still being read break."""
        await self._pool.aclose()

    def _fields(self, method: str, url: Url, headers: Mapping[str, str], *, decode: bool) -> dict[str, str]:
        fields = {"User-Agent": self._user_agent, "Accept": "*/*"}
        if url.authorization is not None:
            fields["Authorization"] = url.authorization
        given = {name.lower() for name in headers}
        if own := given & _OWN_HEADERS:
            raise UsageError("bad-header", f"the client sets the header {min(own)!r} itself")
        fields = {name: value for name, value in fields.items() if name.lower() not in given}
        fields |= headers
        fields["Accept-Encoding"] = ACCEPT_ENCODING if decode else "identity"
        if method in _WITH_CONTENT:
            fields["Content-Length"] = "0"  # RFC 9110 §8.6: these methods are expected to have content
        return fields

    def _follow(self, here: Url, location: str, seen: set[str]) -> Url:
        """Where a redirect leads; BadUpstream where it must not."""
        what = f"{here.printable} redirects in a way that cannot be followed"
        try:
            there = here.join(location)
        except UsageError as error:
            raise BadUpstream("bad-redirect", what, why=error.why) from None
        if here.origin.scheme == "https" and there.origin.scheme == "http":
            raise BadUpstream("redirect-downgrade", what, why="it leads from https to unprotected http")
        if str(there) in seen:
            raise BadUpstream("redirect-loop", what, why="it leads in a circle")
        if len(seen) > self._limits.redirects:
            raise BadUpstream("too-many-redirects", what, why=f"more than {self._limits.redirects} in a row")
        seen.add(str(there))
        return there

    async def _send(self, method: str, url: Url, fields: Mapping[str, str], *, decode: bool) -> Response:
        """One request and its head; on a connection that died while idle or that a parent closed, on a new one."""
        fresh = False
        for _ in range(_CONNECTIONS):
            try:
                connection = await self._take(url, fresh=fresh)
            except PipwayError as failure:
                self._failed(url)(failure)
                raise
            began = time.monotonic()
            exchange, head, error = await self._exchange(connection, method, url, fields, fresh=fresh)
            if head is not None:
                response = await self._response(exchange, head, method, decode=decode)
                self._answered(url, method, head, time.monotonic() - began)
                return response
            fresh = True
        assert error is not None
        raise error

    async def _exchange(
        self, connection: Connection, method: str, url: Url, fields: Mapping[str, str], *, fresh: bool
    ) -> tuple[Exchange, Head | None, PipwayError | None]:
        """Ask on one connection, as often as a parent's login takes. No head: ask on a new one, or raise the error."""
        forward = connection.stream.info.forward
        # RFC 9112 §3.2.2: a proxy that forwards is given the whole address.
        target = url.target if forward is None else str(url)
        while True:
            reader = ResponseReader(method, head_bytes=self._limits.head_bytes)
            exchange = Exchange(connection, reader, url, self._failed(url))
            self._emit("upstream.request", url, method=method, reused=connection.reused)
            try:
                more = {} if forward is None else await forward.fields(method, target)
                request = render_request(method, target, url.origin.authority, [*fields.items(), *more.items()])
                refused = None if forward is None else forward.answered
                head = await exchange.head(request, self._limits.first_byte, refused)
            except BaseException as error:
                idle = not fresh and method in _REPEATABLE and connection.reused and _died_idle(error, reader)
                if idle or (isinstance(error, Unavailable) and error.code == "parent-reconnect"):
                    await connection.release(reusable=False)
                    return exchange, None, error if isinstance(error, PipwayError) else None
                await exchange.abandon(error)
                if isinstance(error, OSError):
                    raise broken_connection(str(url.origin), error) from None
                raise
            if head is not None:
                return exchange, head, None

    async def _response(self, exchange: Exchange, head: Head, method: str, *, decode: bool) -> Response:
        try:
            return Response(exchange, head, method=method, stall=self._limits.stall, decode=decode)
        except BaseException as error:
            await exchange.abandon(error)
            raise

    async def _take(self, url: Url, *, fresh: bool, once: bool = False) -> Connection:
        route = "" if self._route is None else await self._route(_target(url.origin))
        cheap = route in ("", "direct")  # to open: no login is needed
        return await self._pool.take(
            url.origin, route, fresh=fresh or (once and cheap), patience=0.0 if cheap else _PATIENCE
        )

    async def _connect(self, origin: Origin) -> Stream:
        """Dial, and speak TLS where the scheme says so, each within its limit."""
        limit = self._limits.dial or self._limits.connect
        try:
            async with asyncio.timeout(limit) as timer:
                stream = await self._dialer.dial(_target(origin))
                if origin.scheme == "http":
                    return stream
                timer.reschedule(asyncio.get_running_loop().time() + self._limits.connect)
                try:
                    return await stream.start_tls(await self._trust(origin), origin.host)
                except BaseException:
                    await stream.aclose()
                    raise
        except TimeoutError:
            raise connect_timeout(origin.target, limit) from None

    def _failed(self, url: Url) -> Callable[[PipwayError], None]:
        return lambda error: self._emit("upstream.failed", url, code=error.code)

    def _not_sent_on(self, url: Url, error: PipwayError) -> None:
        self._emit("forward.failed", url, code=error.code)

    def _answered(self, url: Url, method: str, head: Head, seconds: float) -> None:
        self._emit("upstream.response", url, method=method, status=head.status, seconds=seconds)

    def _emit(self, name: str, url: Url, **facts: object) -> None:
        self._trace.emit(name, origin=str(url.origin), target=url.path, **facts)


def _target(origin: Origin) -> Target:
    return replace(origin.target, clear=origin.scheme == "http")


def _died_idle(error: BaseException, reader: ResponseReader) -> bool:
    """Whether the connection was closed before it could carry this request (RFC 9112 §9.3.1)."""
    broken = isinstance(error, OSError) or (isinstance(error, Unavailable) and error.code == "empty-answer")
    return broken and not reader.started


async def _drain(response: Response) -> None:
    """Finish a redirect's answer if that is quick."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            await response.drain(_DRAIN)
    except (TimeoutError, PipwayError):
        await response.aclose()
