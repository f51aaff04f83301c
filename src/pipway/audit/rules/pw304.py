"""A Dockerfile writes a secret into the image.

What
----
ARG or ENV sets an index URL or a proxy with a password, or a variable that is a password or a token. An ARG without a
value is one, too: its value comes with `--build-arg`, and stays.

Why
---
The values of both stand in the image's history and configuration. Whoever can pull the image has them. In a stage that
is not the image they stay in the build's cache.

Bad
---
    # Dockerfile
    ARG PIP_INDEX_URL=https://svc:hunter2@nexus.corp/simple
    RUN pip install flask

Good
----
    # Dockerfile
    RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf pip install flask
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Confidence, Found, Persona, Rule
from pipway.audit.facts import Index, Project, Variable
from pipway.audit.queries.logins import has_login, is_filled_in
from pipway.findings import Severity

RULE = Rule(
    "PW304",
    "secret-in-image",
    "Secret in ARG or ENV of a Dockerfile",
    Severity.HIGH,
    references=("Docker build check: SecretsUsedInArgOrEnv",),
)

_SECRET = re.compile(
    r"UV_INDEX_\w+_PASSWORD|UV_PUBLISH_(?:PASSWORD|TOKEN)|POETRY_HTTP_BASIC_\w+_PASSWORD|POETRY_PYPI_TOKEN_\w+|"
    r"PDM_PUBLISH_PASSWORD|(?:PIP|PYPI|NEXUS|ARTIFACTORY|DEVPI)_(?:\w+_)?(?:PASSWORD|PASSWD|TOKEN)|HATCH_INDEX_AUTH|TWINE_PASSWORD|FLIT_PASSWORD|PIPENV_\w*PASSWORD"
)
_INDEX = frozenset({"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX"})
_ADVICE = "mount it while it is needed: RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf pip install …"


def check(project: Project) -> Iterator[Found]:
    """Each such ARG and ENV, once."""
    indexes = {index.span: index for index in project.of(Index) if index.via == "variable" and has_login(index.url)}
    for variable in project.of(Variable):
        if variable.span.source.kind != "dockerfile" or variable.how not in ("ARG", "ENV"):
            continue
        name = variable.name
        handed = variable.how == "ARG" and not variable.value
        proxy = name.lower().endswith("_proxy") and has_login(variable.value)
        if _SECRET.fullmatch(name) and (handed or not is_filled_in(variable.value)):
            what, sure = f"{variable.how} {name} is a secret", True
        elif variable.span in indexes or proxy:
            what, sure = f"{variable.how} {name} has a password", True
        elif name in _INDEX and handed:
            what, sure = f"ARG {name} may be given a password", False
        else:
            continue
        yield Found(
            variable.span,
            what,
            Severity.HIGH if variable.final else Severity.MEDIUM,
            confidence=Confidence.HIGH if sure else Confidence.LOW,
            persona=Persona.REGULAR if sure else Persona.PEDANTIC,
            consequence="whoever can pull the image has it" if variable.final else "it stays in the build's cache",
            advice=_ADVICE,
        )
