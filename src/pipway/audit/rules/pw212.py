"""A source of Hatch is an extra index.

What
----
`[tool.hatch.sources]`, or that of an environment, gives a project an index.

Why
---
Hatch hands it to its installer as `--extra-index-url`, for all projects, and PyPI stays the first index: whoever takes
the name of your project on PyPI with a higher version is installed by pip.

Bad
---
    # pyproject.toml
    [tool.hatch.sources]
    ours = { index = "https://nexus.corp/simple" }

Good
----
    # pyproject.toml
    [tool.hatch.envs.default.env-vars]
    PIP_INDEX_URL = "https://nexus.corp/merged/simple"
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Index, Project
from pipway.audit.queries.hosts import host, is_public
from pipway.findings import Severity

RULE = Rule(
    "PW212",
    "hatch-source-is-extra-index",
    "Hatch source that is an extra index",
    Severity.HIGH,
    references=("hatch: docs/config/environment/sources.md",),
)


def check(project: Project) -> Iterator[Found]:
    """Every index of a source; paths and URLs of files are no indexes."""
    for index in project.of(Index):
        if index.tool == "hatch" and index.role == "extra" and not is_public(host(index.url)):
            yield Found(
                index.url_span or index.span,
                f"{host(index.url) or 'this index'} is an extra index beside PyPI",
                consequence="the installer takes the highest version of a project from either of them",
                advice="name one index that has everything, as PIP_INDEX_URL or UV_DEFAULT_INDEX",
            )
