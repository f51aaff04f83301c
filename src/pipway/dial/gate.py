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
from pathlib import Path
from typing import Any

from pipway.dial.credentials.base import Credential
from pipway.dial.parent import Parent
from pipway.dial.rejections import Entry, Rejections
from pipway.errors import NoWayOut
from pipway.trace import Trace
from pipway.wire.auth.base import SCHEMES

_UNANSWERED = 2  # times a secret may be sent without hearing of it; then it rests
_UNDECIDED = 4  # times one that was never right may be sent without hearing whether it is; then it rests, too
#: Seconds it then rests, each time: a hanging target looks the same as a parent that says no by silence, and
#: directories forget failed logons within half an hour.
_RESTS = (600.0, 1800.0, 1800.0)
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
    state: str  #: proven, rejected, unanswered, undecided
    why: str = ""

    def is_of(self, user: str, parent: Parent) -> bool:
        """Whether it is this user's at this parent."""
        return (self.user, self.parent) == (user, parent.address)


class Attempt:
    """One logon. Call `sending` before the secret leaves, then `accepted`, `rejected` or `undecided`; else: silence."""

    def __init__(self, gate: Gate, key: str, credential: Credential, parent: Parent, scheme: str) -> None:
        self._gate = gate
        self._key = key
        self._credential = credential
        self._parent = parent
        self.scheme = scheme
        self._sent = False
        self._before: Entry | None = None  # what was known before it was noted that the secret is sent
        self._noted = False

    async def sending(self) -> None:
        """Note that the secret is about to be sent. NoWayOut when it was refused elsewhere since `trying`."""
        self._gate._check_refused(self._key, self._credential, self._parent)
        if not self._sent:
            self._sent = True
            self._noted, self._before = await self._gate._sending(
                self._key, self._credential, self._parent, self.scheme
            )

    async def unsent(self) -> None:
        """It did not leave after all: take back what `sending` noted, and nothing that was noted before."""
        if self._noted:
            self._noted = False
            await self._gate._unsent(self._key, self._before)
        self._sent = False

    async def accepted(self) -> None:
        """It was right. Says nothing when nothing was sent."""
        if self._sent:
            await self._gate._accepted(self._key, self._credential, self._parent, self.scheme)

    async def undecided(self, said: str) -> None:
        """It was answered, and `said` (a status) does not tell whether the secret was right."""
        if self._sent:
            await self._gate._undecided(self._key, self._credential, self._parent, said)

    async def rejected(self, why: str) -> NoWayOut:
        """It was refused: remembered before this returns. Gives the error to raise."""
        return await self._gate._rejected(self._key, self._credential, self._parent, self.scheme, why)


