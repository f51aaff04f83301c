"""Logging in to parent proxies: which scheme, with what, and what a refusal means.

`via_http` opens one `Conversation` for each request that a parent may refuse with 407 and carries its values. Secrets
go only to parents that a person named, through `gate`, and never as Basic over a clear leg unless that was allowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

from pipway.dial.credentials.base import Credential, Credentials
from pipway.dial.gate import Attempt, Gate, scheme_name
from pipway.dial.parent import Parent
from pipway.errors import NoWayOut, PipwayError, Unavailable
from pipway.trace import Trace
from pipway.wire.auth.base import Asked, Challenge, Login, Rejected, Scheme, Unusable
from pipway.wire.auth.challenges import parse_challenges
from pipway.wire.connect import keeps_open
from pipway.wire.heads import standard_phrase
from pipway.wire.responses import Head

#: The ways to prove a credential to a parent, by name; without a credential those of single sign-on.
SchemeFactory = Callable[[Parent, Credential | None], Mapping[str, Scheme]]

_RESTARTS = 1  # times a login may begin again because the parent closed in the middle of it
_HELLO = "TlRMTVNTUAAB"  # NTLMSSP, NUL and 1 in base64: NEGOTIATE_MESSAGE, under whichever name


class Logins:
    """Everything that logging in needs, for all parents."""

    def __init__(self, *, gate: Gate, credentials: Credentials, schemes: SchemeFactory, trace: Trace) -> None:
        self.gate = gate
        self.credentials = credentials
        self.schemes = schemes
        self.trace = trace
        self._known: dict[Parent, Authenticator] = {}

    def of(self, parent: Parent) -> Authenticator:
        """The one for this parent."""
        found = self._known.get(parent)
        if found is None:
            found = self._known[parent] = Authenticator(parent, self)
        return found


class Authenticator:
    """What is known of logging in to one parent; shared by all connections to it."""

    def __init__(self, parent: Parent, logins: Logins) -> None:
        self.parent = parent
        self.gate = logins.gate
        self.trace = logins.trace
        self.offered: tuple[Challenge, ...] = ()  #: at its last refusal; empty: it has not asked for a login yet
        self.per_connection = False  #: whether the login that works holds for a whole connection
        self._old = False  # whether it was told that it speaks HTTP/1.0
        self._logins = logins
        self._credential: Credential | None = None
        self._schemes: Mapping[str, Scheme] | None = None
        self._left: set[asyncio.Task[None]] = set()

    def conversation(self, asked: Asked) -> Conversation:
        """For one request. Enter it, and leave it when the request was answered or given up."""
        return Conversation(self, asked)

    async def credential(self) -> tuple[Credential | None, Mapping[str, Scheme]]:
        """What a person stored, None for single sign-on or nothing; and the schemes made of it.

        Looked up each time, so that it may change.
        """
        if not self.parent.named:
            return None, {}
        found = await self._logins.credentials.find(self.parent)
        if self._schemes is None or found != self._credential:
            self._credential, self._schemes = found, self._logins.schemes(self.parent, found)
        return found, self._schemes

    def leave(self, login: Coroutine[Any, Any, None]) -> None:
        """Let a login that nobody waits for any more come to its end: a verdict counts all the same."""
        task = asyncio.create_task(login)
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    def noticed(self, head: Head) -> None:
        """Tell, once, of a parent that speaks HTTP/1.0."""
        if head.version == "1.0" and not self._old:
            self._old = True
            remark = "it speaks HTTP/1.0 and may not keep connections open, as NTLM and Negotiate need it"
            self.trace.emit("parent.remark", parent=self.parent.address, remark=remark)

    @property
    def offers(self) -> str:
        """For messages."""
        names = dict.fromkeys(scheme_name(challenge.scheme) for challenge in self.offered)
        return f"it offers {', '.join(names)}" if names else "it offers no login that can be read"


class Conversation:
    """The login of one request: `value` before each sending, then `refused` for a 407 or `answered` for the rest."""

    def __init__(self, authenticator: Authenticator, asked: Asked) -> None:
        self._of = authenticator
        self._asked = asked
        self._stack = AsyncExitStack()
        self._scheme: Scheme | None = None
        self._login: Login | None = None
        self._attempt: Attempt | None = None
        self._legs = 0
        self._value = ""
        self._restarts = 0
        self._unusable: dict[str, Unusable] = {}
        self._begun = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give up the login, if one is under way. May be repeated."""
        if self._login is not None:
            self._login.close()
            self._login = None
        try:
            if self._attempt is not None and self._harmless:
                await self._attempt.unsent()  # refused, let pass or cut off before anything was proven
        finally:
            await self._stack.aclose()

    async def value(self) -> str:
        """The Proxy-Authorization value to send next, empty for none. NoWayOut when nothing can be tried."""
        if not self._begun:
            self._begun = True
            if self._of.offered:  # it asked before, so begin at once and save a refusal
                await self._choose(self._of.offered, fresh=False)
        if self._attempt is not None and not self._harmless:
            await self._attempt.sending()
        return self._value

    @property
    def per_connection(self) -> bool:
        """Whether the login that is under way holds for the connection."""
        return self._scheme is not None and self._scheme.per_connection

    @property
    def logged_in(self) -> bool:
        """Whether the connection is, if what was sent last is accepted."""
        return self.per_connection and not self._harmless

    @property
    def _harmless(self) -> bool:
        """An NTLM negotiation begins with a message that holds nothing to judge (MS-NLMP §2.2.1.1)."""
        return self._value.partition(" ")[2].startswith(_HELLO)

    async def answered(self, head: Head) -> None:
        """Any status but 407: being let pass proves the secret (MS-NTHT §2.2.4), others may be a no. NoWayOut."""
        if self._attempt is not None and self._scheme is not None and not self._harmless:
            if head.status == 401 and self._says_no(head):
                raise await self._attempt.rejected(self._of.offers)
            info = head.header(b"proxy-authentication-info")
            # Only what answers CONNECT is the parent's own word: an origin could put the field into what is forwarded.
            if info is not None and self._asked.method == "CONNECT":
                self._scheme.informed(info)
            if self._lets_pass(head):
                await self._attempt.accepted()
                self._of.per_connection = self._scheme.per_connection
            else:
                await self._attempt.undecided(f"{head.status} {standard_phrase(head.status)}".strip())
        self._of.noticed(head)
        await self.aclose()

    def _lets_pass(self, head: Head) -> bool:
        """For CONNECT only a tunnel; what answers a forwarded request is the origin's word, unless that failed."""
        return head.status < (300 if self._asked.method == "CONNECT" else 500)

    def _says_no(self, head: Head) -> bool:
        """Whether a 401 comes from the parent, as tinyproxy's for a wrong password: for CONNECT, or in its realm."""
        realms = {challenge.params.get("realm") for challenge in self._of.offered} - {None}
        asked = parse_challenges(value.decode("latin-1") for name, value in head.headers if name == b"www-authenticate")
        return self._asked.method == "CONNECT" or any(challenge.params.get("realm") in realms for challenge in asked)

    async def refused(self, head: Head, *, open_still: bool) -> None:
        """A 407: prepare the next value, or raise NoWayOut. `open_still`: whether this connection goes on."""
        self._of.offered = offered = parse_challenges(
            value.decode("latin-1") for name, value in head.headers if name == b"proxy-authenticate"
        )
        self._of.noticed(head)
        if not offered:  # RFC 9110 §15.5.8 demands one: without it, nothing is sent
            raise self._no_way(
                "parent-wants-login", f"{self._parent} wants a login and does not say which", "nothing is sent to it"
            )
        if self._login is None or self._scheme is None:
            await self._choose(offered, fresh=True)
            return
        # Later than after its first message, the answer to a proof is a verdict, whatever comes with it.
        if not open_still and self.per_connection and self._legs == 1 and self._continues(offered):
            await self._again(head, offered)
            return
        try:
            await self._step(lambda login: login.send(offered))
        except Unusable as error:
            await self._give_up(error)
            await self._choose(offered, fresh=True)

    def _continues(self, offered: Sequence[Challenge]) -> bool:
        assert self._scheme is not None
        return any(challenge.scheme == self._scheme.name and challenge.token for challenge in offered)

    async def _again(self, head: Head, offered: Sequence[Challenge]) -> None:
        """It closed in the middle of a login that belongs to the connection: begin anew, once."""
        assert self._scheme is not None
        name = scheme_name(self._scheme.name)
        self._restarts += 1
        if self._restarts > _RESTARTS or head.version == "1.0":
            why = "it speaks HTTP/1.0" if head.version == "1.0" else "it does so every time"
            raise self._no_way(
                "parent-closes",
                f"{self._parent} closes the connection during the {name} login",
                f"{why}; {name} needs it open",
            )
        await self._abandon()
        await self._choose(offered, fresh=True)

    async def _choose(self, offered: Sequence[Challenge], *, fresh: bool) -> None:
        """Begin with the strongest scheme that is offered, allowed and usable."""
        credential, schemes = await self._of.credential()
        names = {challenge.scheme for challenge in offered}
        if not self._of.parent.named:
            raise self._no_way(
                "parent-not-named",
                f"{self._parent} wants a login, and nobody named it",
                "credentials go only to proxies that a person named",
                f"name it: --parent {self._of.parent.scheme}://USER@{self._parent}",
            )
        for name in self._of.parent.schemes:
            scheme = schemes.get(name)
            if name not in names or scheme is None or name in self._unusable:
                continue
            if name == "basic" and not self._asked.protected and not self._of.parent.basic_in_clear:
                self._unusable[name] = Unusable(
                    "Basic would show the password to anyone on the way", "allow it with --basic-in-clear"
                )
                continue
            try:
                await self._begin(scheme, credential, offered if fresh or not scheme.ready else ())
            except Unusable as error:
                await self._give_up(error)
            else:
                return
        raise self._nothing_left(credential)

    async def _begin(self, scheme: Scheme, credential: Credential | None, offered: Sequence[Challenge]) -> None:
        self._scheme, self._legs = scheme, 0
        who = credential or Credential(self._of.parent.user or "")
        self._attempt = await self._stack.enter_async_context(
            self._of.gate.trying(who, self._of.parent, scheme=scheme.name)
        )
        if scheme.name == "negotiate" and who.countable:
            await self._attempt.sending()  # its first step may show the password to a KDC
        self._login = scheme.login(self._asked, offered)
        await self._step(next)

    async def _step(self, advance: Callable[[Login], str]) -> None:
        """Let the login think; in a thread where that may take long. NoWayOut when it learns of a rejection."""
        login, scheme, attempt = self._login, self._scheme, self._attempt
        assert login is not None and scheme is not None and attempt is not None
        try:
            self._value = await self._in_thread(advance, login) if scheme.blocking else _advance(advance, login)
        except Rejected as error:
            raise await attempt.rejected(self._told(error)) from None
        self._legs += 1

    async def _in_thread(self, advance: Callable[[Login], str], login: Login) -> str:
        work = asyncio.ensure_future(asyncio.to_thread(_advance, advance, login))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread goes on, and a KDC may judge the password: nobody else may try it before that is known.
            assert self._attempt is not None
            self._of.leave(self._ended(work, self._attempt, self._stack))
            self._login, self._stack = None, AsyncExitStack()
            raise

    async def _ended(self, work: asyncio.Future[str], attempt: Attempt, stack: AsyncExitStack) -> None:
        with suppress(PipwayError):  # nobody is there to be told; whoever logs in next meets the same
            async with stack:
                try:
                    await work
                except Rejected as error:
                    await attempt.rejected(self._told(error))
                except Unusable:
                    pass
                await attempt.unsent()  # says nothing after a refusal

    def _told(self, error: Rejected) -> str:
        """That the password is wrong is said already; what a KDC says is news. The phrase is short of room."""
        return "; ".join([*([str(error)] if "KDC" in str(error) else []), self._of.offers])

    async def _give_up(self, error: Unusable) -> None:
        assert self._scheme is not None
        self._unusable[self._scheme.name] = error
        # A scheme that proves the secret in each request was looked at if it was sent: that is no verdict, and counts.
        if self._attempt is not None and (self.per_connection or not self._legs):
            await self._attempt.unsent()
        await self._abandon()

    async def _abandon(self) -> None:
        await self.aclose()
        self._stack = AsyncExitStack()
        self._attempt, self._scheme, self._value = None, None, ""

    @property
    def _parent(self) -> str:
        return self._of.parent.address

    def _nothing_left(self, credential: Credential | None) -> NoWayOut:
        """Why none of what it offers can be used, and what would help."""
        parent = self._of.parent
        reasons = [f"{scheme_name(name)}: {error.why}" for name, error in self._unusable.items()]
        fixes = [error.fix for error in self._unusable.values() if error.fix]
        if credential is None and not fixes:
            fixes = [f"pipway credentials add {parent.account}"]
            what = f"{parent.address} wants a login and none is stored for {parent.user or 'it'}"
        else:
            what = f"{parent.address} wants a login that cannot be given"
        return self._no_way("login-required", what, "; ".join([self._of.offers, *reasons]), "; ".join(fixes))

    def _no_way(self, code: str, what: str, why: str, fix: str = "ask its administrator") -> NoWayOut:
        self._of.trace.emit("parent.refused", parent=self._parent, code=code)
        return NoWayOut(code, what, why=why, fix=fix)


