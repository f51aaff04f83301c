"""How `pipway doctor` reports: step by step as they end, then the first thing that fails; and as JSON.

Everything passes `_shown`: proxies, servers and certificates are quoted here, and a terminal must not obey them.
Nothing else prints what a probe found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipway.findings import Severity
from pipway.redact import printable, redact

if TYPE_CHECKING:
    from rich.console import Console

    from pipway.doctor.run import Report, Step
    from pipway.findings import Finding

_MARKS = {"works": ("✓", "green"), "remark": ("!", "yellow"), "fails": ("✗", "red"), "skipped": ("·", "dim")}
_TITLE = 38  # columns


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
    fix = finding.fix
    return {
        "id": finding.id,
        "severity": finding.severity.name.lower(),
        "what": redact(finding.what),
        "why": redact(finding.why),
        "place": redact(str(finding.place)) if finding.place else None,
        "fix": None
        if fix is None
        else {"text": redact(fix.text), "commands": [redact(each) for each in fix.commands], "safe": fix.safe},
        "link": finding.link or None,
    }


class Screen:
    """The report for a person, on standard output or standard error."""

    def __init__(self, *, stderr: bool = False) -> None:
        from rich.console import Console

        self._console: Console = Console(highlight=False, stderr=stderr)
        self._same: list[Step] = []  # steps that were not tried for one reason, told together

    def begin(self, title: str) -> None:
        """Who is examined."""
        self._say((printable(title), "bold"))

    def step(self, step: Step) -> None:
        """One line, as soon as it is known; one for several that were not tried for the same reason."""
        if self._same and (step.result.status != "skipped" or _reason(step) != _reason(self._same[0])):
            self._not_tried()
        if step.result.status == "skipped":
            self._same.append(step)
            return
        mark, colour = _MARKS[step.result.status]
        self._row((f"  {mark}", colour), (f"{step.title:<{_TITLE}}", ""), (_shown(step.result.says), "dim"))

    def _not_tried(self) -> None:
        first, *more = self._same
        reason = _reason(first) if more else first.result.says
        others = f" (and {len(more)} more)" if more else ""
        mark, colour = _MARKS["skipped"]
        self._row((f"  {mark}", colour), (f"{first.title:<{_TITLE}}", "dim"), (_shown(f"{reason}{others}"), "dim"))
        self._same.clear()

    def end(self, report: Report) -> None:
        """The first thing that fails, then what else should be known."""
        if self._same:
            self._not_tried()
        first = report.first
        if first is None:
            self._say(("\nEverything that was tried works.", "bold green"))
        else:
            self._say(("\nThis is what fails:", "bold red"))
            self.finding(first)
        # Who has a failure before them does not want to hear of trifles.
        least = Severity.INFO if first is None else Severity.MEDIUM
        others = [each for each in report.findings if each is not first and each.severity >= least]
        if others:
            self._say(("\nGood to know:", "bold"))
        for finding in others:
            self.finding(finding)

    def finding(self, finding: Finding) -> None:
        """What, where, why, and the fix, its commands ready to be pasted."""
        self._say(("  ", ""), (_shown(finding.what), "bold"), (f"  [{finding.id}]", "dim"))
        for label, text in (("where", str(finding.place or "")), ("why", finding.why), ("fix", _fix(finding))):
            if text:
                self.line(label, text)
        for command in finding.fix.commands if finding.fix else ():
            # Never wrapped: what is pasted must be one line.
            self._say(("         $ ", "dim"), (_shown(command), "cyan"), wrap=False)

    def line(self, label: str, text: str) -> None:
        """A labelled line."""
        self._row((f"  {label:>5} ", "dim"), (_shown(text), ""))

    def _row(self, *cells: tuple[str, str]) -> None:
        """Side by side; the last cell is wrapped below its own beginning."""
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1, 0, 0))
        for _ in cells[:-1]:
            grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(*(Text(text, style) for text, style in cells))
        self._console.print(grid)

    def _say(self, *parts: tuple[str, str], wrap: bool = True) -> None:
        from rich.text import Text

        self._console.print(Text.assemble(*parts), soft_wrap=not wrap)


def _shown(text: str) -> str:
    """Without secrets, and on one line that only says something."""
    return printable(" ".join(redact(text).splitlines()))


def _reason(step: Step) -> str:
    """Why it was not tried; which step before it failed stands above."""
    return "needs what fails" if step.result.says.startswith("not tried: needs ") else step.result.says


def _fix(finding: Finding) -> str:
    return finding.fix.text if finding.fix else ""
