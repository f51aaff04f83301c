"""Sends a request on for a client of the proxy: takes a connection, logs in to parents, asks again where that is safe.

`http.Client.exchange` uses it. No credentials of our own go with it but a parent's login. A request is sent a second
time only where nobody can have acted on the first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

from pipway.dial.base import Forward
from pipway.dial.failures import broken_connection
from pipway.dial.onward import Greeting, Onward, Outgoing, Passed
from pipway.dial.pool import Connection
from pipway.dial.upload import Upload
from pipway.dial.url import Url
from pipway.errors import BadUpstream, PipwayError, Unavailable, UsageError
from pipway.wire.forwarding import titled
from pipway.wire.responses import Head, ResponseReader, render_request

_CONNECTIONS = 4  # for one request: one may die idle, and a parent may close after asking for a login
_REMEMBERED = 256  # origins that speak HTTP/1.0
#: RFC 9110 §9.2.2: sending one of these twice does what sending it once does.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_OWN = frozenset({b"host", b"content-length", b"transfer-encoding"})
_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
#: Logins of connections, not of requests (RFC 4559 §6, MS-NTHT): whoever had one next would pass for that user.
_OF_CONNECTIONS = (b"negotiate", b"ntlm", b"kerberos", b"nego2")


class Take(Protocol):
    """Lends a connection to a URL's origin: a new one with `fresh`, and with `once` where a new one is cheap."""

    async def __call__(self, url: Url, *, fresh: bool, once: bool) -> Connection:
        """PipwayError when none can be had."""


class Sender:
    """Sends requests on."""

    def __init__(
        self, take: Take, failed: Callable[[Url, PipwayError], None], *, patience: float, head_bytes: int
    ) -> None:
        """`failed` is told of what went wrong on the way.

        `patience`: seconds of silence before the answer's head, in its body, and for the peer to take a piece of ours.
        """
        self.patience = patience
        self.head_bytes = head_bytes
        self.failed = failed
        self._take = take
        self._old: dict[str, None] = {}

    async def send(self, request: Outgoing, url: Url) -> Passed:
        """Send to `url`, which is the request's, and wait for the answer's head. All of `http.Client.exchange`."""
        if own := {name for name, _ in request.fields} & _OWN:
            raise UsageError("bad-header", f"the client sets the header {min(own).decode()!r} itself")
        # What must not be done twice is not sent on a connection that may have died meanwhile.
        once = request.body is not None or request.method not in _IDEMPOTENT
        fresh, greet = False, request.body is not None
        problem: PipwayError | None = None
        for _ in range(_CONNECTIONS):
            connection = await self._connection(url, fresh=fresh, once=once)
            attempt = _Attempt(self, connection, url, request)
            forward = connection.stream.info.forward
            try:
                if greet and forward is not None and not connection.reused:
                    # Let in once is enough. Where no login lasts, the body gets a new connection: there are parents
                    # that close after every answer without saying so, and it would be lost in one that closes.
                    greet = not await attempt.greet(forward)
                    if greet or not forward.lasting or not connection.stream.quiet:
                        await connection.release(reusable=False)
                        raise _Again(_closed(url))
                return await attempt.run(forward)
            except _Again as again:
                problem, fresh = again.problem, True
        raise problem or BadUpstream("bad-framing", f"{url.origin} closes every connection without an answer")

    async def _connection(self, url: Url, *, fresh: bool, once: bool) -> Connection:
        try:
            return await self._take(url, fresh=fresh, once=once)
        except PipwayError as error:
            self.failed(url, error)
            raise

    def expects(self, url: Url, request: Outgoing) -> bool:
        """Whether to ask for 100 Continue: not HTTP/1.0, which would not understand (RFC 9110 §10.1.1)."""
        if not any(name == b"expect" for name, _ in request.fields):
            return False
        old = str(url.origin) in self._old
        if old and request.informed is not None:
            request.informed(100, ())
        return not old

    def learn(self, url: Url, head: Head) -> None:
        """Remember what the origin speaks."""
        origin = str(url.origin)
        if head.version != "1.0":
            self._old.pop(origin, None)
        elif len(self._old) < _REMEMBERED:
            self._old[origin] = None


