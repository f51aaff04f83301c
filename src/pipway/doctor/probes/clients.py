"""Do the real installers get a file? The last word: what they print is read as `explain` reads it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pipway.clients.base import Installed, Setting
from pipway.doctor.base import FAILING, Case, Facts, Result, Subject, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.conditions import Context
from pipway.doctor.explain import explain
from pipway.doctor.probes.index import page_of
from pipway.doctor.trial import Outcome, trial
from pipway.errors import NoWayOut, PipwayError
from pipway.findings import Finding, Severity
from pipway.redact import redact

_SECONDS = 12.0  # for all of them together: they run side by side
_RUN = ("pip", "uv")


class Clients:
    """Runs pip and uv, as they are set up here, on the file that the steps before have seen."""

    id = "clients"
    title = "the installers get a file"
    needs = ("configuration", "reach", "connect", "login", "clock", "tls", "index", "download")

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        if not facts.page:
            return skipped("no project to try: name one, as pipway doctor PROJECT")
        found = [each for each in (case.subject, *case.others) if each.name in _RUN and each.installed]
        if not found:
            return skipped("neither pip nor uv is installed here")
        back = {each.name: reason for each in found if (reason := await _kept_back(case, facts, each))}
        found = [each for each in found if each.name not in back]
        outcomes = await asyncio.gather(*(self._tried(case, each) for each in found))
        said = ", ".join(
            f"{each.name} {each.version}" for each, outcome in zip(found, outcomes, strict=True) if not outcome
        )
        kept = "".join(f"; {name} is not tried: {reason}" for name, reason in back.items())
        if not found:
            return skipped(kept.removeprefix("; "))
        findings = [outcome for outcome in outcomes if outcome is not None]
        if any(each.severity >= FAILING for each in findings):
            return fails(f"not all of them do{kept}", *findings)
        return works(f"{said or 'none'} got {case.project}{kept}", *findings)

    async def _tried(self, case: Case, subject: Subject) -> Finding | None:
        installed = subject.installed
        assert isinstance(installed, Installed)  # asked for above
        outcome = await trial(case, subject, installed, seconds=_SECONDS)
        if outcome.code == 0:
            return None
        context = Context(case.surroundings.environ, {subject.name: subject.effective}, case.command)
        explained = explain(outcome.output, context, tool=subject.name, version=subject.version)
        found = explained[0].finding if explained else _unknown(subject, outcome)
        if not explained and outcome.fetching:  # a large file, and the step before has seen that it comes
            return replace(found, severity=min(found.severity, Severity.MEDIUM))
        if subject is case.subject:  # it was tried, and it fails: whatever else is known of it, that stops an install
            return replace(found, severity=max(found.severity, FAILING))
        # Another installer than the one that is asked about: worth knowing, and not the reason.
        return Finding(
            found.id, min(found.severity, Severity.MEDIUM), f"{subject.name}: {found.what}", found.why, fix=found.fix
        )


async def _kept_back(case: Case, facts: Facts, subject: Subject) -> str:
    """Why it is not run, "" when it is: nothing logs on with a secret that the steps before have not proven.

    It would be refused each time that doctor runs, and lock an account in the end.
    """
    proven = {case.index, case.subject.value(Setting.PROXY)}
    for setting in (Setting.PROXY, Setting.INDEX, Setting.EXTRA_INDEXES):
        effective = subject.effective.get(setting)
        for url in effective.values if effective else ():
            secret, _, where = url.partition("://")[2].rpartition("@")
            if not secret or url in proven:
                continue
            host = where.partition("/")[0]
            if subject is not case.subject or setting is not Setting.EXTRA_INDEXES:
                return f"its login for {host} is not proven"
            try:
                await page_of(replace(case, index=url), facts)
            except NoWayOut:
                return f"its login for {host} was refused"
            except (PipwayError, OSError):
                continue  # nobody has judged it
    return ""


def _unknown(subject: Subject, outcome: Outcome) -> Finding:
    lines = [line.strip() for line in redact(outcome.output).splitlines() if line.strip()]
    ended = "did not end in time" if outcome.code is None else f"ended with exit code {outcome.code}"
    return finding(
        "client-fails", tool=subject.name, version=subject.version, ended=ended, line=lines[-1] if lines else ""
    )


PROBE = Clients()