class Gate:
    """One for the process."""

    def __init__(self, memory: Rejections, *, trace: Trace, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        self.memory = memory  #: of refusals, for all who log in
        self._trace = trace
        self._clock = clock
        self._keys: dict[tuple[Credential, bytes], str] = {}
        self._hashing = asyncio.Lock()
        #: By secret and parent: two parents may ask two directories, and what is right here may be wrong there.
        self._proven: dict[tuple[str, str], Standing] = {}
        self._last_success: dict[tuple[str, str], float] = {}
        self._first: dict[str, asyncio.Lock] = {}
        self._resting: dict[str, tuple[float, NoWayOut]] = {}

    @contextlib.asynccontextmanager
    async def trying(self, credential: Credential, parent: Parent, *, scheme: str) -> AsyncIterator[Attempt]:
        """Enter to log on. NoWayOut ("credential-rejected") when this secret must not be sent."""
        key = await self._key(credential)
        attempt = Attempt(self, key, credential, parent, scheme)
        self._check(key, credential, parent)
        if self._fresh(key, parent) or not credential.countable:
            yield attempt
            return
        async with self._first.setdefault(key, asyncio.Lock()):
            self._check(key, credential, parent)
            proven = self._fresh(key, parent)
            if not proven:
                async with self._alone(key):
                    self._check(key, credential, parent)
                    yield attempt
        if proven:
            yield attempt

    def state(self) -> list[Standing]:
        """Every user that was proven or refused."""
        refused = [
            Standing(entry.user, entry.parent, entry.scheme, _state(entry), entry.why)
            for entry in self.memory.entries()
        ]
        return [*self._proven.values(), *refused]

    def forget(self, user: str | None = None) -> int:
        """A person says that a refused credential may be tried again."""
        self._resting.clear()
        return self.memory.forget(user)

    async def _key(self, credential: Credential) -> str:
        if not credential.countable:
            return f"{credential.user}|{credential.keytab or ''}"
        known = self._keys.get((credential, self.memory.salt())) if self._keys else None
        if known is not None:
            return known
        async with self._hashing:  # it is slow on purpose: many who come at once wait for one
            salt = await asyncio.to_thread(self.memory.salt)
            key = self._keys.get((credential, salt))
            if key is None:
                key = await asyncio.to_thread(credential.fingerprint, salt)
                self._keys[credential, salt] = key
            return key

    def _fresh(self, key: str, parent: Parent) -> bool:
        """Whether the secret was right there a moment ago, so that many may use it at once."""
        known = (key, parent.address)
        return known in self._proven and 0 <= self._clock() - self._last_success[known] < _FRESH

    def _check(self, key: str, credential: Credential, parent: Parent) -> None:
        resting = self._resting.get(f"{key}@{parent.address}")
        if resting is not None and self._clock() < resting[0]:
            raise resting[1]
        entry = self._check_refused(key, credential, parent)
        rest = 0.0 if entry is None or self._fresh(key, parent) else _rest(entry)
        if entry is not None and rest and self._clock() < entry.when + rest:
            raise unjudged_error(entry, parent)

    def _check_refused(self, key: str, credential: Credential, parent: Parent) -> Entry | None:
        """What is known of it; NoWayOut when that is a refusal."""
        entry = self.memory.find(key)
        if entry is not None and entry.state == "rejected":
            self._disprove(key)
            raise rejected_error(entry, parent, keytab=credential.keytab)
        return entry

    def _disprove(self, key: str) -> None:
        for known in [known for known in self._proven if known[0] == key]:
            del self._proven[known], self._last_success[known]

    @contextlib.asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """Among all processes, too."""
        while True:
            with self.memory.first(key) as got:
                if got:
                    yield
                    return
            await asyncio.sleep(_POLL)

    async def _sending(
        self, key: str, credential: Credential, parent: Parent, scheme: str
    ) -> tuple[bool, Entry | None]:
        """Whether it was noted on disk, and what stood there before."""
        self._trace.emit("login.tried", parent=parent.address, user=credential.user, scheme=scheme)
        if not credential.countable or self._fresh(key, parent):
            return False, None
        before = await asyncio.to_thread(self.memory.sent, key, credential.user, parent.address, scheme)
        if before is not None and before.state == "rejected":  # by another process, this moment
            raise rejected_error(before, parent, keytab=credential.keytab)
        return True, before

    async def _unsent(self, key: str, before: Entry | None) -> None:
        await asyncio.to_thread(self.memory.unsent, key, before)

    async def _accepted(self, key: str, credential: Credential, parent: Parent, scheme: str) -> None:
        known = (key, parent.address)
        fresh, new = self._fresh(key, parent), known not in self._proven
        if new:  # what the user had there before is replaced
            for old in [old for old in self._proven if self._proven[old].is_of(credential.user, parent)]:
                del self._proven[old], self._last_success[old]
        self._last_success[known] = self._clock()
        self._proven[known] = Standing(credential.user, parent.address, scheme, "proven")
        if new:
            self._trace.emit("login.accepted", parent=parent.address, user=credential.user, scheme=scheme)
        if credential.countable and not fresh:
            await asyncio.to_thread(self.memory.settle, key)

    async def _undecided(self, key: str, credential: Credential, parent: Parent, said: str) -> None:
        if not credential.countable:
            return
        if (key, parent.address) in self._proven:  # it is the target's trouble, or the parent's own
            await asyncio.to_thread(self.memory.settle, key)
        else:
            await _to_its_end(asyncio.to_thread(self.memory.undecided, key, said))

    async def _rejected(self, key: str, credential: Credential, parent: Parent, scheme: str, why: str) -> NoWayOut:
        self._disprove(key)
        entry = Entry(credential.user, parent.address, scheme, "rejected", self._clock(), why)
        if credential.countable:
            await _to_its_end(asyncio.to_thread(self.memory.reject, key, entry.user, entry.parent, scheme, why))
        error = rejected_error(entry, parent, keytab=credential.keytab)
        if not credential.countable:
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


_NAMES = {**SCHEMES, "socks5": "SOCKS 5"}


def scheme_name(scheme: str) -> str:
    """As people write it."""
    return _NAMES.get(scheme, scheme)


def rejected_error(entry: Entry, parent: Parent, *, keytab: Path | None = None) -> NoWayOut:
    """What everybody hears who wants to use a refused credential."""
    who = entry.user or "the ticket"
    if keytab is not None:
        fix = f"put the account's current keytab at {keytab}"
    else:
        fix = f"pipway credentials rotate {parent.account}" if entry.user else "renew the ticket with kinit"
    return NoWayOut(
        "credential-rejected",
        f"{who} was rejected by {entry.parent} ({scheme_name(entry.scheme)})",
        why=entry.why,
        fix=fix,
    )


def _state(entry: Entry) -> str:
    if entry.state == "rejected":
        return "rejected"
    return "unanswered" if entry.tries else "undecided"


def _rest(entry: Entry) -> float:
    """Seconds from when it was last sent."""
    over = max(entry.tries - _UNANSWERED, entry.tries + entry.undecided - _UNDECIDED)
    return 0.0 if over < 0 else _RESTS[min(over, len(_RESTS) - 1)]


def unjudged_error(entry: Entry, parent: Parent) -> NoWayOut:
    """The secret was sent repeatedly and nobody judged it: silence, or another error, may be how a parent says no."""
    minutes = f"{_rest(entry) / 60:.0f} minutes"
    fix = f"pipway credentials retry {parent.account}"
    if entry.tries >= _UNANSWERED or not entry.undecided:
        return NoWayOut(
            "credential-unanswered",
            f"{entry.parent} gave no answer to {entry.tries} logins of {entry.user}",
            why=f"it is not asked again for {minutes}, lest the account be locked",
            fix=fix,
        )
    return NoWayOut(
        "credential-undecided",
        f"{entry.parent} let none of {entry.tries + entry.undecided} logins of {entry.user} in ({entry.why})",
        why=f"it rests {minutes}, lest the account be locked",
        fix=fix,
    )
