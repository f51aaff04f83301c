"""Reads .case files: a few directives, then files of a project, and what a fix makes of them.

test_cases.py reads those of rules, score.py those of the corpus.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from pip._internal.models.index import PyPI as FilesHost
from tests.audit.canned import answered, split

from pipway.audit.base import Persona
from pipway.audit.collect import locks
from pipway.audit.configuration import Configuration
from pipway.audit.facts import Organisation, Project, Source
from pipway.audit.git.base_branch import told
from pipway.audit.queries.hosts import host
from pipway.audit.run import collect
from pipway.audit.walk import Tree
from pipway.clients.layers import default_index

PUBLIC = host(default_index())  #: stands for `{{pypi}}` in a case
FILES = FilesHost.file_storage_domain  #: for `{{files}}`
LEGACY = f"{PUBLIC.partition('.')[0]}.python.org"  #: for `{{legacy}}`
ADMINISTRATOR = "/root"  #: the home folder in images, for `{{root}}`
DIRECTIVE = re.compile(r"# (expect|see|fix|tracked|mode|persona|today|organisation|plant): (.+)")


@dataclass
class Case:
    """One file of cases/."""

    expect: list[str] = field(default_factory=list)
    see: list[str] = field(default_factory=list)  #: further places of the findings: `Dockerfile:2`
    fix: str = ""
    plant: list[str] = field(default_factory=list)  #: of the corpus: `PW101 requirements.txt:3`
    tracked: set[str] = field(default_factory=set)
    modes: dict[str, int] = field(default_factory=dict)
    persona: Persona = Persona.REGULAR
    today: date = date(2026, 11, 21)
    organisation: dict[str, frozenset[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)
    base: dict[str, str] = field(default_factory=dict)  #: locks of the base branch

    def say(self, name: str, text: str) -> None:
        """One directive."""
        words = text.split()
        match name:
            case "expect":
                self.expect.append(text)
            case "see":
                self.see.append(text)
            case "plant":
                self.plant.append(text)
            case "fix":
                self.fix = text
            case "tracked":
                self.tracked |= set(words)
            case "mode":
                self.modes[words[0]] = int(words[1], 8)
            case "persona":
                self.persona = Persona(text)
            case "today":
                self.today = date.fromisoformat(text)
            case _:
                self.organisation[words[0]] = frozenset(words[1:])


def read(path: Path) -> Case:
    """A case file. What is no directive before the first file is a mistake."""
    case = Case()
    into, current = case.files, ""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        said = DIRECTIVE.fullmatch(line.rstrip("\n"))
        if line.startswith("--- "):
            current = line[4:].strip()
            into[current] = ""
        elif line in ("=== fixed\n", "=== base\n"):
            into, current = (case.fixed if "fixed" in line else case.base), ""
        elif current:
            into[current] += (
                line.replace("\\r\n", "\r\n")
                .replace("{{pypi}}", PUBLIC)
                .replace("{{legacy}}", LEGACY)
                .replace("{{root}}", ADMINISTRATOR)
                .replace("{{files}}", FILES)
            )
        elif said is not None:
            case.say(said[1], said[2].strip())
        else:
            assert not line.strip() or line.startswith("#!"), f"{path.name}: {line!r} stands before the first file"
    return case


def lay(case: Case, root: Path) -> Project:
    """The files on disk, and what the audit collects of them; those called pipway/… are what a server answers."""
    files, answers = split(case.files)
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")
        file.chmod(case.modes.get(name, 0o644))
    tree = Tree(root, known=frozenset(case.tracked))
    said = Configuration(organisation=Organisation(**case.organisation))
    project = answered(collect(tree, configuration=said, today=case.today), answers)
    return compared(project, case.base, tree)


def compared(project: Project, base: Mapping[str, str], tree: Tree) -> Project:
    """With what the locks of a base branch say, when there are any."""
    if not base:
        return project
    before = (told(locks.collect(Source(path, text, locks.KIND), tree), "base") for path, text in base.items())
    return replace(project, base_locks=tuple(fact for each in before for fact in each))
