"""`pipway doctor --capture FILE`: what was asked and answered, to hand to whoever runs the proxy. No secrets.

The file is made before anything is asked, for its owner alone; one that exists is never overwritten.
"""

from __future__ import annotations

import os
import platform
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pipway import __version__
from pipway.errors import UsageError
from pipway.redact import printable, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipway.doctor.run import Report


def begin(path: Path) -> TextIO:
    """Make the file, 0600. UsageError when it exists or cannot be made."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError:
        raise UsageError(
            "capture-exists", f"{path} exists already", why="it is not overwritten", fix="name another file, or move it"
        ) from None
    except OSError as error:
        raise UsageError(
            "capture-failed", f"cannot write {path}", why=error.strerror or "", fix="name another file"
        ) from None


def finish(file: TextIO, report: Report) -> None:
    """Write it. UsageError when the disk does not take it."""
    try:
        with file:
            file.writelines(f"{printable(line)}\n" for line in _lines(report))
    except OSError as error:
        raise UsageError(
            "capture-failed", f"cannot write {file.name}", why=error.strerror or "", fix="name a file elsewhere"
        ) from None


def _lines(report: Report) -> Iterator[str]:
    case, facts = report.case, report.facts
    yield "pipway doctor: what was asked and answered. Passwords, tokens and cookies are left out."
    yield f"when      {case.now().isoformat(timespec='seconds')}"
    yield f"pipway    {__version__}, Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, {platform.platform()}"
    yield f"client    {case.subject.name} {case.subject.version}".rstrip()
    yield f"index     {redact(case.index)}"
    if facts.proxy is not None:
        yield f"proxy     {redact(str(facts.proxy))}{f' ({facts.software})' if facts.software else ''}"
    yield ""
    for step in report.steps:
        yield f"{step.result.status:8}{step.seconds:7.3f} s  {step.id}: {redact(step.result.says)}"
        for finding in step.result.findings:
            yield f"                    [{finding.id}] {redact(finding.what)}"
    yield ""
    yield "seconds, then * what happened, > sent, < received"
    yield from facts.transcript or ["nothing was sent"]
