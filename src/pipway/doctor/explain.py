"""Reads what an installer printed and names the cause. Pure; `cli.explain` calls it.

It never guesses: a cause is named when one of its signatures is in the text, with the line that shows it; and what was
overcome, or is of a command that worked, names none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipway.doctor.attempts import Attempt, Outcome, attempts, told
from pipway.doctor.catalogue import Cause, Signature, catalogue
from pipway.doctor.conditions import CONDITIONS, NOTHING, Context
from pipway.doctor.literals import needed
from pipway.doctor.log import Log, read
from pipway.findings import Finding, Severity

#: tool → beginnings of lines that only it prints; the one that calls others comes first
_SHOWN = {
    "uv": (
        r"error: (?:Failed to|Request failed|No solution|Unsupported|Could not connect|Invalid|Distribution|In `--)"
        r"|\s*[×╰├▶]|\s*(?:cause|Caused by): |Resolved \d+ package|Using C?Python \d|hint: (?:An index|Consider)"
    ),
    "poetry": (
        r"(?:Resolving|Updating) dependencies\.*|Creating virtualenv \S+ in |Using virtualenv: |Package operations: "
        r"|All attempts to connect to |Because [^\n]{0,300} version solving failed|[^\n]{0,60}\bpoetry (?:command|lock)"
    ),
    "pipenv": r"Locking +(?:\[[a-z-]+\] +)?dependencies|[^\n]{0,60}(?:\bpipenv\b|Pipfile)|Courtesy Notice",
    "pdm": r"\[Pdm[A-Za-z]+\]|[^\n]{0,60}\bpdm ",
    "conda": (
        r"Conda[A-Za-z]{0,40}Error|(?:Collecting package metadata|Fetching package metadata|Solving environment)"
        r"|ProxyError: Conda|[^\n]{0,80}libmamba|\s*Download error \(\d+\)|[^\n]{0,80} \(\d\dm:\d\ds\)"
    ),
    "pip": (
        r"Looking in (?:indexes|links)|Collecting \S|Requirement already satisfied|WARNING: |ERROR: |Processing \S"
        r"|error: [a-z]+(?:-[a-z]+)+$|\s*Could not fetch URL|\[notice\]|Using pip \d|Configuration file co"
    ),
}
_INDEX = re.compile(
    r"^Looking in indexes: (https?://(?:[^\s/@]{1,200}@)?([^\s/@,]{1,200})[^\s,]{0,300})$", re.MULTILINE
)  # one
_TOOLS = {tool: re.compile(shown, re.MULTILINE) for tool, shown in _SHOWN.items()}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause that the text shows."""

    cause: Cause
    finding: Finding
    line: str  #: the one that proves it
    number: int  #: 1-based, in the text as it was given
    rank: int


def explain(text: str, context: Context = NOTHING, *, tool: str = "", version: str = "") -> list[Explanation]:
    """Every known cause that `text` shows, the most telling first; empty when it shows none.

    `tool` and `version` when they are known; else the text is asked. Of several commands the last that failed counts.
    """
    log = read(text)
    for attempt in _by_weight(attempts(log.text)):
        said = told(log.text, attempt)
        tools = frozenset({tool}) if tool else _tools(said) or _tools(log.text)
        if found := _causes(log, attempt.begin, said, tools, version, context):
            return found
    return []


def succeeded(text: str) -> bool:
    """Whether every command in the log has worked, as far as it shows."""
    return {each.outcome for each in attempts(read(text).text)} == {Outcome.SUCCEEDED}


def tool_of(text: str) -> str:
    """Who printed it, "" when nothing tells; where several did, the one that called the others comes first."""
    tools = _tools(read(text).text)
    return next((name for name in _TOOLS if name in tools), "")


def _by_weight(found: Sequence[Attempt]) -> Sequence[Attempt]:
    """The last that failed, then those before; then those that ended nobody knows how, then what worked."""
    order = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.SUCCEEDED)
    return sorted(found, key=lambda each: (order.index(each.outcome), -each.begin))


def _tools(text: str) -> frozenset[str]:
    return frozenset(name for name, shows in _TOOLS.items() if any(map(shows.match, text.split("\n"))))


def _causes(
    log: Log, begin: int, said: str, tools: frozenset[str], version: str, context: Context
) -> list[Explanation]:
    found = []
    for cause in catalogue().values():
        best = max(
            (match for each in cause.signatures if (match := _match(each, said, tools, context)) is not None),
            key=lambda match: (match[0].rank, match[1].start()),
            default=None,
        )
        if best is not None:
            found.append(_explanation(cause, best, log, begin, version, context))
    telling = [each for each in found if each.cause.severity > Severity.INFO] or found  # else: that nothing is said
    return sorted(telling, key=lambda each: (-each.rank, -each.number))


_Match = tuple[Signature, "re.Match[str]", str, Mapping[str, str]]


def _match(signature: Signature, text: str, tools: frozenset[str], context: Context) -> _Match | None:
    if signature.tools and tools and not signature.tools & tools:
        return None
    if (strings := needed(signature.pattern)) and not any(each in text for each in strings):
        return None
    last = None
    for last in signature.pattern.finditer(text):
        if last.end() == last.start():
            return None
    if last is None or (signature.unless is not None and signature.unless.search(text)):
        return None
    groups = _groups(last)
    for tool in (signature.tools & tools) or tools or signature.tools or frozenset({""}):
        held = [CONDITIONS[name](groups, tool, context) for name in signature.when]
        if all(each is not False for each in held):
            known = [each for each in held if not isinstance(each, bool)]
            return signature, last, tool, {key: value for each in known for key, value in each.items()}
    return None


def _groups(match: re.Match[str]) -> Mapping[str, str]:
    return {name: value for name, value in match.groupdict().items() if value}


def _explanation(cause: Cause, best: _Match, log: Log, begin: int, version: str, context: Context) -> Explanation:
    signature, match, tool, known = best
    values: dict[str, Any] = {**known, **_groups(match)}
    values.setdefault("command", " ".join(context.command))
    values.setdefault("tool", tool)
    if asked := _INDEX.search(match.string):
        values.setdefault("index", asked[1])
        if cause.id.startswith("index-"):  # of others it is the proxy's
            values.setdefault("address", asked[2])
    finding = cause.finding(version=version, **values)
    position = begin + match.start("proof" if "proof" in signature.pattern.groupindex else 0)
    return Explanation(cause, finding, log.line(position), log.number(position), signature.rank)


def named(explanations: Sequence[Explanation]) -> str:
    """The id of the cause, "" when it is not known."""
    return explanations[0].cause.id if explanations else ""
