"""All of pip's configuration files are switched off.

What
----
`PIP_CONFIG_FILE` is the null device.

Why
---
pip then reads no file at all, also not the one that names your own index or its certificates: it asks PyPI directly.

Bad
---
    # install.sh
    export PIP_CONFIG_FILE=/dev/null

Good
----
    # install.sh
    export PIP_CONFIG_FILE=/etc/pip.conf
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Project, Variable
from pipway.findings import Severity

RULE = Rule(
    "PW710",
    "pip-configuration-switched-off",
    "pip without its configuration files",
    Severity.LOW,
    references=("pip: docs/html/topics/configuration.md, PIP_CONFIG_FILE",),
)

_NULL = frozenset({"/dev/null", "nul", "nul:", "os.devnull"})


def check(project: Project) -> Iterator[Found]:
    """Wherever a file sets the variable."""
    for variable in project.of(Variable):
        if variable.name == "PIP_CONFIG_FILE" and variable.value.strip().lower() in _NULL:
            yield Found(
                variable.span,
                "pip reads none of its configuration files",
                consequence="pip asks PyPI directly, whatever the files say",
                advice="name the file that holds, or leave the variable out",
            )
