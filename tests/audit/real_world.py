"""What the audit says of files that nobody wrote for it: the installed packages, this repository, any folder you name.

`make audit-score` prints it behind the corpus. Nobody knows here which findings are right, so what is held is a rate:
everybody would notice an audit that finds something in one of `LEAST` files of well kept packages. Read what it lists.
Tests look at folders of their own, as the packages differ between machines.
"""

from __future__ import annotations

import sys
import sysconfig
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipway.audit import configuration
from pipway.audit.rules import rules
from pipway.audit.run import Result, check, collect
from pipway.audit.walk import Tree
from pipway.findings import Severity

LEAST = 20  #: files that configure something, for one finding
HERE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Seen:
    """One folder."""

    name: str
    files: int
    loud: tuple[Result, ...]

    @property
    def is_quiet(self) -> bool:
        """Whether it has few enough findings; one may be right in any folder."""
        return len(self.loud) <= 1 + self.files // LEAST

    def __str__(self) -> str:
        each = ", ".join(f"{rule} {count}" for rule, count in sorted(Counter(r.rule.id for r in self.loud).items()))
        return f"{self.name}: {self.files} files, {len(self.loud)} findings at regular" + (f" ({each})" if each else "")


def look(folder: Path, name: str = "") -> Seen:
    """Audit one folder as its owner would, with its configuration."""
    said = configuration.found(folder)
    project = collect(Tree(folder), configuration=said, today=datetime.now(UTC).date())
    results = check(project, rules(), configuration=said).results
    loud = tuple(result for result in results if result.severity > Severity.INFO)
    return Seen(name or folder.name, len({source.path for source in project.sources}), loud)


def installed() -> Path:
    """Where the packages are that this interpreter imports."""
    return Path(sysconfig.get_path("purelib"))


def known() -> list[tuple[Path, str]]:
    """What is on every machine that has the lab."""
    library = Path(sysconfig.get_path("stdlib"))
    return [(installed(), "installed packages"), (library, "the standard library"), (HERE, "this repository")]


def main(arguments: Sequence[str]) -> int:
    """Print each folder; 1 when one of them has more findings than well kept files have."""
    every = [look(*each) for each in [(Path(each), "") for each in arguments] or known()]
    for seen in every:
        print(seen)
        for result in seen.loud:
            print(f"  {result.rule.id} {result.found.span.place}: {result.found.what}")
    return int(not all(seen.is_quiet for seen in every))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
