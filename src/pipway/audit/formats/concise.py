"""One line per finding: for grep, and for editors that know `file:line:column: message`."""

from __future__ import annotations

from pipway.audit.formats.text import summary, where
from pipway.audit.report import Report


def write(report: Report) -> str:
    """`requirements.txt:1:13: high PW101 the index … [plain-http-index]`."""
    lines = [
        f"{where(entry)}: {entry.severity} {entry.rule} {' '.join(entry.what.split())} [{entry.name}]"
        for entry in report.findings
    ]
    return "\n".join([*lines, *summary(report)]) + "\n"
