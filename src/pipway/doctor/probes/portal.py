"""Does somebody else answer in the index's place: a captive portal that wants a person to log in or to agree?

Only clear HTTP can be answered by somebody else without a certificate error. For an index behind TLS that is asked
without a proxy, the same host is asked on port 80: portals wait there.
"""

from __future__ import annotations

import dataclasses

from pipway.dial.url import Origin, Url
from pipway.doctor.asking import Reply, excepted, follow, page_url
from pipway.doctor.base import Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.errors import PipwayError

_NETWORK_LOGIN = 511  # RFC 6585 §6
_ASKED = 4096  # bytes of a page: who answers is seen from the heads
_PATIENCE = 2.0  # seconds: nobody may listen on port 80


class Portal:
    """Follows redirects and looks where they lead."""

    id = "portal"
    title = "the index itself answers"
    needs = ("configuration", "names", "reach", "connect", "login")

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        url = page_url(case.index, case.project)
        if url.origin.scheme == "https":
            if facts.proxy is not None and not excepted(case, url.origin):
                return skipped("the proxy is asked, and the index is behind TLS")
            url = Url(Origin("http", url.origin.host, 80), "/")
            case = dataclasses.replace(case, patience=min(case.patience, _PATIENCE))
        try:
            replies = await follow(case, facts, url, at_most=_ASKED)
        except (PipwayError, OSError) as error:
            return skipped(f"nobody answers there in clear: {getattr(error, 'what', error)}")
        portal = next((each for each in replies if each.head.status == _NETWORK_LOGIN), None)
        elsewhere = portal or _elsewhere(url, replies)
        if elsewhere is None:
            return works(f"{url.origin} answers for itself")
        values = {"portal": elsewhere.url.printable, "index": str(url.origin), "command": " ".join(case.command)}
        return fails(f"{elsewhere.url.origin} answers in its place", finding("captive-portal", **values))


def _elsewhere(asked: Url, replies: list[Reply]) -> Reply | None:
    """The page for people that an unrelated host shows in the end."""
    last = replies[-1]
    if len(replies) == 1 or _related(asked.origin.host, last.url.origin.host):
        return None
    if last.media_type != "text/html" or last.head.status >= 500 or _listed(last):
        return None
    return last


def _listed(reply: Reply) -> bool:
    """A page that looks like one of an index."""
    text = reply.body.lower()
    return b".whl" in text or b".tar.gz" in text or b"pypi:repository-version" in text


def _related(one: str, other: str) -> bool:
    """The same host, or hosts of one domain: an index may well move within its own."""
    return one == other or (one.split(".")[-2:] == other.split(".")[-2:] and "." in one and not one[-1].isdigit())


PROBE = Portal()
