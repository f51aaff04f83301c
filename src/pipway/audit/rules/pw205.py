"""uv asks a private index without its login first.

What
----
An index of uv has a login, or is one that answers anybody, and does not say `authenticate = "always"`.

Why
---
uv asks without a login at first and uses one after a 401. An index that hands what it does not show to strangers on to
PyPI, as GitLab's does, never answers 401: uv gets PyPI's project of that name.

Bad
---
    # pyproject.toml
    [[tool.uv.index]]
    name = "corp"
    url = "https://gitlab.corp/api/v4/projects/7/packages/pypi/simple"

Good
----
    # pyproject.toml
    [[tool.uv.index]]
    name = "corp"
    url = "https://gitlab.corp/api/v4/projects/7/packages/pypi/simple"
    authenticate = "always"
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Confidence, Found, Persona, Repair, Rule
from pipway.audit.facts import Index, Option, Project
from pipway.audit.queries.hosts import host, is_loopback, is_private, is_public
from pipway.audit.queries.indexes import added
from pipway.findings import Severity

RULE = Rule(
    "PW205",
    "anonymous-private-index",
    "Private uv index asked without a login",
    Severity.MEDIUM,
    references=("uv: concepts/indexes, customizing cache control headers and authentication",),
)

_LOGIN = re.compile(r"^[a-z+]+://[^/@]+@")
_GITLAB = re.compile(r"/api/v4/(?:projects|groups)/")


def check(project: Project) -> Iterator[Found]:
    """Tables of uv that do not say when to log in. Without a sign of a login it is a matter for the pedantic."""
    logins = {option.key.upper() for option in project.of(Option) if option.tool == "uv" and option.via == "variable"}
    for index in project.of(Index):
        name = host(index.url)
        if index.tool != "uv" or "url" not in index.traits or "authenticate" in index.traits or is_loopback(name):
            continue
        if not name or is_public(name) or index.role == "find-links":
            continue
        title = re.sub(r"[^A-Z0-9]", "_", index.name.upper())
        named = bool(title) and any(key.startswith(f"UV_INDEX_{title}_") for key in logins)
        login = named or bool(_LOGIN.match(index.url))
        forwards = bool(_GITLAB.search(index.url))
        if not login and not forwards and not is_private(name, project.organisation):
            continue
        yield Found(
            index.trait_spans["url"],
            f"uv asks {name} without a login first",
            confidence=Confidence.HIGH if login or forwards else Confidence.LOW,
            persona=Persona.REGULAR if login or forwards else Persona.PEDANTIC,
            consequence="an index that sends strangers on to PyPI gives PyPI's project of the same name",
            advice='write authenticate = "always"',
            repair=Repair("log in at once", added(index, 'authenticate = "always"'), safe=login),
        )
