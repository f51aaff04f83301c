"""conda, or pip within it, takes a package from the wrong place.

What
----
`channel_priority` is `flexible` or `disabled`, or the `pip:` list of an environment.yml has options of indexes.

Why
---
With a flexible priority a package that a private channel does not have in the right version comes from the next one;
without priority the highest version wins. Options in the `pip:` list override pip's configuration for everybody.

Bad
---
    # .condarc
    channels:
      - https://conda.corp/ours
    channel_priority: flexible

Good
----
    # .condarc
    channels:
      - https://conda.corp/ours
    channel_priority: strict
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.queries.indexes import cut
from pipway.findings import Severity

RULE = Rule(
    "PW211",
    "loose-conda-channels",
    "Loose conda channels, or indexes in environment.yml",
    Severity.MEDIUM,
    references=("conda: user-guide/configuration/settings, channel_priority",),
)

_LOOSE = frozenset({"flexible", "disabled", "false", "true"})  #: true and false are of old
_INDEXES = frozenset({"index-url", "extra-index-url", "find-links", "trusted-host", "no-index"})


def check(project: Project) -> Iterator[Found]:
    """conda and pixi, and what environment.yml says to pip."""
    for option in project.of(Option):
        value = option.value.lower()
        if option.name in ("channel-priority", "channel_priority") and value in _LOOSE:
            yield Found(
                option.span,
                f"the channel priority is {value}",
                consequence=f"{option.tool} takes a package from a channel further down",
                advice="write strict",
                repair=Repair("keep to the order of channels", (Edit(option.value_span, "strict"),))
                if option.value_span
                else None,
            )
        elif option.via == "environment.yml" and option.name in _INDEXES:
            yield Found(
                option.span,
                f"environment.yml gives --{option.name} to pip",
                consequence="it overrides everybody's pip configuration",
                advice="set it in pip's configuration",
                repair=Repair(f"leave --{option.name} to pip's configuration", cut(option.span)),
            )
