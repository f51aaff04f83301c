"""Through an HTTP proxy: CONNECT for a tunnel, or a connection that takes absolute-form requests.

A dialer around a dialer, for http:// and https:// parents. Names are never looked up here: the parent does that
(whoever sits behind one often cannot). Logins are `login`'s business.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace

from pipway.dial.base import Dialer, Stream, Target
from pipway.dial.early import Around, with_early
from pipway.dial.failures import broken_connection, parent_unreachable
from pipway.dial.login import Authenticator, Conversation, Forwarding
from pipway.dial.negotiate.channel import channel_binding
from pipway.dial.parent import Parent
from pipway.dial.spare import Spares
from pipway.errors import NoWayOut, Unavailable
from pipway.trace import Trace
from pipway.wire.auth.base import Asked
from pipway.wire.connect import Answer, ConnectReader, render_connect
from pipway.wire.heads import phrase
from pipway.wire.responses import End, Head, ResponseReader, render_request

_CONNECTIONS = 4  # for one dial: a parent may close after its first refusal, and once in the middle of a login
_GREETING = 65536  # bytes of a parent's page about itself
_LEGS = 4  # requests for one login ahead
_CUT = ("parent-silent", "connection-reset")  # what one that waited too long ends with
_ROUNDS = 12  # requests for one dial, whatever the parent answers


class ViaHttp:
    """Conforms to `base.Dialer`."""

    def __init__(
        self,
        parent: Parent,
        inner: Dialer,
        *,
        login: Authenticator,
        trust: Callable[[], Awaitable[ssl.SSLContext]],
        trace: Trace,
        spares: Spares | None = None,
        via: str = "",
    ) -> None:
        """`trust` gives the context of the TLS leg to an https:// parent, never that of what runs inside a tunnel.

        `spares` keeps connections that are logged in ahead; without it there are none. `via` is what our requests call
        us: who has himself as parent sees it.
        """
        self._parent = parent
        self._inner = inner
        self._login = login
        self._trust = trust
        self._trace = trace
        self._spares = spares
        self._fields = [("Via", f"1.1 {via}")] if via else []  # RFC 9110 §7.6.3
        self._bare = (self, "bare")  # connections that nobody logged in, where each request is

    async def dial(self, target: Target) -> Stream:
        """A tunnel, or for clear HTTP a connection whose `info.forward` is set. NoWayOut, Unavailable, BadUpstream."""
        if target.clear:
            return await self._forwarding()
        tunnel = await self._by_spare(target) or await self._by_login(target)
        if self._spares is not None:
            if self._login.per_connection:
                self._spares.used(self, self._ahead)
            else:
                self._spares.used(self._bare, self._connect)
        return tunnel

    async def _by_login(self, target: Target) -> Stream:
        spare = None if self._spares is None else await self._spares.take(self._bare)
        if spare is not None:
            try:
                return await self._log_in_on(spare, target)
            except Unavailable as error:
                if error.code not in _CUT:
                    raise
        return await self._log_in_on(await self._connect(), target)

    async def _log_in_on(self, stream: Stream, target: Target) -> Stream:
        try:
            async with self._login.conversation(self._asked(stream, "CONNECT", str(target))) as talk:
                return await self._tunnel(stream, target, talk)
        except BaseException:
            await stream.aclose()
            raise

    async def _by_spare(self, target: Target) -> Stream | None:
        """On a connection that is logged in already. None when there is none, or it is not any more."""
        stream = None if self._spares is None else await self._spares.take(self)
        if stream is None:
            return None
        try:
            answer = await self._ask(stream, target, "")
        except Unavailable:  # closed while it waited
            await stream.aclose()
            return None
        except BaseException:
            await stream.aclose()
            raise
        if answer.tunnel:
            return self._opened(stream, answer)
        await stream.aclose()
        if answer.head.status != 407:
            raise self._refusal(target, answer.head)
        assert self._spares is not None
        self._spares.useless(self)
        return None

    async def _ahead(self) -> Stream | None:
        """For `Spares`: log in by asking the parent for itself, which troubles nobody else."""
        url = f"http://{self._parent.target}/"
        stream = await self._connect()
        try:
            async with self._login.conversation(self._asked(stream, "GET", url)) as talk:
                for _ in range(_LEGS):
                    head, open_still = await self._greet(stream, url, await talk.value())
                    if not open_still:
                        break
                    if head.status != 407:
                        logged_in = talk.logged_in
                        await talk.answered(head)
                        if logged_in:
                            return stream
                        break
                    await talk.refused(head, open_still=True)
        except BaseException:
            await stream.aclose()
            raise
        await stream.aclose()
        return None

    async def _greet(self, stream: Stream, url: str, value: str) -> tuple[Head, bool]:
        """Ask the parent for its own address: the answer's head, and whether the connection goes on."""
        fields = [("Proxy-Connection", "keep-alive"), *([("Proxy-Authorization", value)] if value else [])]
        # GET: there are proxies that do not take HEAD in a login (cntlm knows of an ISA).
        await stream.write(render_request("GET", url, str(self._parent.target), fields))
        reader, head, dropped = ResponseReader("GET"), None, 0
        while True:
            data = await stream.read()
            for event in reader.feed(data) if data else reader.eof():
                if isinstance(event, Head):
                    head = event
                elif head is not None and isinstance(event, End):
                    return head, event.reusable and stream.quiet
            dropped += len(data)
            if head is not None and dropped > _GREETING:
                return head, False

    async def _connect(self) -> Stream:
        """A connection to the parent, with TLS where its URL says so."""
        try:
            stream = await self._inner.dial(self._parent.target)
        except Unavailable as error:
            if isinstance(error, NoWayOut):
                raise
            raise parent_unreachable(self._parent.address, error) from None
        try:
            if self._parent.scheme == "https":
                stream = await stream.start_tls(await self._trust(), self._parent.host)
        except BaseException:
            await stream.aclose()
            raise
        self._trace.emit("parent.connected", parent=self._parent.address, tls=stream.info.tls or "")
        return stream

    def _asked(self, stream: Stream, method: str, uri: str) -> Asked:
        return Asked(method, uri, self._channel(stream), self._parent.scheme == "https")

    def _channel(self, stream: Stream) -> bytes:
        """What binds a login to the TLS leg (RFC 5929 §4); nothing on a clear leg."""
        certificate = stream.info.certificate
        return channel_binding(certificate) if self._parent.scheme == "https" and certificate else b""

    async def _forwarding(self) -> Stream:
        stream = await self._connect()
        forward = Forwarding(self._login, channel=self._channel(stream), protected=self._parent.scheme == "https")
        info = replace(stream.info, hops=(*stream.info.hops, str(self._parent)), forward=forward)
        return Around(stream, info, forward.aclose)

    async def _tunnel(self, stream: Stream, target: Target, talk: Conversation) -> Stream:
        connections = 1
        try:
            for _ in range(_ROUNDS):
                value = await talk.value()
                answer = await self._ask(stream, target, value)
                if answer.tunnel:
                    await talk.answered(answer.head)
                    return self._opened(stream, answer)
                if answer.head.status != 407:
                    await talk.answered(answer.head)
                    raise self._refusal(target, answer.head)
                await talk.refused(answer.head, open_still=answer.reusable)
                # Some close without having said so: seen here before a secret is sent into the void.
                if not answer.reusable or not stream.quiet:
                    await stream.aclose()
                    connections += 1
                    if connections > _CONNECTIONS:
                        break
                    stream = await self._connect()
        except BaseException:
            await stream.aclose()
            raise
        await stream.aclose()
        raise NoWayOut("login-loop", f"{self._parent.address} asks for a login again and again", why=self._login.offers)

    def _opened(self, stream: Stream, answer: Answer) -> Stream:
        hops = (*stream.info.hops, str(self._parent))
        stream.info = replace(stream.info, hops=hops, tls=None, alpn=None, certificate=None)
        return with_early(stream, answer.early)

    async def _ask(self, stream: Stream, target: Target, value: str) -> Answer:
        login = [("Proxy-Authorization", value)] if value else []
        request = render_connect(str(target), [*self._fields, *login])
        reader = ConnectReader()
        try:
            await stream.write(request)
            answer: Answer | None = None
            while answer is None:
                data = await stream.read()
                answer = reader.feed(data) if data else reader.eof()
        except OSError as error:
            raise broken_connection(self._parent.address, error) from None
        except Unavailable as error:
            raise Unavailable(
                "parent-silent",
                f"{self._parent.address} closed the connection instead of answering CONNECT",
                why=error.what,
                fix="check that an HTTP proxy listens there; a SOCKS proxy is socks5h://, one with TLS https://",
            ) from None
        return answer

    def _refusal(self, target: Target, head: Head) -> NoWayOut | Unavailable:
        """An answer that is neither a tunnel nor a question. Another parent may do better with either."""
        said = phrase(f"{head.status} {head.reason}")
        self._trace.emit("parent.refused", parent=self._parent.address, code=f"status-{head.status}")
        if head.status >= 500:
            return Unavailable(
                "parent-failed",
                f"{self._parent.address} could not connect to {target} ({said})",
                why="the proxy works, and cannot reach or look up that host",
                fix="check the host name, and the proxy's own way out",
                retry_after=5,
            )
        return NoWayOut(
            "parent-forbids",
            f"{self._parent.address} does not let us connect to {target} ({said})",
            why="its rules forbid that host or port, or want something else first",
            fix="ask its administrator, or choose another way with a route",
        )
