"""A requirements file says which index.

What
----
A requirements or constraints file has `--index-url`, `--extra-index-url`, `--find-links`, `--trusted-host`, `--pre` or
`--no-index`.

Why
---
These lines override everybody's pip.conf, also the one that leads to your own index or checks what comes in, and they
come with every file that includes this one.

Bad
---
    # requirements.txt
    --index-url https://index.example/simple
    flask==3.0.0

Good
----
    # requirements.txt
    flask==3.0.0
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.indexes import cut
from pipway.findings import Severity

RULE = Rule(
    "PW217",
    "index-options-in-requirements",
    "Index options in a requirements file",
    Severity.MEDIUM,
    references=("pip: docs/html/reference/requirements-file-format.md, global options",),
)

_OPTIONS = frozenset({"index-url", "pypi-url", "extra-index-url", "find-links", "trusted-host", "pre", "no-index"})


def check(project: Project) -> Iterator[Found]:
    """Each of these options; environment.yml is PW211's."""
    for option in project.of(Option):
        if option.via == "requirements" and option.name in _OPTIONS:
            yield Found(
                option.span,
                f"the file says --{option.name} to everybody who installs from it",
                consequence="pip follows it and not the configuration of whoever runs it",
                advice="say it in pip's configuration, or on the command line",
                repair=Repair(f"leave --{option.name} to pip's configuration", cut(option.span)),
            )
