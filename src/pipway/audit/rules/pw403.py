"""Hashes are not asked for although files have them.

What
----
`--no-require-hashes` is given, on a command line, in a variable or in a configuration file.

Why
---
Since 26.2 pip checks the hashes of a file only where they are given then, and installs what has none without a word.
What the hashes were for, that nothing else gets in, is gone.

Bad
---
    # install.sh
    pip install --no-require-hashes -r requirements.txt

Good
----
    # install.sh
    pip install -r requirements.txt
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.fix.edits import removal
from pipway.audit.queries.installs import is_on
from pipway.findings import Severity

RULE = Rule(
    "PW403",
    "hashes-switched-off",
    "Hash checking switched off",
    Severity.MEDIUM,
    references=("pip: NEWS 26.2, pull request 14169",),
)


def check(project: Project) -> Iterator[Found]:
    """Every such option that is on."""
    for option in project.of(Option):
        if option.tool not in ("pip", "uv") or option.name != "no-require-hashes" or not is_on(option.value):
            continue
        listed = option.command is not None and option.command.listed
        edits = () if listed else removal(option.span)
        yield Found(
            option.span,
            "hashes are not asked for",
            consequence="pip installs requirements without a hash beside those that have one",
            advice="take it out, and give every requirement its hashes",
            repair=Repair("ask for hashes where a file has them", edits) if edits else None,
        )
