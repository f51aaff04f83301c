"""Never locks an account: decides whether a secret may be sent, and remembers what came of it.

`login` and `via_socks` go through it before every logon. The first logon with a secret is made alone, everybody else
waits for its outcome; a refused one is never sent again, by no connection, process or restart, until it changes or a
person says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from pipway.dial.credentials.base import Credential
from pipway.dial.parent import Parent
from pipway.dial.rejections import Entry, Rejections
from pipway.errors import NoWayOut
from pipway.trace import Trace
from pipway.wire.auth.base import SCHEMES

_UNANSWERED = 2  # times a secret may be sent without hearing of it; then it rests
#: Seconds it then rests, longer each time: a hanging target looks the same as a parent that says no by silence, and
#: directories forget failed logons within half an hour.
_RESTS = (120.0, 600.0, 1800.0)
_FRESH = (
    60.0  # seconds that a success stands for; then the next logon is single again, as the password may have changed
)
_TICKET_REST = 10.0  # seconds until a refused ticket is shown again: it cannot lock anything, but it is no use either
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Standing:
    """How a user stands with a parent, for /health and the command line."""

    user: str
    parent: str
    scheme: str
    state: str  #: proven, rejected, unanswered
    why: str = ""


class Attempt:
    """One logon. Call `sending` before the secret leaves, then `accepted` or `rejected`; neither: nothing is known."""

    def __init__(self, gate: Gate, key: str, credential: Credential, parent: Parent, scheme: str) -> None:
        self._gate = gate
        self._key = key
        self._credential = credential
        self._parent = parent
        self.scheme = scheme
        self._sent = False

    async def sending(self) -> None:
        """Note that the secret is about to be sent."""
        if not self._sent:
            self._sent = True
            await self._gate._sending(self._key, self._credential, self._parent, self.scheme)

    async def accepted(self) -> None:
        """It was right."""
        await self._gate._accepted(self._key, self._credential, self._parent, self.scheme)

    async def undecided(self) -> None:
        """It was answered, and nobody judged the secret."""
        await self._gate._undecided(self._key, self._credential)

    async def rejected(self, why: str) -> NoWayOut:
        """It was refused: remembered before this returns. Gives the error to raise."""
        return await self._gate._rejected(self._key, self._credential, self._parent, self.scheme, why)


class Gate:
    """One for the process."""

    def __init__(self, memory: Rejections, *, trace: Trace, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        self._memory = memory
        self._trace = trace
        self._clock = clock
        self._keys: dict[tuple[Credential, bytes], str] = {}
        self._hashing = asyncio.Lock()
        self._proven: dict[str, Standing] = {}
        self._last_success: dict[str, float] = {}
        self._first: dict[str, asyncio.Lock] = {}
        self._resting: dict[str, tuple[float, NoWayOut]] = {}

    @contextlib.asynccontextmanager
    async def trying(self, credential: Credential, parent: Parent, *, scheme: str) -> AsyncIterator[Attempt]:
        """Enter to log on. NoWayOut ("credential-rejected") when this secret must not be sent."""
        key = await self._key(credential)
        attempt = Attempt(self, key, credential, parent, scheme)
        self._check(key, parent)
        if self._fresh(key) or not credential.secret:
            yield attempt
            return
        async with self._first.setdefault(key, asyncio.Lock()):
            self._check(key, parent)
            proven = self._fresh(key)
            if not proven:
                async with self._alone(key):
                    self._check(key, parent)
                    yield attempt
        if proven:
            yield attempt

    def state(self) -> list[Standing]:
        """Every user that was proven or refused."""
        refused = [
            Standing(entry.user, entry.parent, entry.scheme, _STATES[entry.state], entry.why)
            for entry in self._memory.entries()
        ]
        return [*self._proven.values(), *refused]

    def forget(self, user: str | None = None) -> int:
        """A person says that a refused credential may be tried again."""
        self._resting.clear()
        return self._memory.forget(user)

    async def _key(self, credential: Credential) -> str:
        if not credential.secret:
            return f"{credential.user}|{credential.keytab or ''}"
        known = self._keys.get((credential, self._memory.salt())) if self._keys else None
        if known is not None:
            return known
        async with self._hashing:  # it is slow on purpose: many who come at once wait for one
            salt = await asyncio.to_thread(self._memory.salt)
            key = self._keys.get((credential, salt))
            if key is None:
                key = await asyncio.to_thread(credential.fingerprint, salt)
                self._keys[credential, salt] = key
            return key

    def _fresh(self, key: str) -> bool:
        """Whether the secret was right a moment ago, so that many may use it at once."""
        return key in self._proven and self._clock() < self._last_success[key] + _FRESH

    def _check(self, key: str, parent: Parent) -> None:
        resting = self._resting.get(f"{key}@{parent.address}")
        if resting is not None and self._clock() < resting[0]:
            raise resting[1]
        entry = self._memory.find(key)
        if entry is None:
            return
        if entry.state == "rejected":
            self._proven.pop(key, None)
            raise rejected_error(entry, parent)
        if entry.tries >= _UNANSWERED and self._clock() < entry.when + _rest(entry) and not self._fresh(key):
            raise unanswered_error(entry, parent)

    @contextlib.asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """Among all processes, too."""
        while True:
            with self._memory.first(key) as got:
                if got:
                    yield
                    return
            await asyncio.sleep(_POLL)

    async def _sending(self, key: str, credential: Credential, parent: Parent, scheme: str) -> None:
        self._trace.emit("login.tried", parent=parent.address, user=credential.user, scheme=scheme)
        if credential.secret and not self._fresh(key):
            await asyncio.to_thread(self._memory.sent, key, credential.user, parent.address, scheme)

    async def _accepted(self, key: str, credential: Credential, parent: Parent, scheme: str) -> None:
        fresh, known = self._fresh(key), key in self._proven
        self._last_success[key] = self._clock()
        self._proven[key] = Standing(credential.user, parent.address, scheme, "proven")
        if not known:
            self._trace.emit("login.accepted", parent=parent.address, user=credential.user, scheme=scheme)
        if credential.secret and not fresh:
            await asyncio.to_thread(self._memory.settle, key)

    async def _undecided(self, key: str, credential: Credential) -> None:
        if credential.secret and not self._fresh(key):
            await asyncio.to_thread(self._memory.settle, key)

    async def _rejected(self, key: str, credential: Credential, parent: Parent, scheme: str, why: str) -> NoWayOut:
        self._proven.pop(key, None)
        entry = Entry(credential.user, parent.address, scheme, "rejected", self._clock(), why)
        if credential.secret:
            await _to_its_end(asyncio.to_thread(self._memory.reject, key, entry.user, entry.parent, scheme, why))
        error = rejected_error(entry, parent)
        if not credential.secret:
            self._resting[f"{key}@{parent.address}"] = (self._clock() + _TICKET_REST, error)
        self._trace.emit("login.rejected", parent=parent.address, user=credential.user, scheme=scheme, why=why)
        return error


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Let a cancelled caller go only when it is done: the next one in line must find what it notes."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


_STATES = {"rejected": "rejected", "trying": "unanswered"}
_NAMES = {**SCHEMES, "socks5": "SOCKS 5"}


def scheme_name(scheme: str) -> str:
    """As people write it."""
    return _NAMES.get(scheme, scheme)


def rejected_error(entry: Entry, parent: Parent) -> NoWayOut:
    """What everybody hears who wants to use a refused credential."""
    who = entry.user or "the ticket"
    return NoWayOut(
        "credential-rejected",
        f"{who} was rejected by {entry.parent} ({scheme_name(entry.scheme)})",
        why=entry.why,
        fix=f"pipway credentials rotate {parent.account}" if entry.user else "renew the ticket with kinit",
    )


def _rest(entry: Entry) -> float:
    return _RESTS[min(entry.tries - _UNANSWERED, len(_RESTS) - 1)]


def unanswered_error(entry: Entry, parent: Parent) -> NoWayOut:
    """The secret was sent repeatedly and nobody answered: silence may be how a parent says no."""
    return NoWayOut(
        "credential-unanswered",
        f"{entry.parent} gave no answer to {entry.tries} logins of {entry.user}",
        why=f"it is not asked again for {_rest(entry) / 60:.0f} minutes, lest the account be locked",
        fix=f"pipway credentials retry {parent.account}",
    )
