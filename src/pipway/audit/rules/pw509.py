"""setup-python installs on the side.

What
----
A workflow uses the input `pip-install` of the action setup-python.

Why
---
It installs into the Python of the runner, outside of a virtual environment and of every lock, with arguments that
reviews and tools for requirements do not see.

Bad
---
    # .github/workflows/ci.yml
    on: push
    jobs:
      test:
        runs-on: ubuntu-latest
        steps:
          - uses: actions/setup-python@v6
            with:
              pip-install: flask

Good
----
    # .github/workflows/ci.yml
    on: push
    jobs:
      test:
        runs-on: ubuntu-latest
        steps:
          - uses: actions/setup-python@v6
          - run: python -m pip install --require-hashes -r requirements.txt
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Option, Project
from pipway.findings import Severity

RULE = Rule(
    "PW509", "install-by-setup-python", "Install by setup-python", Severity.LOW, references=("zizmor misfeature",)
)


def check(project: Project) -> Iterator[Found]:
    """Every such input."""
    for option in project.of(Option):
        action = option.section.partition("@")[0].lower()
        if option.tool == "action" and option.name == "pip-install" and action == "actions/setup-python":
            yield Found(
                option.span,
                "setup-python installs packages on the side",
                consequence="they go into the runner's own Python, without hashes and without a lock",
                advice="install in a step of its own, from a lock file or a file with hashes",
            )
