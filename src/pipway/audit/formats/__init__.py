"""How a report is written: one module per format, each with `write(report) -> str`.

`cli/audit.py` picks one. They see a `Report` only, in which nothing is secret any more.
"""

from __future__ import annotations

import importlib
from typing import cast

from pipway.audit.report import Report

NAMES = ("text", "concise", "json", "sarif", "github", "gitlab", "junit")  #: in the order in which people read of them


def write(name: str, report: Report) -> str:
    """A report in the format of that name, with a line break at its end."""
    module = importlib.import_module(f"{__name__}.{name}")
    return cast(str, module.write(report))