def _advance(advance: Callable[[Login], str], login: Login) -> str:
    """StopIteration must not cross a thread's future."""
    try:
        return advance(login)
    except StopIteration:
        raise Unusable("the login ended without a word") from None


class Forwarding:
    """Conforms to `base.Forward`: the logins of the requests that one connection to a parent carries."""

    def __init__(self, authenticator: Authenticator, *, channel: bytes, protected: bool) -> None:
        self._of = authenticator
        self._channel = channel
        self._protected = protected
        self._talk: Conversation | None = None
        self._let_in = False  # this connection is logged in for good
        self._lasting = False

    @property
    def lasting(self) -> bool:
        """Whether the login made here is the connection's own."""
        return self._lasting

    async def fields(self, method: str, uri: str) -> Mapping[str, str]:
        """Header fields to add to the request for `uri`. NoWayOut when no login can be tried."""
        fields = {"Proxy-Connection": "keep-alive"}
        if self._let_in:
            return fields
        if self._talk is None:
            self._talk = self._of.conversation(Asked(method, uri, self._channel, self._protected))
        try:
            value = await self._talk.value()
        except BaseException:
            await self.aclose()
            raise
        return fields | ({"Proxy-Authorization": value} if value else {})

    async def answered(self, head: Head) -> bool:
        """True when the same request must be sent again here; raises as `base.Forward` says."""
        talk = self._talk
        if head.status == 407 and talk is None:  # it forgot, or does not let us in for everything
            raise Unavailable(
                "parent-reconnect", f"{self._of.parent.address} asks a connection for a login that was logged in"
            )
        if head.status != 407 or talk is None:
            if talk is not None:
                self._let_in = talk.logged_in and head.status < 500
                self._lasting = talk.per_connection
                await talk.answered(head)
                self._talk = None
            return False
        open_still = keeps_open(head)
        try:
            await talk.refused(head, open_still=open_still)
        except BaseException:
            await self.aclose()
            raise
        if open_still:
            return True
        await self.aclose()
        raise Unavailable(
            "parent-reconnect", f"{self._of.parent.address} closed the connection after asking for a login"
        )

    async def aclose(self) -> None:
        """The connection is gone: a login under way with it."""
        if self._talk is not None:
            talk, self._talk = self._talk, None
            await talk.aclose()
