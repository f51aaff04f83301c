"""A suppression suppresses nothing.

What
----
A comment names rules that find nothing at its line.

Why
---
It was mended, or the comment stands in the wrong place. Left alone, it hides the next finding there.

Bad
---
    # requirements.txt
    # pipway: ignore[PW101] the mirror has no certificate
    --index-url https://nexus.corp/repository/pypi/simple/

Good
----
    # requirements.txt
    --index-url https://nexus.corp/repository/pypi/simple/
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Project
from pipway.audit.suppress import Suppression, removal
from pipway.findings import Severity

RULE = Rule("PW002", "unused-suppression", "Suppression of nothing", Severity.LOW)


def check(project: Project) -> Iterator[Found]:
    """Nothing by itself: `run` knows what every rule found, and calls `finding` then."""
    yield from ()


def finding(suppression: Suppression) -> Found:
    """About one comment."""
    return Found(
        suppression.span,
        f"{', '.join(suppression.rules)} finds nothing here",
        consequence="the comment would hide what is wrong here later",
        advice="remove the comment",
        repair=removal(suppression),
    )
