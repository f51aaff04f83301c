"""dependency_links say where a project is, and nobody reads them.

What
----
setup.py, setup.cfg or an egg-info has `dependency_links`.

Why
---
pip ignores them since 19.0, and setuptools has no easy_install since 80.0. The project that was fetched from there is
looked up on PyPI now: whoever takes its name there is installed.

Bad
---
    # setup.cfg
    [options]
    install_requires = ours
    dependency_links = https://files.corp/ours-1.0.tar.gz

Good
----
    # setup.cfg
    [options]
    install_requires = ours @ https://files.corp/ours-1.0.tar.gz
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Option, Project
from pipway.findings import Severity

RULE = Rule(
    "PW213",
    "dependency-links",
    "Dependency links that nobody reads",
    Severity.HIGH,
    references=("pip NEWS 19.0, issue 6060", "setuptools NEWS v80.0.0"),
)


def check(project: Project) -> Iterator[Found]:
    """Each of them."""
    for option in project.of(Option):
        if option.name == "dependency-links" and option.value.strip():
            yield Found(
                option.value_span or option.span,
                "this dependency link is read by no installer",
                consequence="pip looks for the project on its index, where anybody may take the name",
                advice="require NAME @ URL with a hash, or make it a project of your index",
            )
