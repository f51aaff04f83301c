"""Nothing newer than a day that is long over.

What
----
A cooldown is a fixed date, and that date is more than 90 days ago.

Why
---
It was right on the day it was written. Since then nothing that was released is installed, no security fix either, and
no tool says so. A span of time moves with the calendar.

Bad
---
    # pyproject.toml
    [tool.uv]
    exclude-newer = "2025-01-01"

Good
----
    # pyproject.toml
    [tool.uv]
    exclude-newer = "P7D"
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Project
from pipway.audit.queries.cooldowns import cooldowns, fixed
from pipway.findings import Severity

RULE = Rule(
    "PW415", "frozen-cutoff", "Cutoff that never moves", Severity.MEDIUM, references=("pip: docs/html/user_guide.rst",)
)
_DAYS = 90
_SPAN = "P7D"


def check(project: Project) -> Iterator[Found]:
    """Every fixed date that is older; who gave no day of today gets no finding."""
    if project.today == date.min:
        return
    for option in cooldowns(project):
        day = fixed(option.value)
        if day is None or (project.today - day).days <= _DAYS:
            continue
        span = option.value_span
        yield Found(
            span or option.span,
            f"nothing is installed that was uploaded after {day.isoformat()}",
            consequence=f"security fixes of the last {(project.today - day).days} days are left out",
            advice=f'write a span of time, "{_SPAN}" for a week, and hold versions with a lock file',
            repair=Repair("leave out the last week only", (Edit(span, _SPAN),)) if span is not None else None,
        )
