"""A suppression is over.

What
----
A comment suppresses a finding until a date that has passed.

Why
---
Somebody promised to mend it by then. The finding is shown again, and the comment says nothing any more.

Bad
---
    # requirements.txt
    # pipway: ignore[PW201] until=2024-01-31 until the merged index is there
    --extra-index-url https://nexus.corp/repository/pypi/simple/

Good
----
    # requirements.txt
    --index-url https://nexus.corp/repository/merged/simple/
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Project
from pipway.audit.suppress import removal, suppressions
from pipway.findings import Severity

RULE = Rule("PW001", "expired-suppression", "Suppression that is over", Severity.LOW)


def check(project: Project) -> Iterator[Found]:
    """Every comment whose date is before today."""
    for found in suppressions(project):
        if found.until is not None and found.until < project.today and not found.mistake:
            yield Found(
                found.span,
                f"this suppression of {', '.join(found.rules)} ended on {found.until.isoformat()}",
                consequence="what it suppressed is reported again",
                advice="mend what it suppressed, then remove the comment",
                repair=removal(found),
            )
