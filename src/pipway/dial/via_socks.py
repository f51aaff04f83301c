"""Through a SOCKS proxy: versions 4, 4a, 5 with names looked up here, and 5h where the proxy looks them up.

A dialer around a dialer. The handshakes are `wire.socks4` and `wire.socks5`; this carries their bytes, lets a password
pass only through `gate`, and says which proxy refused what. It never looks a name up for socks4a and socks5h:
whoever sits behind a proxy often cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from pipway.dial.base import Dialer, Stream, Target
from pipway.dial.credentials.base import Credential, Credentials
from pipway.dial.direct import Resolver, Rule, interleave, permitted, system_addresses
from pipway.dial.early import with_early
from pipway.dial.failures import broken_connection, connect_failure
from pipway.dial.gate import Attempt, Gate
from pipway.dial.parent import Parent
from pipway.errors import BadUpstream, NoWayOut, PipwayError, Unavailable
from pipway.trace import Trace
from pipway.wire import socks4, socks5
from pipway.wire.auth.base import Rejected
from pipway.wire.socks5 import LOGIN_VERSION, Handshake

_SCHEME = "socks5"  # of the login, for the gate
_MAX_ADDRESSES = 4  # of one name; each costs a connection to the proxy
_PIECE = 4096  # bytes; a handshake is shorter, so what is more came early
_LOCAL_NAMES = {"socks4": "socks4a", "socks5": "socks5h"}  #: and what would let the proxy look them up

#: What a person can do about a reply.
_FIXES = {
    "parent-failed": "check host and port; the proxy's log says more",
    "parent-forbids": "ask its administrator, or choose another way with a route",
    "network-unreachable": "check the proxy's own way out",
    "host-unreachable": "check the host name, and the proxy's own name servers",
    "connection-refused": "check host and port",
    "connect-timeout": "check host and port, and the proxy's own way out",
    "parent-unsupported": "use another kind of proxy, or socks5h://",
}


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
        allow: Rule | None = None,
    ) -> None:
        """`resolve` looks names up for the schemes socks4 and socks5; `allow` judges what they lead to."""
        self._parent = parent
        self._inner = inner
        self._gate = gate
        self._credentials = credentials
        self._trace = trace
        self._resolve = resolve
        self._allow = allow

    async def dial(self, target: Target) -> Stream:
        """Open a tunnel. NoWayOut, Unavailable or BadUpstream naming the proxy; UsageError for an impossible name."""
        hosts = await self._hosts(target)
        for host in hosts[:-1]:
            try:
                return await self._through(target, host)
            except _Reply:
                continue  # that address is no good from there; the name has others
        return await self._through(target, hosts[-1])

    async def _hosts(self, target: Target) -> Sequence[str]:
        """What the proxy is asked for: the name, or its addresses where the scheme takes those only."""
        other = _LOCAL_NAMES.get(self._parent.scheme)
        if other is None:
            return [target.host]
        fix = f"write the proxy as {other}://, and it looks names up itself"
        try:
            found = interleave(permitted(target, await self._resolve(target), self._allow))
        except OSError as error:
            failure = connect_failure(target, error)
            failure.fix = fix
            raise failure from None
        hosts = list(dict.fromkeys(str(address[3][0]).partition("%")[0] for address in found))
        if self._parent.scheme == "socks4":
            hosts = [host for host in hosts if ":" not in host]
        if not hosts:
            why = "SOCKS 4 takes IPv4 addresses only" if found else "the name server knows none"
            fix = "use socks5h:// if the proxy can" if found else fix
            raise Unavailable("name-not-found", f"there is no usable address of {target.host}", why=why, fix=fix)
        return hosts[:_MAX_ADDRESSES]

    async def _through(self, target: Target, host: str) -> Stream:
        """One connection to the proxy, one request."""
        credential = await self._credential()
        stream = await self._inner.dial(self._parent.target)
        try:
            self._trace.emit("parent.connected", parent=self._parent.address, tls="")
            async with AsyncExitStack() as stack:
                early = await _Talk(self._parent, self._gate, credential, stack).carry(
                    stream, self._handshake(host, target.port, credential)
                )
        except PipwayError as error:
            await stream.aclose()
            raise self._told(self._named(error, target, credential)) from None
        except OSError as error:
            await stream.aclose()
            raise self._told(broken_connection(self._parent.address, error)) from None
        except BaseException:
            await stream.aclose()
            raise
        stream.info = replace(stream.info, hops=(*stream.info.hops, str(self._parent)))
        return with_early(stream, early)

    def _handshake(self, host: str, port: int, credential: Credential | None) -> Handshake:
        if self._parent.scheme in ("socks4", "socks4a"):
            user = self._parent.user if self._parent.named and self._parent.user else ""
            return socks4.connect(host, port, user=user, names=self._parent.scheme == "socks4a")
        login = (credential.user, credential.password) if credential and credential.password is not None else None
        return socks5.connect(host, port, login=login)

    async def _credential(self) -> Credential | None:
        """Only for a proxy that a person named, and only for SOCKS 5: version 4 knows no password."""
        if not self._parent.named or not self._parent.scheme.startswith("socks5"):
            return None
        return await self._credentials.find(self._parent)

    def _told(self, error: PipwayError) -> PipwayError:
        self._trace.emit("parent.refused", parent=self._parent.address, code=error.code)
        return error

    def _named(self, error: PipwayError, target: Target, credential: Credential | None) -> PipwayError:
        """The same error, saying which proxy and what to do."""
        address = self._parent.address
        if error.code == "login-required":
            return self._login_required(error, credential)
        if type(error) is Unavailable and error.code in _FIXES:
            return _Reply(error.code, f"{address} cannot connect to {target}", why=error.why, fix=_FIXES[error.code])
        if isinstance(error, BadUpstream):  # another parent may do better
            what = error.what.replace("the SOCKS proxy", address).replace("the proxy", address)
            return Unavailable(error.code, what, why=error.why, fix=error.fix or "check its port and scheme")
        return error

    def _login_required(self, error: PipwayError, credential: Credential | None) -> NoWayOut:
        parent = self._parent
        why = error.why
        if not parent.named:
            why = "credentials go only to proxies that a person named"
            fix = f"name it: --parent {parent.scheme}://USER@{parent.address}"
        elif credential is None:
            why = f"no password is stored for {parent.user or 'it'}"
            fix = f"pipway credentials add {parent.account}"
        elif credential.password is None:
            why, fix = (
                "SOCKS needs the password, and only its NT hash is stored",
                f"pipway credentials add {parent.account}",
            )
        else:
            fix = "SOCKS with GSSAPI is not supported: ask its administrator for user and password"
        return NoWayOut(error.code, f"{parent.address} wants a login", why=why, fix=fix)


class _Reply(Unavailable):
    """The proxy works and could not connect: another address of the same name may do."""


class _Talk:
    """One handshake: carries its bytes, and stops at the gate before a password leaves."""

    def __init__(self, parent: Parent, gate: Gate, credential: Credential | None, stack: AsyncExitStack) -> None:
        self._parent = parent
        self._gate = gate
        self._credential = credential
        self._stack = stack
        self._attempt: Attempt | None = None

    async def carry(self, stream: Stream, handshake: Handshake) -> bytes:
        """Give the early bytes. Raises what the handshake does, NoWayOut for a refused login, OSError."""
        try:
            data = next(handshake)
            while True:
                if data:
                    await self._before(data)
                    await stream.write(data)
                received = await stream.read(_PIECE)
                if not received:
                    raise self._silent()
                data = handshake.send(received)
        except StopIteration as done:
            early: bytes = done.value
            return early
        except Rejected as error:
            assert self._attempt is not None
            raise await self._attempt.rejected(str(error)) from None
        finally:
            handshake.close()

    async def _before(self, data: bytes) -> None:
        """The gate, entered only by those whose password is wanted, and left as soon as it is judged."""
        if data[:1] == bytes([LOGIN_VERSION]) and self._credential is not None:
            self._attempt = await self._stack.enter_async_context(
                self._gate.trying(self._credential, self._parent, scheme=_SCHEME)
            )
            await self._attempt.sending()
        elif self._attempt is not None:  # the request follows: the login was accepted
            await self._attempt.accepted()
            await self._stack.aclose()

    def _silent(self) -> Unavailable:
        return Unavailable(
            "parent-silent",
            f"{self._parent.address} closed the connection in the middle of the SOCKS handshake",
            why="it does not speak this version of SOCKS, or does not let this machine in",
            fix="check its port and scheme (socks5h://, socks4a://, http://)",
        )
