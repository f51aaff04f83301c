"""Does the proxy connect to the index? To ask for a login is not to refuse."""

from __future__ import annotations

from pipway.dial.base import Target
from pipway.dial.gate import scheme_name
from pipway.doctor.base import Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import catalogue, finding
from pipway.doctor.path import adapted, direct, opening, parent_of, target_of, through, words
from pipway.findings import Finding
from pipway.wire.responses import Head

_OWN = "pipway"  # begins the reasons that another pipway on the way gives
_NAMED = ("login-without-domain", "stored-login-rejected")  # causes, the more special one first


class Connect:
    """Reads the answer that the proxy gave to the first request, which had no login."""

    id = "connect"
    title = "the proxy connects to the index"
    needs = ("proxy",)

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        if facts.proxy is None or facts.no_proxy:
            facts.open = opening(case, direct(case, facts))
            return skipped("no proxy is used")
        target = target_of(case)
        if facts.answer is None:  # SOCKS: its handshake is one with the login
            return works("the login goes with the request")
        head = facts.answer.head
        if head.status == 407:
            names = ", ".join(dict.fromkeys(scheme_name(each.scheme) for each in facts.offered))
            return works(f"it wants a login first: {names or 'it does not say which'}")
        if facts.answer.tunnel or (target.clear and not _squids_own(head)):
            facts.open = opening(case, through(case, facts, parent_of(facts.proxy), None))
            return works(f"it opens a tunnel to {target}" if facts.answer.tunnel else f"it asks {target} for us")
        return fails(f"it answers {head.status} {head.reason}", refusal(case, facts, target, head))


def refusal(case: Case, facts: Facts, target: Target, head: Head) -> Finding:
    """What a refused CONNECT means. Another pipway on the way says it in words, which `explain` knows, too."""
    reason = f"{head.status} {head.reason}".strip()
    known = words(case, facts, target=str(target), reason=reason, software=facts.software or "it")
    if head.reason.startswith(_OWN):
        for name in _NAMED:
            for signature in catalogue()[name].signatures:
                if match := signature.pattern.search(f"Tunnel connection failed: {reason}"):
                    found = {key: value for key, value in match.groupdict().items() if value}
                    return adapted(finding(name, **(known | found)), case, facts)
    return adapted(finding("proxy-cannot-connect" if head.status >= 500 else "proxy-refuses", **known), case, facts)


def _squids_own(head: Head) -> bool:
    """Whether the proxy answers, and not the index: for a request in absolute form both answer alike."""
    return head.status >= 400 and head.header(b"x-squid-error") is not None


PROBE = Connect()
