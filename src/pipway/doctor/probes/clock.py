"""Is this machine's clock right? Asked before certificates are judged: a wrong clock makes good ones look bad."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipway.doctor.base import Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.chain import Certificate, read
from pipway.doctor.handshake import Shown, dated, look
from pipway.errors import PipwayError
from pipway.findings import Finding, Severity

_TOLERATED = timedelta(minutes=5)  # RFC 4120's own for Kerberos; a certificate tolerates none, but rarely is so young


class Clock:
    """Compares with the time that the index, or else the proxy, puts into its answers."""

    id = "clock"
    title = "this machine's clock is right"
    needs = ("reach", "proxy", "connect", "login")

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`. Leaves the certificates that it was shown in `facts.chain`."""
        began = case.now()
        try:
            shown = await look(case, facts, case.index)
        except (PipwayError, OSError):  # TimeoutError is one; why there is no TLS is the tls probe's to say
            shown = Shown(())
        facts.chain = shown.chain
        theirs = shown.time or _of_proxy(facts)
        if theirs is None:
            return skipped("nobody on the way tells the time")
        ours = began + (case.now() - began) / 2
        facts.skew = ours - theirs
        if abs(facts.skew) <= _TOLERATED:
            return works("it is right to the minute")
        says = f"it is {_lasting(abs(facts.skew))} {'ahead' if facts.skew > timedelta() else 'behind'}"
        found = _found(case, says, theirs)
        if any(_harmed(each, ours, theirs) for each in read(facts.chain)):
            return fails(says, found)
        return works(says, replace(found, severity=Severity.MEDIUM))


def _of_proxy(facts: Facts) -> datetime | None:
    if facts.answer is None:
        return None
    fields = facts.answer.head.headers
    return dated(b"\r\n".join(name + b": " + value for name, value in fields))


def _found(case: Case, says: str, theirs: datetime) -> Finding:
    time = f"{theirs.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    found = finding("clock-wrong", time=time, tool=case.subject.name, command=" ".join(case.command))
    return replace(found, what=f"{found.what}: {says} (here {case.now().astimezone(UTC):%Y-%m-%d %H:%M} UTC)")


def _harmed(certificate: Certificate, ours: datetime, theirs: datetime) -> bool:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begins <= theirs <= ends and not begins <= ours <= ends


def _lasting(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"


PROBE = Clock()
