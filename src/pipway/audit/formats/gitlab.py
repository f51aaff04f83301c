"""GitLab's Code Quality report: a list of issues, told apart by their fingerprints."""

from __future__ import annotations

import json

from pipway.audit.formats.text import places
from pipway.audit.report import Entry, Report, readable

_SEVERITIES = {"critical": "blocker", "high": "critical", "medium": "major", "low": "minor", "info": "info"}


def write(report: Report) -> str:
    """Findings about the machine name their file as it is."""
    return json.dumps([_issue(entry) for entry in report.findings], indent=2) + "\n"


def _issue(entry: Entry) -> dict[str, object]:
    said = ". ".join(part.rstrip(".") for part in (entry.what, entry.consequence, entry.advice, *places(entry)) if part)
    return {
        "description": f"{entry.rule}: {said}",
        "check_name": entry.name,
        "fingerprint": entry.fingerprint,
        "severity": _SEVERITIES[entry.severity],
        "location": {"path": readable(entry.at.path), "lines": {"begin": entry.at.line, "end": entry.at.end_line}},
    }
