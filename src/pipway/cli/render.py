"""How errors and findings look on a terminal; the verbs call it. Standard error only, no secret ever."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable

from pipway.errors import PipwayError
from pipway.findings import Finding, Severity
from pipway.redact import printable, redact

_INDENT = "       "


def _paint(text: str, code: str) -> str:
    # https://no-color.org: any non-empty value switches colour off.
    colours = sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[{code}m{text}\x1b[0m" if colours else text


def _write(lines: Iterable[str]) -> None:
    if sys.stderr is None:  # closed by whoever started us
        return
    with contextlib.suppress(OSError):  # nobody may be reading; the exit code still tells
        print("\n".join(redact(line) for line in lines), file=sys.stderr, flush=True)


def _part(label: str, text: str) -> list[str]:
    first, *rest = printable(text).splitlines() or [""]
    return [f"{_paint(f'{label:>5}', '2')}  {first}", *(_INDENT + line for line in rest)] if text else []


def show_error(error: PipwayError) -> None:
    """One block: what happened, why, what to do."""
    head = f"{_paint('error', '1;31')}  {printable(error.what)} {_paint(f'[{error.code}]', '2')}"
    _write([head, *_part("why", error.why), *_part("fix", error.fix)])


def show_unexpected(error: Exception) -> None:
    """One line about an error that nobody foresaw, and what to do with it."""
    what = printable(" ".join(f"{type(error).__name__}: {error}".split())[:400])
    head = f"{_paint('error', '1;31')}  pipway failed unexpectedly: {what}"
    _write([head, *_part("fix", "This is a bug. Run it again as `pipway --debug …` and report what that prints.")])


def show_findings(findings: Iterable[Finding]) -> None:
    """One block for each: severity, where, what, why, fix."""
    for finding in findings:
        colour = "1;31" if finding.severity >= Severity.HIGH else "33"
        where = f"{finding.place}: " if finding.place else ""
        said = printable(f"{where}{finding.what}")
        head = f"{_paint(finding.severity.name.lower(), colour)}  {said} {_paint(f'[{finding.id}]', '2')}"
        _write([head, *_part("why", finding.why), *_part("fix", finding.fix.text if finding.fix else "")])
