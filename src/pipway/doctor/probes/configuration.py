"""Is the configuration sane? What the client reads, which proxy and index come of it, and what it will trip over."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pipway.clients.base import Client, Entry, Setting
from pipway.clients.registry import CLIENTS
from pipway.doctor.base import FAILING, Case, Facts, Result, Suspicion, fails, works
from pipway.doctor.catalogue import finding
from pipway.doctor.suspects import SUSPECTS, View, excepted, proxy_of, target_of
from pipway.doctor.versions import facts_of
from pipway.findings import Finding, Place, Severity
from pipway.redact import redact

#: causes that a client tells of, with a fix of its own
_OF_FILES = ("config-stops-client", "config-never-read")
_PROXIES = {each.cause for each in SUSPECTS if "proxy" in each.cause}
_PW = {"config-stops-client": ("PW702", "PW703"), "config-never-read": ("PW701",), "config-file-missing": ("PW701",)}


class Configuration:
    """Reads files and variables; asks nobody."""

    id = "configuration"
    title = "the configuration can be used"
    needs: tuple[str, ...] = ()

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        view = await asyncio.to_thread(view_of, case)
        failing, suspicions = _judged(case, view)
        facts.suspicions += [*suspicions, *facts_of(view, case)]
        facts.proxy = proxy_of(view)
        facts.no_proxy = facts.proxy is not None and excepted(view)
        known = {each.finding.id for each in facts.suspicions} | {each.id for each in failing}
        remarks = [each.remark for each in facts.suspicions if not each.quiet]
        places = {str(each.place) for each in (*failing, *remarks) if each.place}
        remarks += [each for each in _remarks(view, known) if str(each.place) not in places]
        return (fails if failing else works)(_said(case, view, facts), *failing, *remarks)


def view_of(case: Case) -> View:
    """The subject as it is set up; reads its files once more for what is wrong with them."""
    subject = case.subject
    client: Client | None = CLIENTS.get(subject.name)
    findings = client.findings(case.surroundings, subject.installed) if client else ()
    files = client.files(case.surroundings) if client else ()
    environ = case.surroundings.environ
    return View(subject.name, subject.version, environ, subject.effective, findings, files, case.index)


def _judged(case: Case, view: View) -> tuple[list[Finding], list[Suspicion]]:
    failing: list[Finding] = []
    suspicions: list[Suspicion] = []
    for suspect in SUSPECTS:
        values = suspect.judge(view)
        if values is None:
            continue
        place = _place(view, values["whence"]) if values.get("whence") else None
        filled = {"tool": view.tool, "version": view.version, "command": " ".join(case.command), **values}
        found = finding(suspect.cause, place=place, **filled)
        found = _mended(found, view)
        if not suspect.explains:
            failing.append(found)
        else:
            suspicions.append(Suspicion(found, suspect.explains, suspect.quiet))
    return [each for each in failing if each.severity >= FAILING], suspicions


def _place(view: View, whence: str) -> Place:
    """With its line, where the client tells of it."""
    return next((each.place for each in view.findings if each.place and str(each.place) == whence), Place(whence))


def _mended(found: Finding, view: View) -> Finding:
    """With the fix of the client, which knows its files: what it says to do at the same place."""
    theirs = next((each.fix for each in view.findings if str(each.place) == str(found.place) and each.fix), None)
    if found.id not in _OF_FILES or theirs is None or not theirs.commands:
        return found
    return replace(found, fix=theirs)


def _remarks(view: View, told: set[str]) -> list[Finding]:
    """What the client says of its files, but for what has been told in the catalogue's words."""
    same = {rule for cause in told for rule in _PW.get(cause, ())}
    same |= {"PW707"} if told & _PROXIES else set()
    found = [each for each in view.findings if each.id not in same and each.severity > Severity.INFO]
    return [replace(each, severity=min(each.severity, Severity.MEDIUM)) for each in found]


def _said(case: Case, view: View, facts: Facts) -> str:
    subject = case.subject
    python = f" on Python {subject.installed.python}" if subject.installed and subject.installed.python else ""
    known = f"{subject.name} {subject.version}".strip() if subject.installed else f"{subject.name} (not found here)"
    words = [f"{known}{python} asks {_shown(view, case.index)}"]
    if facts.proxy is not None:
        proxy = f"{facts.proxy.scheme}://{facts.proxy.host}:{facts.proxy.port}"
        way = f"not through {proxy}, which NO_PROXY excepts" if facts.no_proxy else f"through {proxy}"
        words.append(way + _from(view.entry(Setting.PROXY)))
    authorities = view.entry(Setting.CA)
    if authorities is not None and target_of(case.index).clear is False:
        words.append(f"trusts {authorities.value}{_from(authorities)}")
    return ", ".join(words)


def _shown(view: View, index: str) -> str:
    entry = view.entry(Setting.INDEX)
    return redact(index) + (_from(entry) if entry is not None and entry.value == index else "")


def _from(entry: Entry | None) -> str:
    return f" ({entry.place})" if entry is not None else ""


PROBE = Configuration()
