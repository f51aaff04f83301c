"""How good the audit is on a corpus of projects: what is found of what was planted, and what is found for nothing.

`make audit-score` prints it. Each file of tests/audit/corpus/ is a project: one with `# plant: PW101 pip.conf:2 high`
lines has those problems and no others, one without is clean. What the persona `regular` sees above information and
nobody planted is a false positive, in both halves. `*` instead of a line stands for the file as a whole, `pedantic`
after the severity for what only that persona sees.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.audit.casefile import Case, lay, read

from pipway.audit.base import Persona
from pipway.audit.facts import Project
from pipway.audit.rules import Explained, rules
from pipway.audit.run import Result, check
from pipway.findings import Severity

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Plant:
    """A problem that somebody put there."""

    rule: str
    file: str
    line: str  #: `*`: the whole file
    severity: str
    persona: Persona = Persona.REGULAR

    @classmethod
    def understood(cls, text: str) -> Plant:
        """Of `PW101 docker/pip.conf:2 high pedantic`."""
        rest, pedantic, _ = text.partition(" pedantic")
        where, _, severity = rest.rpartition(" ")
        rule, _, place = where.partition(" ")
        file, _, line = place.rpartition(":")
        return cls(rule, file, line, severity, Persona.PEDANTIC if pedantic else Persona.REGULAR)

    def is_found_by(self, result: Result) -> bool:
        """Whether this finding is the planted problem, as bad as it was said to be."""
        return self.covers(result) and self.severity == result.severity.name.lower()

    def covers(self, result: Result) -> bool:
        """Whether this finding is about it, however bad."""
        place = result.found.span.place
        return (
            (result.rule.id, place.name) == (self.rule, self.file)
            and self.line in {"*", str(place.line)}
            and (self.persona is Persona.PEDANTIC or result.found.persona is Persona.REGULAR)
        )

    def __str__(self) -> str:
        return f"{self.rule} {self.file}:{self.line} {self.severity}"


@dataclass
class Score:
    """Of a whole corpus."""

    clean: int = 0
    planted: int = 0
    files: int = 0
    plants: Counter[str] = field(default_factory=Counter)  #: rule → how often it was planted
    found: Counter[str] = field(default_factory=Counter)  #: rule → plants that were found
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  #: false positives

    def add(self, name: str, case: Case, results: list[Result]) -> None:
        """One project."""
        plants = [Plant.understood(text) for text in case.plant]
        self.planted, self.clean = self.planted + bool(plants), self.clean + (not plants)
        self.files += len(case.files)
        for plant in plants:
            self.plants[plant.rule] += 1
            if any(map(plant.is_found_by, results)):
                self.found[plant.rule] += 1
            else:
                seen = {result.severity.name.lower() for result in results if plant.covers(result)}
                self.missed.append(f"{name}: {plant}" + (f", is {' '.join(sorted(seen))}" if seen else ""))
        for result in results:
            if is_loud(result) and not any(plant.covers(result) for plant in plants):
                severity = result.severity.name.lower()
                self.wrong.append(f"{name}: {result.rule.id} {result.found.span.place} {severity}")


def is_loud(result: Result) -> bool:
    """Whether everybody gets to see it, as more than information."""
    return result.found.persona is Persona.REGULAR and result.severity > Severity.INFO


def score(paths: list[Path]) -> Score:
    """Audit every project of a corpus."""
    total, all_rules = Score(), rules()
    for path in paths:
        case = read(path)
        with tempfile.TemporaryDirectory() as folder:
            total.add(path.stem, case, _results(lay(case, Path(folder)), all_rules))
    return total


def _results(project: Project, all_rules: Mapping[str, Explained]) -> list[Result]:
    """As bad as everybody sees them, and what pedants see besides: some rules are stricter with them."""
    regular = list(check(project, all_rules, persona=Persona.REGULAR).results)
    strict = check(project, all_rules, persona=Persona.PEDANTIC).results
    return regular + [result for result in strict if result.found.persona is Persona.PEDANTIC]


def families(total: Score) -> Iterator[str]:
    """A line for each family of rules: PW1xx, PW2xx, …"""
    for family in sorted({rule[:3] for rule in (*total.plants, *rules())}):
        planted = sum(count for rule, count in total.plants.items() if rule.startswith(family))
        found = sum(count for rule, count in total.found.items() if rule.startswith(family))
        known = sum(rule.startswith(family) for rule in rules())
        seen = sum(rule.startswith(family) for rule in total.found)
        yield f"  {family}xx: found {found:3} of {planted:3}, by {seen:2} of {known:2} rules"


def main() -> int:
    """Print the numbers; 1 when something is missed or wrong."""
    total = score(sorted(CORPUS.glob("*.case")))
    found, planted = total.found.total(), total.plants.total()
    print(f"{total.clean + total.planted} projects: {total.clean} clean, {total.planted} planted; {total.files} files")
    print(f"{planted} problems planted: {found} found, {len(total.missed)} missed")
    print(*families(total), sep="\n")
    print(f"false positives at regular: {len(total.wrong)}")
    for line in (*(f"missed: {each}" for each in total.missed), *(f"wrong: {each}" for each in total.wrong)):
        print(line)
    return int(bool(total.missed or total.wrong))


if __name__ == "__main__":
    sys.exit(main())