class _Again(Exception):
    """Nobody can have acted on the request: send it once more, on a new connection."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.problem = error if isinstance(error, PipwayError) else None


class _Attempt:
    """One request on one connection; asked as often as a parent's login takes."""

    def __init__(self, sender: Sender, connection: Connection, url: Url, request: Outgoing) -> None:
        self._sender = sender
        self._connection = connection
        self._url = url
        self._request = request
        self._upload: Upload | None = None

    async def greet(self, forward: Forward) -> bool:
        """Log in with a question that does no harm (RFC 9110 §9.2.1): whether the parent lets us in.

        Of the same target, so that the same rules hold; squid refuses one with Max-Forwards: 0 before it asks for a
        login. It may have closed the connection after either answer.
        """
        uri = str(self._url)
        while True:
            reader = ResponseReader("OPTIONS", head_bytes=self._sender.head_bytes)
            greeting = Greeting(self._connection, reader, self._url, self._failed)
            try:
                fields = await forward.fields("OPTIONS", uri)
                question = render_request("OPTIONS", uri, self._url.origin.authority, fields.items())
                if await greeting.head(question, self._sender.patience, forward.answered) is None:
                    continue
                if not await greeting.dropped(self._sender.patience):
                    await self._connection.release(reusable=False)
                return True
            except BaseException as error:
                if _reconnect(error):
                    return False
                await self._give_up(greeting, error)

    async def run(self, forward: Forward | None) -> Passed:
        """Ask. `_Again` as its docstring says."""
        while True:
            exchange, head = await self._ask(forward)
            if head is None:
                continue
            self._sender.learn(self._url, head)
            if head.status == 407 and forward is None:  # it would make the client give its login to that server
                error = BadUpstream(
                    "proxy-login-asked", f"{self._url.origin} is no proxy, and asks for a proxy's login"
                )
                await exchange.abandon(error)
                raise error
            return Passed(exchange, head, self._sender.patience)

    async def _ask(self, forward: Forward | None) -> tuple[Onward, Head | None]:
        request, upload = self._request, None
        expects = self._sender.expects(self._url, request)
        if request.body is not None:
            framed, patience = request.length is None, self._sender.patience
            upload = Upload(request.body, framed=framed, expecting=expects, patience=patience)
        self._upload = upload
        reader = ResponseReader(
            request.method,
            head_bytes=self._sender.head_bytes,
            informed=self._informed,
            upgrade=any(name == b"upgrade" for name, _ in request.fields),
        )
        alone = any(
            name == b"authorization" and value.lower().startswith(_OF_CONNECTIONS) for name, value in request.fields
        )
        exchange = Onward(self._connection, reader, self._url, self._failed, upload, alone=alone)
        try:
            refused = None if forward is None else self._refused(forward)
            message = await self._message(forward, expects=expects)
            return exchange, await exchange.head(message, self._sender.patience, refused)
        except BaseException as error:
            if self._unseen(error, reader):
                if upload is not None:
                    await upload.stop()
                await self._connection.release(reusable=False)
                raise _Again(error) from None
            await self._give_up(exchange, error)

    async def _message(self, forward: Forward | None, *, expects: bool) -> bytes:
        request, url = self._request, self._url
        fields = [
            (titled(name).decode("ascii"), value.decode("latin-1"))
            for name, value in request.fields
            if expects or name != b"expect"
        ]
        if request.body is not None and request.length is None:
            fields.append(("Transfer-Encoding", "chunked"))
        elif request.body is not None or request.method in _WITH_CONTENT:
            fields.append(("Content-Length", str(request.length or 0)))
        if forward is None:
            # RFC 9112 §3.2.4: OPTIONS for a server as a whole has no path.
            target = url.target or ("*" if request.method == "OPTIONS" else "/")
        else:
            target = str(url)  # §3.2.2: a proxy that forwards is given the whole address
            fields += (await forward.fields(request.method, target)).items()
        return render_request(request.method, target, url.origin.authority, fields)

    def _informed(self, head: Head) -> None:
        if self._upload is not None:
            self._upload.continued()
        if self._request.informed is not None:
            self._request.informed(head.status, head.headers)

    def _refused(self, forward: Forward) -> Callable[[Head], Awaitable[bool]]:
        async def refused(head: Head) -> bool:
            again = await forward.answered(head)
            if again and self._upload is not None:
                raise _closed(self._url)  # the body, or the want of it, stands between the two requests
            return again

        return refused

    def _unseen(self, error: BaseException, reader: ResponseReader) -> bool:
        """Whether the same request may be sent again: the connection died idle, or a parent wants a login first."""
        upload = self._upload
        if upload is not None and (upload.begun or upload.failure is not None):
            return False
        if _reconnect(error):
            return True
        silent = isinstance(error, OSError) or (isinstance(error, Unavailable) and error.code == "empty-answer")
        idle = self._connection.reused and silent and not reader.started  # RFC 9112 §9.3.1
        return idle and self._request.method in _IDEMPOTENT

    async def _give_up(self, exchange: Onward | Greeting, error: BaseException) -> NoReturn:
        """Drop the connection and raise what the caller is to be told."""
        if self._upload is not None and error is self._upload.failure:
            await exchange.abandon()  # the client's doing
            raise error
        await exchange.abandon(error)
        if isinstance(error, OSError):
            raise broken_connection(str(self._url.origin), error) from None
        raise error

    def _failed(self, error: PipwayError) -> None:
        self._sender.failed(self._url, error)


def _reconnect(error: BaseException) -> bool:
    return isinstance(error, Unavailable) and error.code == "parent-reconnect"


def _closed(url: Url) -> Unavailable:
    return Unavailable(
        "parent-reconnect",
        f"the parent proxy asked for a login again while a request to {url.origin} was sent",
        fix="send it again",
        retry_after=1,
    )
