"""What a log alone cannot tell: conditions on this machine's configuration that signatures of causes may ask for.

Pure: each takes what a signature found and the `Context`, and asks nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipway.clients.base import Effective, Setting


@dataclass(frozen=True, slots=True)
class Context:
    """What is known besides the log: how the tool is configured here. Empty when the log is somebody else's."""

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    effective: Mapping[str, Mapping[Setting, Effective]] = field(default_factory=dict, repr=False)  #: by tool
    command: tuple[str, ...] = field(default=(), repr=False)

    def setting(self, tool: str, setting: Setting) -> Effective | None:
        """One setting of one tool, if it is known."""
        return self.effective.get(tool, {}).get(setting)


#: Nothing is known besides the log.
NOTHING = Context()

Condition = Callable[[Mapping[str, str], str, Context], bool]


def _proxy_set(_: Mapping[str, str], tool: str, context: Context) -> bool:
    effective = context.setting(tool, Setting.PROXY)
    return effective is not None and bool(effective.value)


#: name in a catalogue file → condition
CONDITIONS: Mapping[str, Condition] = {
    "proxy-set": _proxy_set,
}
