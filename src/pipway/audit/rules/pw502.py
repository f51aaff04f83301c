"""Everything is built from source.

What
----
`--no-binary :all:`, or uv's `no-binary`, forbids wheels of every project.

Why
---
Each project then runs its setup code at installation, and needs its build tools, which are downloaded, too, mostly
without hashes. Where one project must be compiled, name that one.

Bad
---
    # install.sh
    pip install --no-binary :all: -r requirements.txt

Good
----
    # install.sh
    pip install --no-binary lxml -r requirements.txt
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.fix.edits import removal
from pipway.findings import Severity

RULE = Rule("PW502", "everything-from-source", "No wheels at all", Severity.MEDIUM)


def check(project: Project) -> Iterator[Found]:
    """Every such option, wherever it is."""
    for option in project.of(Option):
        if option.name != "no-binary" or not _all(option):
            continue
        listed = option.command is not None and option.command.listed
        edits = () if listed else removal(option.span)
        yield Found(
            option.span,
            "every project is built from source",
            consequence=f"{option.tool} runs the setup code of all of them, and downloads what they build with",
            advice="name the projects that must be compiled",
            repair=Repair("take wheels where there are some", edits) if edits else None,
        )


def _all(option: Option) -> bool:
    if option.tool == "uv" and option.via != "requirements" and option.value.lower() in ("true", "1"):
        return True
    names = option.value.replace(" ", ",").split(",")
    return ":all:" in names and ":none:" not in names[names.index(":all:") :]
