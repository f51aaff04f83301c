"""Every job and step of a CI gets an index's login.

What
----
The variables of a whole workflow or pipeline hold an index URL with a login, or an index's password or token.

Why
---
Each action, each test and each package that is built anywhere in it can read it. Most of them install nothing.

Bad
---
    # .github/workflows/ci.yml
    on: push
    env:
      PIP_INDEX_URL: https://svc:${{ secrets.TOKEN }}@nexus.corp/simple
    jobs:
      test:
        runs-on: ubuntu-latest
        steps:
          - run: pip install -r requirements.txt

Good
----
    # .github/workflows/ci.yml
    on: push
    jobs:
      test:
        runs-on: ubuntu-latest
        steps:
          - run: pip install -r requirements.txt
            env:
              PIP_INDEX_URL: https://svc:${{ secrets.TOKEN }}@nexus.corp/simple
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Index, Option, Project, Variable, Where
from pipway.audit.queries.logins import has_login
from pipway.findings import Severity

RULE = Rule("PW314", "secret-for-whole-pipeline", "Index secret for a whole pipeline", Severity.MEDIUM)

_SECRETS = frozenset({"password", "token"})
_FROM_SECRET = re.compile(r"\$\{\{\s*secrets\.\w+\s*\}\}")


def check(project: Project) -> Iterator[Found]:
    """Variables of the outermost level; those of jobs and steps are as they should be."""
    urls = {index.span: has_login(index.url) for index in project.of(Index) if index.via == "variable"}
    passwords = {option.span for option in project.of(Option) if option.via == "variable" and option.name in _SECRETS}
    for variable in project.of(Variable):
        everywhere = variable.span.source.where is Where.CI and variable.scope == "workflow"
        secret = variable.span in passwords or (
            variable.span in urls and _is_secret(variable, login=urls[variable.span])
        )
        if everywhere and variable.value and secret:
            yield Found(
                variable.span,
                f"every job and step gets the login in {variable.name}",
                consequence="each action, test and built package can read it",
                advice="set it in the one step that installs, from a masked secret",
            )


def _is_secret(variable: Variable, *, login: bool) -> bool:
    """Whether a variable that is an index has a login, or is a secret altogether."""
    return login or _FROM_SECRET.search(variable.value) is not None
