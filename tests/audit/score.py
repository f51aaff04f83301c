"""How good the audit is on a corpus of projects: what is found of what was planted, and what is found for nothing.

`make audit-score` prints it. Each file of tests/audit/corpus/ is a project: one with `# plant: PW101 pip.conf:2` lines
has those problems, one without is clean and must stay so at the persona `regular`.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.audit.casefile import lay, read

from pipway.audit.rules import rules
from pipway.audit.run import check
from pipway.findings import Severity

CORPUS = Path(__file__).parent / "corpus"


@dataclass
class Score:
    """Of a whole corpus."""

    clean: int = 0
    planted: int = 0
    found: Counter[str] = field(default_factory=Counter)  #: rule → plants that were found
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  #: false positives


def score(paths: list[Path]) -> Score:
    """Audit every project of a corpus. What is only information is never wrong."""
    total = Score()
    for path in paths:
        case = read(path)
        with tempfile.TemporaryDirectory() as folder:
            results = check(lay(case, Path(folder)), rules(), persona=case.persona).results
        seen = {f"{result.rule.id} {result.found.span.place.name}:{result.found.span.place.line}" for result in results}
        if case.plant:
            total.planted += 1
            total.found.update(plant.split()[0] for plant in case.plant if plant in seen)
            total.missed += [f"{path.stem}: {plant}" for plant in case.plant if plant not in seen]
        else:
            total.clean += 1
            loud = [result for result in results if result.severity > Severity.INFO]
            total.wrong += [f"{path.stem}: {result.rule.id} {result.found.span.place}" for result in loud]
    return total


def main() -> int:
    """Print the numbers; 1 when something is missed or wrong."""
    paths = sorted(CORPUS.glob("*.case"))
    total = score(paths)
    found, planted = total.found.total(), total.found.total() + len(total.missed)
    print(f"{len(paths)} projects: {total.clean} clean, {total.planted} with {planted} planted problems")
    print(f"found {found} of {planted}, by {len(total.found)} of {len(rules())} rules")
    print(f"false positives: {len(total.wrong)}")
    for line in (*(f"missed: {each}" for each in total.missed), *(f"wrong: {each}" for each in total.wrong)):
        print(line)
    return int(bool(total.missed or total.wrong))


if __name__ == "__main__":
    sys.exit(main())
