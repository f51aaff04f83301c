"""A .pypirc holds a password.

What
----
A section of a `.pypirc` has a password or a token in clear text, or PDM's configuration in the repository has one.

Why
---
Whoever reads the file can publish in your name. A token that lives long is rarely missed when it is copied.

Bad
---
    # .pypirc
    [pypi]
    username = __token__
    password = pypi-AgEIcHlwaS5vcmc

Good
----
    # .pypirc
    [pypi]
    username = __token__
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.queries.logins import is_filled_in
from pipway.findings import Severity

RULE = Rule("PW310", "pypirc-password", "Password in clear text in a .pypirc", Severity.HIGH)


def check(project: Project) -> Iterator[Found]:
    """Every password of a .pypirc that is written there; of a pdm.toml where the repository has it."""
    for option in project.of(Option):
        source = option.span.source
        known = option.tool == "twine" and option.name in ("password", "token") and source.kind == ".pypirc"
        known = known or (option.tool == "pdm" and option.name == "password" and source.tracked)
        if known and not is_filled_in(option.value):
            yield Found(
                option.value_span or option.span,
                f"[{option.section}] holds a password in clear text",
                consequence=f"whoever reads the file can {'publish' if _publishes(option) else 'install'} in your name",
                advice="use Trusted Publishing, or keep it with `keyring set URL USER`; revoke this one",
            )


def _publishes(option: Option) -> bool:
    return option.tool == "twine" or option.section.startswith("repository")
