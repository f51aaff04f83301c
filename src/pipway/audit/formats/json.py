"""For programs: the whole report. docs/reference/audit.schema.json describes it; `version` says which shape it has."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from pipway.audit.report import Entry, Report, readable


def write(report: Report) -> str:
    """ASCII, so that whatever stands in a file arrives as it is."""
    said = asdict(
        replace(report, findings=tuple(map(_named, report.findings)), skipped=tuple(map(readable, report.skipped)))
    )
    return json.dumps({"version": said.pop("version"), **said}, indent=2) + "\n"


def _named(entry: Entry) -> Entry:
    """Half of a surrogate pair is no JSON for many: a file with such a name must not make the report unreadable."""
    paths = (entry.at.path, *(each.path for each in entry.related))
    if all(path.isascii() for path in paths):
        return entry
    related = tuple(replace(each, path=readable(each.path)) for each in entry.related)
    return replace(entry, at=replace(entry.at, path=readable(entry.at.path)), related=related)
