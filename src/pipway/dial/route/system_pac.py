"""A PAC file that the operating system's settings name: asked while it can be had, passed over while it cannot.

`system` keeps one for as long as the settings name the same URL; `outbound` says how the file's decider is made.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from pipway.dial.base import Target
from pipway.dial.route.plan import Decider, Plan
from pipway.errors import PipwayError
from pipway.trace import Trace

_FAILED = 60.0  # seconds after which a file that could not be had is asked for again
_UNAVAILABLE = "pac-unavailable"
#: What is followed. A word without a scheme would be a path in whatever folder the server was started in.
_FOLLOWED = re.compile(r"(?i)https?://[^/?#\s]|file://(localhost)?/")


class PacDecider(Decider, Protocol):
    """What decides by one PAC file."""

    def close(self) -> None:
        """Let go of the file; what is being decided is cancelled."""


class SystemPac:
    """Conforms to `plan.Decider`."""

    def __init__(self, decider: PacDecider, *, source: str, trace: Trace, clock: Callable[[], float]) -> None:
        """`source` says whose settings name the file, for people; `clock` gives monotonic seconds."""
        self._decider = decider
        self._source = source
        self._trace = trace
        self._clock = clock
        self._asking = 0
        self._retired = False
        self._again: float | None = None  # when to ask once more for a file that cannot be had
        self._trying: asyncio.Task[Plan | None] | None = None

    async def decide(self, target: Target) -> Plan | None:
        """What the file says; None when it cannot be had. PipwayError when it can, and is no use."""
        if self._again is None:
            return await self._ask(target)
        if self._clock() >= self._again and self._trying is None:  # nobody waits for that: it was missing all the time
            self._trying = asyncio.create_task(self._ask(target))
            self._trying.add_done_callback(self._tried)
        return None

    def retire(self) -> None:
        """The settings name another one. Those who are asking this one still get their answer."""
        self._retired = True
        if not self._asking:
            self.close()

    def close(self) -> None:
        """Let go of it."""
        if self._trying is not None:
            self._trying.cancel()
        self._decider.close()

    async def _ask(self, target: Target) -> Plan | None:
        self._asking += 1
        try:
            plan = await self._decider.decide(target)
        except PipwayError as error:
            if error.code != _UNAVAILABLE:
                self._again = None
                raise
            self._missing(error.why or error.what)
            return None
        finally:
            self._asking -= 1
            if self._retired and not self._asking:
                self._decider.close()
        self._again = None
        return plan and replace(plan, reason=f"the system's PAC file URL ({self._source}): {plan.reason}")

    def _missing(self, why: str) -> None:
        if self._again is None and not self._retired:  # told once, until it was there again
            remark = f"the PAC file that {self._source} name cannot be had and is passed over: {why}"
            self._trace.emit("route.remark", remark=remark)
        self._again = self._clock() + _FAILED

    def _tried(self, task: asyncio.Task[Plan | None]) -> None:
        self._trying = None
        if not task.cancelled():
            task.exception()  # it is there and no use: the next one to ask is told


def followed(url: str, make: Callable[[str], PacDecider]) -> PacDecider | None:
    """The decider of a URL in the system's settings; None when it is not of a kind that is followed."""
    if _FOLLOWED.match(url) is None:
        return None
    try:
        return make(url)
    except (PipwayError, ValueError):  # ValueError: no URL, says urlsplit
        return None
