"""`pipway audit --base REF` and `--history`: what git knows, and only when a person asks for it.

`cli.audit` calls it after everything is collected. Nothing of the repository is run, and nothing is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipway.audit.git import base_branch, history
from pipway.audit.git.objects import opened

if TYPE_CHECKING:
    from pipway.audit.configuration import Configuration
    from pipway.audit.facts import Project
    from pipway.audit.git.history import Past
    from pipway.audit.rules import Explained


def compared(
    project: Project, root: Path, name: str, environ: Mapping[str, str] | None = None
) -> tuple[Project, list[str]]:
    """The project with the locks of its base, and a sentence where there is nothing to compare with."""
    environ = os.environ if environ is None else environ
    if name == base_branch.AUTO:
        name = base_branch.target(environ)
        if not name:
            return project, ["the base branch: no variable of a CI says what this is merged into"]
    git = opened(root, environ)
    return replace(project, base_locks=base_branch.facts(git, base_branch.base(git, name), root, project)), []


def past(project: Project, root: Path, rules: Mapping[str, Explained], configuration: Configuration) -> Past:
    """The secrets of all commits."""
    return history.secrets(opened(root, os.environ), root, rules, configuration, project)
