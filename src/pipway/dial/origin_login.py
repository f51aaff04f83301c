"""Logins in the URLs of indexes: one that its origin answered with 401 is never sent there again.

`http` enters it before a request that carries such a login. What was refused is remembered as `gate` remembers
parents' refusals, in the same place, until the login changes or a person says `pipway credentials retry`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote

from pipway.dial.credentials.base import Credential
from pipway.dial.rejections import Rejections
from pipway.dial.url import Origin, Url
from pipway.errors import NoWayOut, Unavailable
from pipway.trace import Trace

_SCHEME = "basic"
_FRESH = 60.0  # seconds that a success stands for; then one alone tries again, as the password may have changed
_POLL = 0.02
_UNAUTHORIZED = 401  # RFC 9110 §15.5.2; a 403 is about what is asked for, not about who asks
_FAILED = 500


class OriginLogin:
    """One login at one origin."""

    def __init__(self, logins: OriginLogins, key: str, origin: Origin, user: str) -> None:
        self._logins = logins
        self._key = key
        self._origin = origin
        self._user = user

    async def answered(self, status: int) -> None:
        """Tell what its origin answered. NoWayOut, once that is remembered, when the login was refused."""
        if status == _UNAUTHORIZED:
            await self._logins._refused(self._key, self._origin, self._user)
        elif status < _FAILED:
            self._logins._accepted(self._key)


class OriginLogins:
    """All of them, for one client."""

    def __init__(self, memory: Rejections, *, trace: Trace, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        self._memory = memory
        self._trace = trace
        self._clock = clock
        self._keys: dict[tuple[str, Origin, bytes], str] = {}
        self._hashing = asyncio.Lock()
        self._proven: dict[str, float] = {}  # when it was let in last
        self._first: dict[str, asyncio.Future[Unavailable | None]] = {}  # what became of the one who tries alone

    @contextlib.asynccontextmanager
    async def trying(self, url: Url) -> AsyncIterator[OriginLogin]:
        """Enter to send the login of `url`, leave with its answer's head. NoWayOut when it was refused before.

        The first alone: whoever comes meanwhile waits, and shares its failure to get an answer.
        """
        user, key = await self._key(url)
        login = OriginLogin(self, key, url.origin, user)
        while True:
            self._check(key, url.origin, user)
            if self._fresh(key):
                yield login
                return
            leader = self._first.get(key)
            if leader is None:
                break
            if (failure := await asyncio.shield(leader)) is not None:
                raise failure
        outcome = self._first[key] = asyncio.get_running_loop().create_future()
        failure = None
        try:
            async with self._alone(key):
                self._check(key, url.origin, user)
                yield login
        except Unavailable as error:
            failure = error
            raise
        finally:
            del self._first[key]
            outcome.set_result(failure)

    async def _key(self, url: Url) -> tuple[str, str]:
        """Whose login it is, and the fingerprint of it at this origin: another one may think otherwise of it."""
        assert url.authorization is not None
        pair = base64.b64decode(url.authorization.partition(" ")[2]).decode("utf-8", "backslashreplace")
        user, _, password = pair.partition(":")
        # What has no password beside it is a token itself, and is not shown.
        shown = user if user and password and user.isprintable() else "USER"
        known = self._keys.get((url.authorization, url.origin, self._memory.salt())) if self._keys else None
        if known is not None:
            return shown, known
        async with self._hashing:  # slow on purpose: many who come at once wait for one
            salt = await asyncio.to_thread(self._memory.salt)
            if (url.authorization, url.origin, salt) not in self._keys:
                credential = Credential(user, password=password, edition=str(url.origin))
                key = await asyncio.to_thread(credential.fingerprint, salt)
                self._keys[url.authorization, url.origin, salt] = key
            return shown, self._keys[url.authorization, url.origin, salt]

    def _fresh(self, key: str) -> bool:
        return key in self._proven and 0 <= self._clock() - self._proven[key] < _FRESH

    def _check(self, key: str, origin: Origin, user: str) -> None:
        entry = self._memory.find(key)
        if entry is not None and entry.state == "rejected":
            self._proven.pop(key, None)
            raise refused_error(origin, user)

    @contextlib.asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """Among all processes, too."""
        while True:
            with self._memory.first(key) as got:
                if got:
                    yield
                    return
            await asyncio.sleep(_POLL)

    def _accepted(self, key: str) -> None:
        self._proven[key] = self._clock()

    async def _refused(self, key: str, origin: Origin, user: str) -> None:
        self._proven.pop(key, None)
        where, why = str(origin.target), "it answered 401"
        noting = asyncio.create_task(asyncio.to_thread(self._memory.reject, key, user, where, _SCHEME, why))
        try:
            await asyncio.shield(noting)
        except asyncio.CancelledError:  # the next in line must find it
            await asyncio.wait([noting])
            raise
        self._trace.emit("login.rejected", parent=where, user=user, scheme=_SCHEME, why=why)
        raise refused_error(origin, user)


def refused_error(origin: Origin, user: str) -> NoWayOut:
    """What everybody hears who wants a page of that index."""
    return NoWayOut(
        "index-login-refused",
        f"{origin} refused the login of {user} (401)",
        why="it is not sent again",
        fix=f"correct the upstream's URL, or pipway credentials retry {quote(user, safe='')}@{origin.target}",
    )
