"""Why an installer does not believe the index's certificate, and what makes it believe the right one.

The tls probe calls it for each installer. Nothing here turns verification off, and a root that only the server shows is
never recommended without a person's comparison.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pipway.clients import pip_facts
from pipway.clients.base import Effective, Setting
from pipway.doctor.base import Case, Subject
from pipway.doctor.catalogue import finding
from pipway.doctor.chain import (
    Certificate,
    Problem,
    Verdict,
    company,
    fingerprint,
    judge,
    missing,
    names,
    self_issued,
    unmet,
    way_up,
    words,
)
from pipway.doctor.roots import VARIABLES, Machine, Roots, Source
from pipway.findings import Finding, Severity

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_REQUESTS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Seen:
    """A chain, and the machine on which it is judged."""

    case: Case
    host: str
    chain: Sequence[Certificate]
    machine: Machine
    proxied: bool
    now: datetime

    def judged(self, roots: Roots, sources: Sequence[Source] | None = None) -> Verdict:
        """By the rules of `roots`, with its authorities or with those of `sources`."""
        believed = roots.certificates if sources is None else {each for one in sources for each in one.certificates}
        return judge(self.chain, believed, self.host, self.now, roots.rules)

    @property
    def public(self) -> bool:
        """Whether a public authority answers for it."""
        mozilla = self.machine.mozilla
        return mozilla is not None and way_up(self.chain, mozilla.certificates) is not None


def distrust(seen: Seen, subject: Subject) -> Finding | None:
    """Why this installer refuses, None when it does not."""
    if _stops_at_address(seen, subject):
        name = next((each for each in names(seen.chain[0]) if "*" not in each and not _is_address(each)), "")
        says = f"{seen.host} is one"
        return _made(seen, subject, "pip-address-over-tls", says, **_renamed(subject, name, seen.case.index))
    roots = seen.machine.of(subject, proxied=seen.proxied)
    verdict = seen.judged(roots)
    broken = roots.named is not None and roots.named.problem
    if broken and (roots.fatal or verdict.problem is Problem.UNKNOWN_ROOT):
        return _unusable(seen, subject, roots)
    if verdict.problem is None:
        return None
    return _REASONS[verdict.problem](seen, subject, roots, verdict)


def strictness(seen: Seen) -> Finding | None:
    """A remark: what Python 3.13 will refuse of a chain that is believed today."""
    if seen.public:
        return None
    everything = {each for one in seen.machine.elsewhere(seen.case.ca) for each in one.certificates}
    everything |= {each for one in seen.machine.system() for each in one.certificates}
    path = way_up(seen.chain, everything) or list(seen.chain)
    if unmet(path, "openssl") is not None:
        return None
    broken = unmet(path, "strict")
    if broken is None:
        return None
    known = {"certificate": words(broken[0].subject), "reason": broken[1], "tool": "what verifies strictly"}
    found = finding("tls-strict", **known)
    return replace(found, severity=Severity.LOW, what=f"{found.what}: {known['certificate']} {broken[1]}")


def _stops_at_address(seen: Seen, subject: Subject) -> bool:
    python = subject.installed.python if subject.installed else ""
    if subject.name != "pip" or not _is_address(seen.host) or not pip_facts.stops_at_addresses(subject.version, python):
        return False
    return not (seen.proxied and pip_facts.loses_system_roots_with_proxy(subject.version))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _made(seen: Seen, subject: Subject, cause: str, detail: str, **values: str) -> Finding:
    top = missing(seen.chain)
    known = {
        "tool": subject.name,
        "version": subject.version,
        "host": seen.host,
        "issuer": words(top.issuer),
        "command": " ".join(seen.case.command),
    }
    found = finding(cause, **{**known, **{name: value for name, value in values.items() if value}})
    return replace(found, what=f"{found.what}: {detail}") if detail else found


def _unknown(seen: Seen, subject: Subject, roots: Roots, _: Verdict) -> Finding:
    if subject.name == "pip" and seen.proxied and pip_facts.loses_system_roots_with_proxy(subject.version):
        alone = seen.machine.of(subject, proxied=False)
        if seen.judged(alone).problem is None:
            return _made(seen, subject, "system-roots-lost", "", whole=_whole(seen, roots))
    ignored = _ignored(seen, roots)
    if ignored is not None:
        lost = ignored.origin in _REQUESTS and subject.name == "pip"
        cause = "ca-variable-lost" if lost else "ca-variable-not-read"
        says = f"{ignored.origin} names {ignored.path}, which has it"
        values = {"variable": ignored.origin, "file": str(ignored.path), "instead": _variable(subject, roots)}
        return _made(seen, subject, cause, says, **values)
    issuer = words(missing(seen.chain).issuer)
    if _hole(seen):
        return _made(seen, subject, "tls-incomplete-chain", f"{seen.host} sends no certificate of {issuer}")
    says = f"{seen.host} is answered for by {issuer}, and {roots.says} has no such authority"
    return _made(seen, subject, "tls-unknown-root", says, **_remedy(seen, subject, roots))


def _ignored(seen: Seen, roots: Roots) -> Source | None:
    """A variable that names the right authorities, which this installer does not read."""
    used = {source.path for source in roots.sources}
    for source in seen.machine.elsewhere(()):
        if source.origin in VARIABLES and source.path not in used and seen.judged(roots, [source]).problem is None:
            return source
    return None


def _hole(seen: Seen) -> bool:
    """Whether a certificate is missing on the way to an authority that is known by its company."""
    top = missing(seen.chain)
    wanted = company(top.issuer)
    if self_issued(top) or not wanted:
        return False
    sources = [*seen.machine.system(), *seen.machine.elsewhere(seen.case.ca)]
    sources += [seen.machine.mozilla] if seen.machine.mozilla else []
    known = {each for source in sources for each in source.certificates}
    return any(company(each.subject) == wanted and each.subject != top.issuer for each in known)


def _remedy(seen: Seen, subject: Subject, roots: Roots) -> dict[str, str]:
    """Where the authority is, and how this installer is told."""
    values = {"variable": _variable(subject, roots), "roots": str(_base(seen, roots) or "")}
    system = seen.machine.system()
    if seen.judged(roots, system).problem is None:
        if subject.name == "uv" and roots.named is None:
            values["uv_system"] = "yes"
        values["whole"] = _whole(seen, roots)
        if values["whole"]:
            return values
    for source in seen.machine.elsewhere(seen.case.ca):
        if source.path.is_file() and seen.judged(roots, [source]).problem is None:
            path = way_up(seen.chain, source.certificates) or [seen.chain[0]]
            place = str(source.path)
            return values | {"whole" if source.whole else "ca": place, "fingerprint": fingerprint(path[-1])}
    root = next((each for each in seen.chain if self_issued(each)), None)
    return values | ({"fingerprint": fingerprint(root)} if root is not None else {})


def _whole(seen: Seen, roots: Roots) -> str:
    """The system's bundle, if it has what is needed."""
    bundle = seen.machine.bundle()
    if bundle is None or seen.judged(roots, [seen.machine.source(bundle, "the operating system")]).problem:
        return ""
    return str(bundle)


