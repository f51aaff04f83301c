"""A trial: files in a home folder, what pip is told there, and how that must end."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.clients import Outcome, Pip
from tests.e2e.many import Run, at_home, pips

CONF = ".config/pip/pip.conf"
GET = "download --no-deps -d got -q"
ALPHA = "alpha-1.0-py3-none-any.whl"


@dataclass
class Trial:
    """One home folder, what a program is told there, and how that must end."""

    name: str
    files: Mapping[str, str]
    command: str
    code: int
    says: str = ""  #: a regular expression that is found in the output
    gets: str = ""  #: a file that is in the folder `got` then
    digest: str = ""  #: of that file
    more: dict[str, object] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def lay(self, root: Path) -> Run:
        home = root / self.name.replace(" ", "-")
        home.mkdir()
        for name, text in self.files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        arguments = [str(home) + word[1:] if word.startswith("~/") else word for word in self.command.split()]
        return Run(arguments, str(home), at_home(home, **self.environ), **self.more)  # type: ignore[arg-type]

    def wrong(self, root: Path, outcome: Outcome) -> str:
        """What is not as it must be, "" when all is."""
        got = root / self.name.replace(" ", "-") / "got"
        files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in got.glob("*")}
        right = outcome.code == self.code and re.search(self.says, outcome.output)
        if right and (not self.gets or self.gets in files) and self.digest in ("", files.get(self.gets)):
            return ""
        return f"{self.name}: {self.says or self.gets} with {self.code}; but {files}, {outcome}"


def tried(pip: Pip, trials: Sequence[Trial], root: Path) -> None:
    """All in one process of that pip."""
    runs = [trial.lay(root) for trial in trials]
    done = pips(pip, runs)
    complaints = [trial.wrong(root, each) for trial, each in zip(trials, done, strict=True)]
    assert not any(complaints), "\n".join(filter(None, complaints))
