"""How `pipway doctor` reports: for a person, and as JSON. No secret: everything passes `redact`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipway.redact import redact

if TYPE_CHECKING:
    from pipway.doctor.run import Report
    from pipway.findings import Finding

_MARKS = {"works": "[green]✓[/]", "remark": "[yellow]![/]", "fails": "[red]✗[/]", "skipped": "[dim]·[/]"}


def as_dict(report: Report) -> dict[str, Any]:
    """Version 1 of the JSON form."""
    return {
        "version": 1,
        "client": report.case.subject.name,
        "client_version": report.case.subject.version,
        "index": redact(report.case.index),
        "first": report.first.id if report.first else None,
        "steps": [
            {
                "id": step.id,
                "title": step.title,
                "status": step.result.status,
                "says": redact(step.result.says),
                "seconds": round(step.seconds, 3),
                "findings": [finding_dict(each) for each in step.result.findings],
            }
            for step in report.steps
        ],
    }


def finding_dict(finding: Finding) -> dict[str, Any]:
    """One finding."""
    return {
        "id": finding.id,
        "severity": finding.severity.name.lower(),
        "what": redact(finding.what),
        "why": redact(finding.why),
        "place": redact(str(finding.place)) if finding.place else None,
        "fix": {
            "text": redact(finding.fix.text),
            "commands": [redact(command) for command in finding.fix.commands],
            "safe": finding.fix.safe,
        }
        if finding.fix
        else None,
        "link": finding.link or None,
    }


def show(report: Report) -> None:
    """On standard output."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    for step in report.steps:
        console.print(f"{_MARKS[step.result.status]} {escape(step.title)}[dim]: {escape(redact(step.result.says))}[/]")
    for finding in report.findings:
        console.print()
        console.print(f"[bold]{escape(redact(finding.what))}[/] [dim]\\[{finding.id}][/]")
        console.print(f"  [dim]why[/]  {escape(redact(finding.why))}")
        if finding.fix:
            console.print(f"  [dim]fix[/]  {escape(redact(finding.fix.text))}")
            for command in finding.fix.commands:
                console.print(f"         [cyan]{escape(redact(command))}[/]")