def _base(seen: Seen, roots: Roots) -> Path | None:
    """The file to which a root is added: what the person chose, the system's bundle, or Mozilla's list."""
    if roots.named is not None and not roots.named.problem and roots.named.path.is_file():
        return roots.named.path
    mozilla = seen.machine.mozilla
    return seen.machine.bundle() or (mozilla.path if mozilla else None)


def _variable(subject: Subject, roots: Roots) -> str:
    """The variable that this installer surely reads; what it reads now, if it is one, for it may win over others."""
    if roots.named is not None and roots.named.origin in (*_REQUESTS, "PIP_CERT"):
        return roots.named.origin
    return {"pip": "PIP_CERT", "uv": "SSL_CERT_FILE"}.get(subject.name, "REQUESTS_CA_BUNDLE")


def _unusable(seen: Seen, subject: Subject, roots: Roots) -> Finding:
    named = roots.named
    assert named is not None  # asked for above
    values = {"file": str(named.path), "key": "" if _VARIABLE.fullmatch(named.origin) else named.origin}
    without = replace(subject, effective={**subject.effective, **_without(subject)})
    left = seen.machine.of(without, proxied=seen.proxied)
    if seen.judged(left).problem is None:
        values["needless"] = "yes"
    else:
        values |= _remedy(seen, subject, replace(left, named=None))
    variable = named.origin if not values["key"] else values.get("variable", "")
    return _made(seen, subject, "ca-file-unusable", f"it {named.problem}", **{**values, "variable": variable})


