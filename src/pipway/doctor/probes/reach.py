"""Does whoever is asked first, the proxy or the index, take a TCP connection?"""

from __future__ import annotations

from urllib.parse import urlsplit

from pipway.dial.base import Target
from pipway.dial.direct import Direct
from pipway.doctor.base import Case, Facts, Result, fails, works
from pipway.doctor.catalogue import finding
from pipway.errors import Unavailable


class Reach:
    """Opens one connection and closes it."""

    id = "reach"
    title = "a connection can be opened"
    needs = ("configuration",)

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        if facts.proxy is not None and not facts.no_proxy:
            target = Target(facts.proxy.host, facts.proxy.port)
        else:
            parts = urlsplit(case.index)
            target = Target(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        try:
            stream = await Direct(connect_limit=case.patience).dial(target)
        except Unavailable as error:
            cause = "proxy-unreachable" if facts.proxy is not None and not facts.no_proxy else "index-unreachable"
            return fails(error.what, finding(cause, address=str(target), reason=error.what))
        await stream.aclose()
        return works(f"{target} answers")


PROBE = Reach()
