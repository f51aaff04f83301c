"""Workflow commands of GitHub Actions: an annotation for each finding.

Ten of a kind are shown per step, so the last line counts all of them.
"""

from __future__ import annotations

from pipway.audit.formats.text import places, summary
from pipway.audit.report import Entry, Report, named

_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "warning", "info": "notice"}


def write(report: Report) -> str:
    """`::error file=…,line=…,title=…::message`."""
    return "\n".join([*map(_annotation, report.findings), *map(_data, summary(report))]) + "\n"


def _annotation(entry: Entry) -> str:
    at = entry.at
    place = {} if entry.outside else {"file": named(at.path), "line": at.line, "col": at.column, "endLine": at.end_line}
    if place and at.end_line == at.line:
        place["endColumn"] = at.end_column
    words = {**place, "title": f"{entry.rule} {entry.title}"}
    said = "\n".join(part for part in (entry.what, entry.consequence, entry.advice, *places(entry)) if part)
    if entry.outside:
        said = f"{named(at.path)}: {said}"
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in words.items())
    return f"::{_LEVELS[entry.severity]} {properties}::{_data(said)}"


def _data(text: str) -> str:
    """As the runner's toolkit escapes a message: nothing that stands in a file begins a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
