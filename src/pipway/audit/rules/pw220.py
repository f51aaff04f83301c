"""Configuration of easy_install is read by nothing.

What
----
A section `[easy_install]` of setup.cfg or of distutils' own files, or `setup_requires`.

Why
---
setuptools has no easy_install since 80.0: an index that is named there protects nobody. `setup_requires` is what it
served for; what a build needs belongs to pyproject.toml, where pip sees it.

Bad
---
    # setup.cfg
    [easy_install]
    index_url = https://nexus.corp/simple

Good
----
    # setup.cfg
    [metadata]
    name = ours
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.fix.edits import removal
from pipway.findings import Severity

RULE = Rule(
    "PW220",
    "dead-easy-install-settings",
    "Settings of easy_install",
    Severity.LOW,
    references=("setuptools NEWS v80.0.0", "setuptools: userguide/dependency_management"),
)


def check(project: Project) -> Iterator[Found]:
    """Every key of the section, and each setup_requires once."""
    seen: set[tuple[str, int]] = set()
    for option in project.of(Option):
        place = (option.span.source.path, option.span.start)
        if option.tool == "easy_install" and option.command is None and option.via == "file":
            yield Found(
                option.span,
                f"{option.name} of easy_install is read by nothing",
                consequence="setuptools 80 and newer leave it out, and pip never read it",
                advice="delete it",
                repair=Repair("delete what nothing reads", removal(option.span), safe=True),
            )
        elif option.name == "setup-requires" and place not in seen:
            seen.add(place)
            yield Found(
                option.span,
                "setup_requires names what the build needs",
                consequence="without pyproject.toml, its packages are fetched after setup.py has begun to run",
                advice="write it as [build-system] requires in pyproject.toml",
            )
