"""tox has indexes of its own.

What
----
tox.ini has an `indexserver`, or its `install_command` or `commands` give pip an index.

Why
---
Tests then install from elsewhere than everything else does, past pip's configuration and what it says of logins and
certificates. tox 4 does not read `indexserver` at all: what was to come from your index comes from PyPI.

Bad
---
    # tox.ini
    [testenv]
    install_command = pip install --index-url https://nexus.corp/simple {opts} {packages}

Good
----
    # tox.ini
    [testenv]
    pass_env = PIP_INDEX_URL
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Index, Option, Project
from pipway.audit.queries.hosts import host
from pipway.audit.queries.installs import is_remote
from pipway.findings import Severity

RULE = Rule("PW604", "index-in-tox", "Index in tox.ini", Severity.LOW, references=("tox: upgrading",))
_INDEXES = frozenset({"index-url", "extra-index-url", "find-links", "trusted-host"})
_KINDS = frozenset({"tox", "pyproject.toml", "setup.cfg", "setup"})
_ADVICE = "let tox pass PIP_INDEX_URL on, or keep the index in pip.conf"


def check(project: Project) -> Iterator[Found]:
    """Both ways; within other files' tox tables, too."""
    for index in project.of(Index):
        if index.tool == "tox":
            yield Found(
                index.span,
                f"tox names the index at {host(index.url) or 'a host'} itself",
                consequence="tox 4 does not read indexserver, and asks PyPI",
                advice=_ADVICE,
            )
    for option in project.of(Option):
        command = option.command
        if command is None or option.name not in _INDEXES or option.span.source.kind not in _KINDS:
            continue
        if option.name == "find-links" and not is_remote(option.value):
            continue  # what was just built
        if not command.step.startswith(("testenv", "tox", "pkgenv", "env_run_base")):
            continue
        if (command.tool, command.verb) == ("pip", "install") and option.tool == "pip" and option.via == "command":
            yield Found(
                option.span,
                f"tox gives pip {option.key}",
                consequence="tests install from elsewhere than everything else does",
                advice=_ADVICE,
            )
