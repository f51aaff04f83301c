"""A suppression that nobody understands.

What
----
A comment begins with `pipway: ignore` but names no rule, an id that is none, or no date behind `until=`. Pedants also
hear of those without a day on which they end, or without a reason.

Why
---
It suppresses nothing, though somebody believes it does. There is no comment that suppresses every rule.

Bad
---
    # requirements.txt
    # pipway: ignore
    --trusted-host nexus.corp

Good
----
    # requirements.txt
    # pipway: ignore[PW102] until=2027-03-01 the certificate comes with the new server
    --trusted-host nexus.corp
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.facts import Project
from pipway.audit.suppress import suppressions
from pipway.findings import Severity

RULE = Rule("PW003", "unclear-suppression", "Suppression that is not understood", Severity.LOW)


def check(project: Project) -> Iterator[Found]:
    """Every comment with a mistake."""
    for found in suppressions(project):
        if found.mistake:
            yield Found(
                found.span,
                f"this suppression is not understood: {found.mistake}",
                consequence="it suppresses nothing",
                advice="write pipway: ignore[PW201] until=2027-03-01 and why",
            )
        elif missing := [what for what, there in (("a day", found.until), ("a reason", found.reason)) if not there]:
            yield Found(
                found.span,
                f"this suppression of {', '.join(found.rules)} is without {' and '.join(missing)}",
                persona=Persona.PEDANTIC,
                consequence="nobody will know when it can go",
                advice="write until=2027-03-01 and why",
            )
