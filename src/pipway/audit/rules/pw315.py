"""A container is given a secret in clear text by its environment.

What
----
`environment:` or build `args:` of a compose file, `env:` of a Kubernetes manifest or a ConfigMap have an index or a
proxy URL with a password in it, or a variable that is an installer's password or token, written there.

Why
---
It is in the repository. `docker inspect` shows it, every process in the container has it, and build arguments stay in
the image's history.

Bad
---
    # compose.yaml
    services:
      web:
        environment:
          UV_INDEX_CORP_PASSWORD: hunter2

Good
----
    # compose.yaml
    services:
      web:
        secrets: [pipconf]
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Index, Option, Project, Variable
from pipway.audit.queries.containers import is_of_container
from pipway.audit.queries.logins import holds_secret, is_filled_in
from pipway.findings import Severity

RULE = Rule("PW315", "secret-in-environment", "Secret in the environment of a container", Severity.HIGH)

_SECRETS = frozenset({"password", "token"})


def check(project: Project) -> Iterator[Found]:
    """Variables of containers; Dockerfiles are PW304's, env files PW301's and PW302's."""
    spans = {index.span for index in project.of(Index) if index.via == "variable" and holds_secret(index.url)}
    spans |= {
        option.span
        for option in project.of(Option)
        if option.via == "variable" and option.name in _SECRETS and not is_filled_in(option.value)
    }
    for variable in project.of(Variable):
        proxy = variable.name.lower().endswith("_proxy") and holds_secret(variable.value)
        if is_of_container(variable) and (variable.span in spans or proxy):
            yield Found(
                variable.value_span or variable.span,
                f"{variable.name} has a password in clear text",
                consequence="whoever reads the file has it, and every process in the container",
                advice="revoke it; use `secrets:` of compose, or a secretKeyRef",
            )
