"""Reads what an installer printed and names the cause. Pure; `cli.explain` calls it.

It never guesses: a cause is named when one of its signatures is in the text, with the line that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipway.doctor.catalogue import Cause, Signature, catalogue
from pipway.doctor.conditions import CONDITIONS, NOTHING, Context
from pipway.findings import Finding

_HEAD, _TAIL = 262_144, 1_835_008  # characters kept of a long log: its beginning and its end
_LONGEST_LINE = 8192
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")

#: tool → beginnings of lines, and words, that only it prints
_SHOWN = {
    "uv": (
        r"^error: (?:Failed to|Request failed|No solution|Unsupported|Could not connect|Invalid)",
        *(
            r"^\s*[×╰├▶]",
            r"^\s*(?:cause|Caused by): ",
            r"^Resolved \d+ package",
            r"^Using Python \d",
            r"^hint: An index",
        ),
    ),
    "poetry": (r"^Resolving dependencies\.\.\.", r"^Creating virtualenv", r"version solving failed", r"\bpoetry\b"),
    "pipenv": (r"\bpipenv\b", r"^Locking \[packages\]", r"Courtesy Notice"),
    "pdm": (r"\[PdmUsageError\]", r"\bpdm\b"),
    "conda": (r"Conda(?:HTTP|SSL)Error", r"^(?:Collecting package metadata|Solving environment)", r"ProxyError: Conda"),
    "pip": (
        *(r"^Looking in (?:indexes|links)", r"^Collecting ", r"^Requirement already satisfied", r"^WARNING: Retrying"),
        *(r"^ERROR: ", r"^Processing ", r"^error: [a-z]+(?:-[a-z]+)+$", r"^\s*Could not fetch URL", r"\[notice\]"),
    ),
}
_TOOLS = {tool: re.compile("|".join(shown), re.MULTILINE) for tool, shown in _SHOWN.items()}


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

    `tool` and `version` when they are known; else the text is asked.
    """
    text, offset = _bounded(text)
    tools = frozenset({tool}) if tool else frozenset(name for name, shows in _TOOLS.items() if shows.search(text))
    found = []
    for cause in catalogue().values():
        best = max(
            (match for each in cause.signatures if (match := _match(each, text, tools, context)) is not None),
            key=lambda match: (match[0].rank, match[1].start()),
            default=None,
        )
        if best is not None:
            found.append(_explanation(cause, best, text, offset, version, context))
    return sorted(found, key=lambda each: (-each.rank, -each.number))


def tool_of(text: str) -> str:
    """Who printed it, "" when nothing tells; where several did, the one that called the others comes first."""
    return next((name for name, shows in _TOOLS.items() if shows.search(text)), "")


_Match = tuple[Signature, "re.Match[str]", str, Mapping[str, str]]


def _match(signature: Signature, text: str, tools: frozenset[str], context: Context) -> _Match | None:
    if signature.tools and tools and not signature.tools & tools:
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


def _explanation(cause: Cause, best: _Match, text: str, offset: int, version: str, context: Context) -> Explanation:
    signature, match, tool, known = best
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.start())
    line = text[start : end if end >= 0 else len(text)].strip()
    values: dict[str, Any] = {**known, **_groups(match)}
    values.setdefault("command", " ".join(context.command))
    values.setdefault("tool", tool)
    finding = cause.finding(version=version, **values)
    number = text.count("\n", 0, match.start()) + 1
    return Explanation(cause, finding, line, number if start < _HEAD else number + offset, signature.rank)


def _bounded(text: str) -> tuple[str, int]:
    """The text without colours and overlong lines; and how many lines were left out in the middle."""
    left_out = 0
    if len(text) > _HEAD + _TAIL:
        left_out = text.count("\n", _HEAD, len(text) - _TAIL)
        text = text[:_HEAD] + text[-_TAIL:]
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text)
    if any(len(line) > _LONGEST_LINE for line in text.split("\n")):
        text = "\n".join(line[:_LONGEST_LINE] for line in text.split("\n"))
    return text, left_out


def named(explanations: Sequence[Explanation]) -> str:
    """The id of the cause, "" when it is not known."""
    return explanations[0].cause.id if explanations else ""
