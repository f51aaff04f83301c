"""SARIF 2.1.0, for code scanning and editors; clause numbers are of that specification.

GitHub takes 25 000 results of a run and shows ten tags of a rule. A finding about the machine has no place in the
repository, so it is a notification (§3.58) and not a result.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from pipway.audit.formats.text import places
from pipway.audit.report import Entry, Further, Region, Report, readable
from pipway.audit.rules import Explained, rules

MOST = 25_000
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "0.5"}  # as GitHub groups them


def write(report: Report) -> str:
    """One run. It succeeded whatever was found; the exit code tells that."""
    inside = [entry for entry in report.findings if not entry.outside][:MOST]
    used = {entry.rule for entry in report.findings}
    known = [explained for name, explained in rules().items() if name in used]
    index = {explained.rule.id: place for place, explained in enumerate(known)}
    notifications = [_notification(entry) for entry in report.findings if entry.outside]
    notifications += [
        {"level": "note", "message": {"text": f"not looked at: {readable(text)}"}} for text in report.skipped
    ]
    run = {
        "tool": {
            "driver": {
                "name": report.tool,
                "semanticVersion": report.tool_version,
                "rules": [_rule(each) for each in known],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "The folder that was audited."}}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "results": [_result(entry, index[entry.rule]) for entry in inside],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(explained: Explained) -> dict[str, Any]:
    rule, sections = explained.rule, explained.sections
    level = rule.severity.name.lower()
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": sections.get("What", rule.title)},
        "help": {"text": sections.get("Why", ""), "markdown": explained.markdown()},
        "defaultConfiguration": {"level": _LEVELS[level]},
        "properties": {"security-severity": _SCORES[level], "tags": ["security", "supply-chain", "python"]},
    }


def _result(entry: Entry, index: int) -> dict[str, Any]:
    said = ". ".join(part.rstrip(".") for part in (entry.what, entry.consequence, entry.advice) if part)
    result: dict[str, Any] = {
        "ruleId": entry.rule,
        "ruleIndex": index,
        "level": _LEVELS[entry.severity],
        "message": {"text": said},
        "locations": [{"physicalLocation": {**_place(entry.at, snippet=entry.snippet.text)}}],
        "partialFingerprints": {"pipway/v1": entry.fingerprint},
        "properties": {"security-severity": _SCORES[entry.severity], "confidence": entry.confidence},
    }
    if entry.related:
        result["relatedLocations"] = [_further(each, number) for number, each in enumerate(entry.related, 1)]
    if entry.fix is not None and entry.fix.edits:
        result["fixes"] = [_fix(entry)]
    return result


def _fix(entry: Entry) -> dict[str, Any]:
    assert entry.fix is not None
    files: dict[str, list[dict[str, Any]]] = {}
    for edit in entry.fix.edits:
        change = {"deletedRegion": _region(edit.region), "insertedContent": {"text": edit.text}}
        files.setdefault(edit.region.path, []).append(change)
    text = entry.fix.title if entry.fix.safe else f"{entry.fix.title} (look at what it does)"
    changes = [{"artifactLocation": _uri(path), "replacements": every} for path, every in files.items()]
    return {"description": {"text": text}, "artifactChanges": changes}


def _further(each: Further, number: int) -> dict[str, Any]:
    """A related location (§3.27.22); one of the machine has no place in the repository, and only says where it is."""
    if each.outside:
        return {"id": number, "message": {"text": f"{readable(each.path)}:{each.line}: {each.note or 'see there'}"}}
    place = _place(each, snippet=each.snippet.text)
    return {"id": number, "physicalLocation": place, "message": {"text": each.note or "see here"}}


def _notification(entry: Entry) -> dict[str, Any]:
    said = ". ".join((f"{readable(entry.at.path)}:{entry.at.line}: {entry.rule}: {entry.what}", *places(entry)))
    return {
        "level": _LEVELS[entry.severity],
        "message": {"text": said},
        "associatedRule": {"id": entry.rule},
    }


def _place(region: Region, snippet: str = "") -> dict[str, Any]:
    where = _region(region)
    if snippet:
        where["snippet"] = {"text": snippet}
    return {"artifactLocation": _uri(region.path), "region": where}


def _region(region: Region) -> dict[str, Any]:
    return {
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }


def _uri(path: str) -> dict[str, Any]:
    """Relative to the audited folder, as code scanning wants it (§3.4.3)."""
    return {"uri": quote(path.encode("utf-8", "surrogateescape")), "uriBaseId": "ROOT"}
