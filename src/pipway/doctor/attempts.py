"""Which installers' commands a log holds, and how each ended: what was overcome is no cause of a failure.

`explain` looks for causes in the last attempt that failed. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

_MOST = 32  # attempts; of a log with more, the oldest are taken as one


class Outcome(Enum):
    """How an attempt ended, as far as the log shows."""

    FAILED = "failed"
    SUCCEEDED = "succeeded"
    UNKNOWN = "unknown"  #: the log ends before, or is of a tool that nobody here knows


@dataclass(frozen=True, slots=True)
class Attempt:
    """One command of an installer."""

    begin: int  #: where its lines begin in the text
    end: int
    outcome: Outcome


#: Only a command that has failed says so, and does nothing else afterwards.
_FAILED = (
    r"ERROR: (?:No matching distribution|Could not (?:install|open|find an activated)|Exception:|Cannot install|Invalid"
    r"|THESE PACKAGES DO NOT MATCH|In --require-hashes|ResolutionImpossible|Operation cancelled|HTTP error \d"
    r"|Package '|Failed to build installable|Wheel '|\d{3} (?:Client|Server) Error|Index \S+ does not)"
    r"|error: \S|No matching distribution found|Configuration file co(?:uld not|ntains)"
    r"|\s*[-•] (?:Installing|Updating|Downloading) [^\n]{1,200}: Failed"
    r"|All attempts to connect to |(?:Because|So, because|And because) [^\n]{0,400}version solving failed"
    r"|✘ Locking Failed|Conda[A-Za-z]{0,40}Error|ProxyError: Conda|critical libmamba "
)
#: Only a command that has worked says so.
_WORKED = (
    r"Successfully installed \S|Successfully downloaded \S|(?:Installed|Audited|Checked) \d+ packages?\b"
    r"|Writing lock file|No dependencies to install or update|To activate this project's virtualenv|All complete!"
    r"|(?:Executing|Verifying) transaction: [^\n]{0,40}done|Transaction finished"
    r"|# All requested packages already installed"
)
#: What a command says first: after one that has ended, the next begins here.
_BEGUN = (
    r"Looking in (?:indexes|links): |WARNING: The index url |WARNING urllib3|warning: "
    r"|Using (?:pip|C?Python|python) \S|Collecting \S|Requirement already satisfied: "
    r"|WARNING: Retrying \((?![^\n]*: /simple/pip/)|(?:Updating|Resolving) dependencies|Locking |Creating virtualenv"
    r"|Collecting package metadata|Channels:|Resolved \d+ package"
)
_TOLD = re.compile(rf"(?P<failed>{_FAILED})|(?P<worked>{_WORKED})|(?P<begun>{_BEGUN})")
#: pip had nothing to do.
_SATISFIED = re.compile(r"^Requirement already satisfied: ", re.MULTILINE)
_BUSY = re.compile(r"^\s*(?:Collecting|WARNING:|ERROR:|error:|Traceback)", re.MULTILINE)
#: A warning of pip that it tries again, and what it shows once that has gone well.
_RETRY = re.compile(r"^WARNING: Retrying \([^\n]*: (?P<path>/\S*)$", re.MULTILINE)
_CAME = re.compile(r"^\s*(?:Collecting|Downloading|Using cached|Obtaining) (?P<what>\S+)", re.MULTILINE)
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_WORKED_LINE = re.compile(rf"^(?:(?:{_WORKED})[^\n]*| \+ \S+==\S+)$", re.MULTILINE)


def attempts(text: str) -> Sequence[Attempt]:
    """Every command, in the order of the log; one of unknown outcome when nothing tells."""
    found: list[Attempt] = []
    begin, worked, outcome = 0, 0, Outcome.UNKNOWN
    for told in _told(text):
        if told["begun"] is not None:
            if outcome is not Outcome.UNKNOWN:
                found.append(Attempt(begin, told.start(), outcome))
                begin, outcome = told.start(), Outcome.UNKNOWN
        elif told["failed"] is not None:
            if outcome is Outcome.SUCCEEDED:  # what stands between belongs to what failed
                found.append(Attempt(begin, worked, outcome))
                begin = worked
            outcome = Outcome.FAILED
        else:
            if outcome is Outcome.FAILED:
                found.append(Attempt(begin, told.start(), outcome))
                begin = told.start()
            outcome = Outcome.SUCCEEDED
            worked = text.find("\n", told.end()) + 1 or len(text)
    if outcome is Outcome.UNKNOWN and _SATISFIED.search(text, begin) and not _BUSY.search(text, begin):
        outcome = Outcome.SUCCEEDED
    found.append(Attempt(begin, len(text), outcome))
    if len(found) > _MOST:
        found[:-_MOST] = [Attempt(0, found[-_MOST].begin, Outcome.UNKNOWN)]
    return found


def _told(text: str) -> Iterator[re.Match[str]]:
    """At the beginnings of lines; asked one by one, which is ten times as fast as a search through all of the text."""
    start = 0
    while True:
        if (shown := _TOLD.match(text, start)) is not None:
            yield shown
        start = text.find("\n", start) + 1
        if not start:
            return


def told(text: str, attempt: Attempt) -> str:
    """What may show why it failed: without warnings of tries that went well later. Positions stay as they are."""
    said = text[attempt.begin : attempt.end]
    if attempt.outcome is Outcome.SUCCEEDED:  # only what was installed may be wrong
        return _only(_WORKED_LINE, said)
    if attempt.outcome is not Outcome.FAILED or "Retrying (" not in said:
        return said
    came: dict[str, int] = {}
    for shown in _CAME.finditer(said):
        came[_project(shown["what"])] = shown.start()
    return _RETRY.sub(
        lambda retry: " " * len(retry[0]) if came.get(_project(retry["path"]), -1) > retry.start() else retry[0], said
    )


def _only(pattern: re.Pattern[str], said: str) -> str:
    kept = [(shown.start(), shown.end()) for shown in pattern.finditer(said)]
    parts, position = [], 0
    for start, end in kept:
        parts += [re.sub(r"[^\n]", " ", said[position:start]), said[start:end]]
        position = end
    return "".join([*parts, re.sub(r"[^\n]", " ", said[position:])])


def _project(path: str) -> str:
    """The project that a page, a file or a requirement is of, as far as the first digits of a version."""
    last = path.rstrip("/").rpartition("/")[2].lower().replace("_", "-").replace(".", "-")
    found = _NAME.match(re.split(r"[-=<>!~\[;]+(?=\d)|[=<>!~\[;]", last)[0])
    return found[0] if found else last
