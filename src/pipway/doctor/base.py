"""What a probe is given, what it gives, and what it leaves for the probes after it.

A probe tries one step of the way from a client to its index. `run.py` calls them in order; one that fails keeps those
that need it from being tried. Probes change nothing and send no secret that was refused before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from pipway.clients.base import Effective, Installed, Setting, Surroundings
from pipway.dial.login import Logins
from pipway.dial.parent import Parent
from pipway.findings import Finding, Severity
from pipway.wire.auth.base import Challenge
from pipway.wire.connect import Answer
from pipway.wire.proxy_url import ProxyUrl

FAILING = Severity.HIGH  #: what stops an install is this or worse; anything less is a remark


class Status(StrEnum):
    """How a step went."""

    WORKS = "works"
    REMARK = "remark"  #: it works, and something should be known
    FAILS = "fails"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Subject:
    """An installer as it is set up here."""

    name: str
    installed: Installed | None
    effective: Mapping[Setting, Effective] = field(repr=False)

    @property
    def version(self) -> str:
        """Its version, "" when it is not known."""
        return self.installed.version if self.installed else ""

    def value(self, setting: Setting) -> str:
        """The one value of a setting, "" for none."""
        effective = self.effective.get(setting)
        return effective.value if effective else ""


@dataclass(frozen=True)
class Case:
    """What is to be found out: why does this installer not get this project from its index?"""

    surroundings: Surroundings
    subject: Subject
    others: tuple[Subject, ...]  #: further installers on this machine
    index: str = field(repr=False)  #: root of the Simple API that the subject asks; may hold a login
    project: str  #: normalised name of what is looked up, "" for none in particular
    command: tuple[str, ...] = field(default=(), repr=False)  #: the command that failed, as far as it is known
    logins: Logins | None = field(default=None, repr=False)  #: pipway's own credentials, and the memory of refusals
    accounts: tuple[Parent, ...] = ()  #: whose passwords pipway keeps, and for which proxies
    try_again: Callable[[str], bool] = field(default=lambda _: False, repr=False)
    """Whether a login that was refused before may be sent once more; asks a person where there is one."""
    pac: str = ""  #: a PAC file that a person, or the system's settings, names
    ca: tuple[Path, ...] = ()  #: certificate authorities that a person gave, to be tried
    now: Callable[[], datetime] = field(default=lambda: datetime.now().astimezone(), repr=False)
    patience: float = 5.0  #: seconds for one step of the network
    assumed: bool = False  #: nobody named the project: that it is missing says nothing


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What does no harm by itself, and is the reason when a later step fails: `run.py` then names it first.

    Its finding is as it is said then. As long as everything works it is a remark, or nothing when it is `quiet`.
    """

    finding: Finding
    explains: frozenset[str]  #: ids of causes, or of steps whose every failure it explains
    quiet: bool = False

    @property
    def remark(self) -> Finding:
        """The same, as something that should be known."""
        return replace(self.finding, severity=min(self.finding.severity, Severity.MEDIUM))


@dataclass
class Facts:
    """What probes have learned, for those after them. None: not known (yet)."""

    proxy: ProxyUrl | None = None  #: the one that the subject sends requests for the index to
    no_proxy: bool = False  #: the index is excepted from the proxy
    suspicions: list[Suspicion] = field(default_factory=list)  #: the most likely first
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: by host
    answer: Answer | None = None  #: of the proxy to the first request for a tunnel, without a login
    software: str = ""  #: what the proxy says it is
    offered: tuple[Challenge, ...] = ()  #: logins that the proxy takes
    open: Callable[[str, int, bool], Any] | None = (
        None  #: (host, port, clear) → awaitable `dial.base.Stream`, logged in
    )
    skew: timedelta | None = None  #: this clock minus theirs
    chain: tuple[bytes, ...] = ()  #: certificates of the index as seen, DER, leaf first
    page: str = ""  #: the project's page
    page_type: str = ""
    page_url: str = ""  #: where it came from in the end
    file_url: str = ""  #: a small file of the project
    stalled: Finding | None = None  #: what to say of a file that stalled, unless large packets get lost
    began: float = field(default_factory=time.monotonic)
    transcript: list[str] = field(default_factory=list)  #: redacted lines for `--capture`


@dataclass(frozen=True, slots=True)
class Result:
    """How one step went, in one sentence, and what was found."""

    status: Status
    says: str
    findings: tuple[Finding, ...] = ()


class Probe(Protocol):
    """One step. A module of `probes/` offers one as `PROBE`."""

    @property
    def id(self) -> str:
        """Its name, one word."""

    @property
    def title(self) -> str:
        """What works when it works: "the proxy answers"."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Ids of the steps that must not have failed."""

    async def run(self, case: Case, facts: Facts) -> Result:
        """Try it. PipwayError and OSError are failures of the step; everything else is a bug."""


def works(says: str, *findings: Finding) -> Result:
    """It works; findings make it a remark."""
    return Result(Status.REMARK if findings else Status.WORKS, says, findings)


def fails(says: str, *findings: Finding) -> Result:
    """It does not."""
    return Result(Status.FAILS, says, findings)


def skipped(says: str) -> Result:
    """It was not tried."""
    return Result(Status.SKIPPED, says)
