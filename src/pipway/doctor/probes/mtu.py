"""Do large packets get lost where small ones pass? Only asked when a file stalled, and says why it did.

A path whose MTU is smaller than both ends think, with the messages that say so filtered (RFC 2923 §2.1), shows exactly
this: connections open, small answers come, large ones never do.
"""

from __future__ import annotations

import dataclasses

from pipway.dial.url import Url
from pipway.doctor.asking import ask
from pipway.doctor.base import Case, Facts, Result, fails, skipped
from pipway.doctor.catalogue import finding
from pipway.errors import PipwayError

_SMALL = 256  # bytes: with its head well below any path's MTU
_LARGE = 16384
_PATIENCE = 3.0  # seconds


class Mtu:
    """Asks for a small and for a large part of one file."""

    id = "mtu"
    title = "large packets pass"
    needs: tuple[str, ...] = ("names", "reach", "connect", "login", "tls", "index")

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        if facts.stalled is None:
            return skipped("nothing stalled")
        case = dataclasses.replace(case, patience=min(case.patience, _PATIENCE))
        url = Url.parse(facts.file_url)
        small, large = [await self._comes(case, facts, url, size) for size in (_SMALL, _LARGE)]
        if small and not large:
            return fails(
                f"{_SMALL} bytes come, {_LARGE} do not",
                finding("large-packets-lost", host=url.origin.host, command=" ".join(case.command)),
            )
        return fails("large parts come as small ones do" if large else "small parts do not come either", facts.stalled)

    async def _comes(self, case: Case, facts: Facts, url: Url, size: int) -> bool:
        try:
            reply = await ask(case, facts, url, headers=[("Range", f"bytes=0-{size - 1}")], at_most=size)
        except (PipwayError, OSError):
            return False
        return not reply.problem and reply.head.status in (200, 206)


PROBE = Mtu()
