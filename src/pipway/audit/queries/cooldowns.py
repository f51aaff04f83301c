"""What rules ask about cooldowns: options that leave out what was uploaded only lately.

Pure. It knows the options of pip, uv, Poetry, PDM and pixi, and reads their dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from pipway.audit.facts import Option, Project

NAMES = frozenset({"uploaded-prior-to", "exclude-newer", "min-release-age"})
_DATE = re.compile(r"\s*(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?$", re.DOTALL)


def cooldowns(project: Project) -> Iterator[Option]:
    """Every option that sets one."""
    return (option for option in project.of(Option) if option.name in NAMES and option.value.strip())


def fixed(text: str) -> date | None:
    """The day that a value names; None for a span as P7D, and for what is none."""
    found = _DATE.match(text)
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
