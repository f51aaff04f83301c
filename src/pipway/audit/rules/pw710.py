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
from pipway.audit.effective.config_files import NULL
from pipway.audit.effective.installations import view
from pipway.audit.facts import Project, Variable
from pipway.audit.queries.hosts import host
from pipway.findings import Severity

RULE = Rule(
    "PW710",
    "pip-configuration-switched-off",
    "pip without its configuration files",
    Severity.LOW,
    references=("pip: docs/html/topics/configuration.md, PIP_CONFIG_FILE",),
)

_MOST = 3  # places


def check(project: Project) -> Iterator[Found]:
    """Wherever a file sets the variable."""
    silenced = {
        id(each.silenced.variable): each.silenced.indexes
        for each in view(project).installs
        if each.silenced is not None
    }
    for variable in project.of(Variable):
        if variable.name == "PIP_CONFIG_FILE" and variable.value.strip().lower() in NULL:
            indexes = silenced.get(id(variable), ())
            names = " and ".join(dict.fromkeys(host(index.url) for index in indexes if host(index.url)))
            yield Found(
                variable.span,
                "pip reads none of its configuration files",
                consequence=f"pip does not ask {names}" if names else "pip asks PyPI directly, whatever the files say",
                advice="name the file that holds, or leave the variable out",
                related=tuple((index.url_span or index.span, "is not read") for index in indexes[:_MOST]),
            )
