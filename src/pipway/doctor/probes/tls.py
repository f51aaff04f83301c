"""Is the index's certificate believed? By which installer, with whose authorities, and what makes it so."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from pipway.doctor.base import FAILING, Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.chain import Certificate, issuer_of, read
from pipway.doctor.distrust import Seen, distrust, strictness, utc
from pipway.doctor.handshake import look
from pipway.doctor.path import target_in
from pipway.doctor.roots import Machine
from pipway.errors import BadUpstream
from pipway.findings import Finding, Severity

#: Suspicions that were to be proven here: whether they are the reason is known now.
_DECIDED = frozenset({"ca-variable-lost", "ca-variable-not-read", "system-roots-lost"})


class Tls:
    """Looks at the chain without believing anybody, then judges it as each installer here would."""

    id = "tls"
    title = "the index's certificate is believed"
    needs = ("reach", "proxy", "connect", "login", "clock")

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        target = target_in(case.index)
        if target.clear:
            return skipped("the index is asked without TLS")
        if not facts.chain:
            try:
                facts.chain = (await look(case, facts, case.index)).chain
            except ssl.SSLError as error:
                says = error.reason or str(error)
                return fails(f"no TLS: {says}", _without(case, "index-not-tls", target.host, says))
            except (ConnectionError, BadUpstream):
                return fails("cut during the handshake", _without(case, "tls-cut", target.host, ""))
            except TimeoutError:
                silent = finding("tls-silent", host=target.host, seconds=f"{case.patience:g}", tool=case.subject.name)
                return fails("no answer to the handshake", silent)
        chain = read(facts.chain)
        if not chain:
            return fails("no certificate can be read", _without(case, "tls-cut", target.host, "it cannot be read"))
        facts.suspicions = [each for each in facts.suspicions if each.finding.id not in _DECIDED]
        proxied = facts.proxy is not None and not facts.no_proxy
        return await asyncio.to_thread(self._judged, case, target.host, chain, proxied=proxied)

    def _judged(self, case: Case, host: str, chain: list[Certificate], *, proxied: bool) -> Result:
        machine = Machine(case.surroundings, (case.subject, *case.others))
        seen = Seen(case, host, chain, machine, proxied, utc(case.now()))
        findings: list[Finding] = []
        believers: list[str] = []
        for other in (case.subject, *case.others):
            found = distrust(seen, other)
            if found is None:
                believers.append(f"{other.name} ({machine.of(other, proxied=proxied).says})")
            elif other is case.subject:
                findings.append(found)
            else:
                severity = min(found.severity, Severity.MEDIUM)
                findings.append(replace(found, severity=severity, what=f"{other.name}: {found.what}"))
        says = f"{host} is answered for by {issuer_of(chain)}, {_kind(case, seen)}"
        says += f"; believed by {', '.join(believers)}" if believers else ""
        remark = strictness(seen)
        if remark is not None and not any(each.id == remark.id for each in findings):
            findings.append(remark)
        if any(each.severity >= FAILING for each in findings):
            return fails(says, *findings)
        return works(says, *findings)


def _kind(case: Case, seen: Seen) -> str:
    if seen.public:
        return "a public authority"
    if case.index.rstrip("/") == PYPI_SIMPLE_ENDPOINT.rstrip("/"):
        return "which is no public authority: TLS is inspected on the way"
    return "which is no public authority: TLS is inspected on the way, or the index is a company's own"


def _without(case: Case, cause: str, host: str, says: str) -> Finding:
    found = finding(cause, host=host, tool=case.subject.name, command=" ".join(case.command))
    return replace(found, what=f"{found.what} ({host}{f': {says}' if says else ''})")


PROBE = Tls()
