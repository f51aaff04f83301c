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
from pipway.errors import NoWayOut, Unavailable
from pipway.trace import Trace
from pipway.wire.auth.base import Asked
from pipway.wire.connect import Answer, ConnectReader, render_connect
from pipway.wire.heads import phrase
from pipway.wire.responses import Head

_CONNECTIONS = 4  # for one dial: a parent may close after its first refusal, and once in the middle of a login
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
    ) -> None:
        """`trust` gives the context of the TLS leg to an https:// parent, never that of what runs inside a tunnel."""
        self._parent = parent
        self._inner = inner
        self._login = login
        self._trust = trust
        self._trace = trace

    async def dial(self, target: Target) -> Stream:
        """A tunnel, or for clear HTTP a connection whose `info.forward` is set. NoWayOut, Unavailable, BadUpstream."""
        if target.clear:
            return await self._forwarding()
        stream = await self._connect()
        try:
            asked = Asked("CONNECT", str(target), await self._channel(stream), self._parent.scheme == "https")
            async with self._login.conversation(asked) as talk:
                return await self._tunnel(stream, target, talk)
        except BaseException:
            await stream.aclose()
            raise

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

    async def _channel(self, stream: Stream) -> bytes:
        """What binds a login to the TLS leg (RFC 5929 §4); nothing on a clear leg."""
        certificate = stream.info.certificate
        return channel_binding(certificate) if self._parent.scheme == "https" and certificate else b""

    async def _forwarding(self) -> Stream:
        stream = await self._connect()
        forward = Forwarding(self._login, channel=await self._channel(stream), protected=self._parent.scheme == "https")
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
                    stream.info = replace(
                        stream.info, hops=(*stream.info.hops, str(self._parent)), tls=None, alpn=None, certificate=None
                    )
                    return with_early(stream, answer.early)
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

    async def _ask(self, stream: Stream, target: Target, value: str) -> Answer:
        request = render_connect(str(target), [("Proxy-Authorization", value)] if value else [])
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
