"""Through a SOCKS proxy: 4, 4a, 5 (names looked up here) and 5h (names given to the proxy).

A dialer around a dialer; the handshakes are `wire.socks4` and `wire.socks5`. Passwords go through `gate`, so that a
refused one is never sent again.
"""

from __future__ import annotations

import ipaddress
from contextlib import AsyncExitStack
from dataclasses import replace

from pipway.dial.base import Dialer, Stream, Target
from pipway.dial.credentials.base import Credentials
from pipway.dial.direct import Resolver, system_addresses
from pipway.dial.early import with_early
from pipway.dial.failures import broken_connection, connect_failure
from pipway.dial.gate import Attempt, Gate
from pipway.dial.parent import Parent
from pipway.errors import BadUpstream, NoWayOut, PipwayError, Unavailable
from pipway.trace import Trace
from pipway.wire import socks4, socks5
from pipway.wire.auth.base import Rejected
from pipway.wire.socks5 import Handshake

_LOCAL_NAMES = ("socks4", "socks5")
_ADDRESSES = 4  # of a name that is looked up here; more are not tried
_REPLY = 4096  # bytes of one read during a handshake


class ViaSocks:
    """Conforms to `base.Dialer`."""

    def __init__(
        self,
        parent: Parent,
        inner: Dialer,
        *,
        gate: Gate,
        credentials: Credentials,
        trace: Trace,
        resolve: Resolver = system_addresses,
    ) -> None:
        """`resolve` is asked only for socks4:// and socks5://; the others never look a name up here."""
        self._parent = parent
        self._inner = inner
        self._gate = gate
        self._credentials = credentials
        self._trace = trace
        self._resolve = resolve

    async def dial(self, target: Target) -> Stream:
        """A tunnel. NoWayOut, Unavailable, BadUpstream."""
        failure: PipwayError | None = None
        for host in await self._hosts(target):
            try:
                return await self._dial(host, target)
            except Unavailable as error:
                if isinstance(error, NoWayOut):
                    raise
                failure = error
        assert failure is not None  # there is at least one host
        raise failure

    async def _hosts(self, target: Target) -> list[str]:
        """What the proxy is asked for: the name, or the addresses of it."""
        if self._parent.scheme not in _LOCAL_NAMES:
            return [target.host]
        try:
            found = await self._resolve(target)
        except OSError as error:
            failure = connect_failure(target, error)
            failure.fix = f"{self._parent.scheme}h://" if self._parent.scheme == "socks5" else "socks4a://"
            failure.fix = f"write the proxy as {failure.fix} to let it look names up"
            raise failure from None
        hosts = list(dict.fromkeys(str(address[3][0]) for address in found))
        if self._parent.scheme == "socks4":
            hosts = [host for host in hosts if ipaddress.ip_address(host).version == 4] or hosts
        return hosts[:_ADDRESSES]

    async def _dial(self, host: str, target: Target) -> Stream:
        stream = await self._inner.dial(self._parent.target)
        try:
            async with AsyncExitStack() as stack:
                attempt, handshake = await self._handshake(host, target.port, stack)
                early = await self._shake(stream, handshake, attempt)
                if attempt is not None:
                    await attempt.accepted()
        except BaseException:
            await stream.aclose()
            raise
        self._trace.emit("parent.connected", parent=self._parent.address, tls="")
        stream.info = replace(stream.info, hops=(*stream.info.hops, str(self._parent)))
        return with_early(stream, early)

    async def _handshake(self, host: str, port: int, stack: AsyncExitStack) -> tuple[Attempt | None, Handshake]:
        parent = self._parent
        if parent.scheme in ("socks4", "socks4a"):
            return None, socks4.connect(host, port, user=parent.user or "")
        found = await self._credentials.find(parent) if parent.named else None
        if found is None or found.password is None:
            return None, socks5.connect(host, port)
        attempt = await stack.enter_async_context(self._gate.trying(found, parent, scheme="socks5"))
        return attempt, socks5.connect(host, port, login=(found.user, found.password))

    async def _shake(self, stream: Stream, handshake: Handshake, attempt: Attempt | None) -> bytes:
        """Carry the handshake's bytes; give those that came too early."""
        try:
            data = next(handshake)
            while True:
                if data:
                    if attempt is not None and data[:1] == b"\x01":  # RFC 1929 §2: the password is in this one
                        await attempt.sending()
                    await stream.write(data)
                received = await stream.read(_REPLY)
                if not received:
                    raise Unavailable(
                        "parent-silent",
                        f"{self._parent.address} closed the connection in the middle of the SOCKS handshake",
                        why="it may not be a SOCKS proxy of this version, or it refuses us",
                        fix="check its port and version (socks4a://, socks5h://)",
                    )
                data = handshake.send(received)
        except StopIteration as done:
            return bytes(done.value)
        except Rejected as error:
            assert attempt is not None  # only a login can be rejected
            raise await attempt.rejected(str(error)) from None
        except OSError as error:
            raise broken_connection(self._parent.address, error) from None
        except (Unavailable, BadUpstream) as error:
            if attempt is not None and error.code != "parent-silent":
                await attempt.undecided()
            self._trace.emit("parent.refused", parent=self._parent.address, code=error.code)
            raise self._explained(error) from None

    def _explained(self, error: PipwayError) -> PipwayError:
        if isinstance(error, NoWayOut) and error.code == "login-required":
            url = self._parent.url if self._parent.user else f"{self._parent.scheme}://USER@{self._parent.address}"
            error.what = f"{self._parent.address} wants a login and none is stored"
            error.fix = error.fix or f"pipway credentials add {url}"
        return error
