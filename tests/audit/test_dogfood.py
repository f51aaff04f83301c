"""pipway's own repository audits clean."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pipway.audit import configuration
from pipway.audit.rules import rules
from pipway.audit.run import check, collect
from pipway.audit.walk import Tree
from pipway.findings import Severity

ROOT = Path(__file__).parents[2]


def test_this_repository_is_clean() -> None:
    """If this fails: mend it, or say why not in a comment."""
    said = configuration.found(ROOT)
    project = collect(Tree(ROOT), configuration=said, today=datetime.now(UTC).date())
    assert len(project.sources) >= 3
    found = check(project, rules(), configuration=said).results
    loud = [f"{each.rule.id} {each.found.span.place}" for each in found if each.severity > Severity.INFO]
    assert loud == []
