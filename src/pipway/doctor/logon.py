"""At most one logon with a secret that nobody has proven, in a whole run of doctor; none with one that was refused.

`probes.login` decides whose login is tried; `dial.gate` remembers what came of it, for every pipway of this user.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum

from pipway.dial.base import Target
from pipway.dial.credentials.base import Credential
from pipway.dial.parent import Parent
from pipway.doctor.base import Case, Facts
from pipway.doctor.path import Open, opening, through
from pipway.errors import PipwayError, Unavailable


class Verdict(StrEnum):
    """What came of it."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    BEFORE = "rejected before"  #: and therefore not sent
    UNKNOWN = "unknown"  #: nobody judged it


@dataclass(frozen=True, slots=True)
class Logon:
    """One logon."""

    verdict: Verdict
    error: PipwayError | None = None
    open: Open | None = None  #: for further streams, once it was accepted

    @property
    def says(self) -> str:
        """Why it is as it is."""
        return "" if self.error is None else "; ".join(part for part in (self.error.what, self.error.why) if part)


#: What a proxy says once it has let a login in.
_LET_IN = frozenset({"parent-failed", "parent-forbids"})


async def log_on(case: Case, facts: Facts, parent: Parent, credential: Credential, target: Target) -> Logon:
    """Dial `target` with this login. A secret that was refused before is sent only if a person says so."""
    assert case.logins is not None
    if await _refused_before(case, credential):
        question = f"{credential.user} was rejected by {parent.address} before. Try this password once more?"
        if not case.try_again(question):
            return Logon(Verdict.BEFORE)
        await asyncio.to_thread(case.logins.gate.forget, credential.user)
    open_ = opening(case, through(case, facts, parent, credential))
    try:
        stream = await open_(target.host, target.port, target.clear)
        await stream.aclose()
    except TimeoutError:
        error = Unavailable("parent-silent", f"{parent.address} does not answer the login in time")
        return Logon(Verdict.UNKNOWN, error)
    except PipwayError as error:
        if error.code == "credential-rejected":
            return Logon(Verdict.REJECTED, error)
        return Logon(Verdict.ACCEPTED if error.code in _LET_IN else Verdict.UNKNOWN, error)
    return Logon(Verdict.ACCEPTED, open=open_)


async def _refused_before(case: Case, credential: Credential) -> bool:
    assert case.logins is not None
    if not credential.countable:
        return False
    memory = case.logins.gate.memory
    key = credential.fingerprint(await asyncio.to_thread(memory.salt))
    entry = memory.find(key)
    return entry is not None and entry.state == "rejected"


async def kept(case: Case, address: str) -> tuple[Parent, Credential] | None:
    """The login that pipway keeps for a proxy, with how it is used."""
    assert case.logins is not None
    for parent in case.accounts:
        if parent.address == address and parent.user:
            named = replace(parent, named=True)
            found = await case.logins.credentials.find(named)
            if found is not None:
                return named, found
    return None
