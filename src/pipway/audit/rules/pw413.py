"""Pre-releases of everything.

What
----
Alphas, betas and release candidates are taken for every project: `--pre`, `PIP_PRE`, `--all-releases :all:`, or uv's
`prerelease = "allow"`.

Why
---
It was meant for one project and holds for all that it needs: what nobody calls finished is installed, and a
pre-release of any dependency is enough to break or to attack the install.

Bad
---
    # install.sh
    pip install --pre -r requirements.txt

Good
----
    # install.sh
    pip install --all-releases mypkg -r requirements.txt
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Persona, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.fix.edits import removal
from pipway.audit.queries.installs import is_on, says, told
from pipway.findings import Severity

RULE = Rule(
    "PW413", "global-prereleases", "Pre-releases of everything", Severity.MEDIUM, references=("pip: NEWS 26.0",)
)
_FLAGS = frozenset({"pre", "allow-prereleases", "allow_prereleases", "pip-pre"})
_LOOKING = frozenset({"list", "index versions", "index", "pip list", "search"})  #: they install nothing
_TOOLS = frozenset({"pip", "uv", "pdm", "pipenv", "tox", "pip-tools"})


def check(project: Project) -> Iterator[Found]:
    """Every such option that is on for all projects."""
    options = told(project)
    for option in project.of(Option):
        if option.tool not in _TOOLS or not _allows(option):
            continue
        if option.command is not None and option.command.verb in _LOOKING:
            continue
        alone = option.command is not None and says(option.command, options, "no-deps", "no-dependencies")
        listed = option.command is not None and option.command.listed
        edits = () if listed else removal(option.span)
        yield Found(
            option.span,
            "pre-releases of every project are installed",
            persona=Persona.PEDANTIC if alone else Persona.REGULAR,
            consequence=f"{option.tool} takes a pre-release of any dependency when it is the newest version",
            advice="ask for the pre-release of one project: a specifier with one in it, or --all-releases NAME",
            repair=Repair("take finished versions only", edits) if edits else None,
        )


def _allows(option: Option) -> bool:
    if option.name in _FLAGS:
        return is_on(option.value)
    if option.name == "all-releases":
        return ":all:" in option.value.split(",")
    return option.name == "prerelease" and option.value == "allow"