def _without(subject: Subject) -> dict[Setting, Effective]:
    """As if nobody named a file, or only those that stand behind the winner."""
    effective = subject.effective[Setting.CA]
    behind = [each for each in effective.shadows if each.key == "SSL_CERT_FILE" and subject.name == "pip"]
    entries = tuple(behind[:1])
    return {Setting.CA: replace(effective, entries=entries, values=tuple(each.value for each in entries), shadows=())}


def _expired(seen: Seen, subject: Subject, roots: Roots, verdict: Verdict) -> Finding:
    ended = verdict.certificate or seen.chain[0]
    until = f"{ended.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    values = {"until": until}
    if ended != seen.chain[0] and ended in roots.certificates:
        remedy = _remedy(seen, subject, replace(roots, named=None))
        values |= {"authority": "yes", "issuer": words(ended.subject), **remedy, "variable": _variable(subject, roots)}
    return _made(seen, subject, "tls-expired", f"that of {words(ended.subject)} ended {until}", **values)


def _early(seen: Seen, subject: Subject, _: Roots, verdict: Verdict) -> Finding:
    early = verdict.certificate or seen.chain[0]
    since = f"{early.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    return _made(seen, subject, "tls-not-yet-valid", f"that of {words(early.subject)} begins {since}", since=since)


def _wrong_name(seen: Seen, subject: Subject, _: Roots, verdict: Verdict) -> Finding:
    mine = names(verdict.certificate or seen.chain[0])
    name = next((each for each in mine if "*" not in each), "")
    says = f"{seen.host} shows one for {', '.join(mine[:5]) or 'no name at all'}"
    return _made(seen, subject, "tls-wrong-name", says, name=name, **_renamed(subject, name, seen.case.index))


def _renamed(subject: Subject, name: str, index: str) -> dict[str, str]:
    """The index under another name, and where that is written. Not where a login stands in the URL."""
    parts = urlsplit(index)
    effective = subject.effective.get(Setting.INDEX)
    if not name or "@" in parts.netloc or effective is None or not effective.entries:
        return {}
    host = f"[{name}]" if ":" in name else name
    url = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
    key = effective.entries[0].key
    return {"url": url, "variable" if _VARIABLE.fullmatch(key) else "key": key}


def _unfit(seen: Seen, subject: Subject, roots: Roots, verdict: Verdict) -> Finding:
    name = words((verdict.certificate or seen.chain[0]).subject)
    strict = roots.rules == "strict" and unmet([verdict.certificate or seen.chain[0]], "openssl") is None
    cause = "tls-strict" if strict else "tls-unfit"
    return _made(seen, subject, cause, f"{name} {verdict.reason}", certificate=name, reason=verdict.reason)


_REASONS: dict[Problem, Callable[[Seen, Subject, Roots, Verdict], Finding]] = {
    Problem.UNKNOWN_ROOT: _unknown,
    Problem.EXPIRED: _expired,
    Problem.NOT_YET_VALID: _early,
    Problem.WRONG_NAME: _wrong_name,
    Problem.UNFIT: _unfit,
}


def utc(moment: datetime) -> datetime:
    """The same moment, as certificates tell it."""
    return moment.astimezone(UTC)
