"""For programs: the whole report. docs/reference/audit.schema.json describes it; `version` says which shape it has."""

from __future__ import annotations

import json
from dataclasses import asdict

from pipway.audit.report import Report


def write(report: Report) -> str:
    """ASCII, so that whatever stands in a file arrives as it is."""
    said = asdict(report)
    return json.dumps({"version": said.pop("version"), **said}, indent=2) + "\n"
