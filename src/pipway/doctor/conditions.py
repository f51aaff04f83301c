"""What a log alone cannot tell: conditions on this machine's configuration that signatures of causes may ask for.

Pure: each takes what a signature found and the `Context`, and asks nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pipway.clients.base import ConfigFile, Effective, Installed, Setting
from pipway.doctor.suspects import SUSPECTS, Values, View, extra_index
from pipway.doctor.versions import FACTS, Fact
from pipway.findings import Finding


@dataclass(frozen=True, slots=True)
class Context:
    """What is known besides the log: how the tool is configured here. Empty when the log is somebody else's."""

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    effective: Mapping[str, Mapping[Setting, Effective]] = field(default_factory=dict, repr=False)  #: by tool
    command: tuple[str, ...] = field(default=(), repr=False)
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)  #: by tool: of its client
    files: Mapping[str, Sequence[ConfigFile]] = field(default_factory=dict)  #: by tool
    pac: str = ""  #: a PAC file that pipway's settings or the system's name
    installed: Mapping[str, Installed] = field(default_factory=dict)  #: by tool: the one that a plain call starts

    def setting(self, tool: str, setting: Setting) -> Effective | None:
        """One setting of one tool, if it is known."""
        return self.effective.get(tool, {}).get(setting)

    def view(self, tool: str) -> View:
        """One tool as it is set up here."""
        installed = self.installed.get(tool)
        return View(
            tool,
            installed.version if installed else "",
            environ=self.environ,
            effective=self.effective.get(tool, {}),
            findings=self.findings.get(tool, ()),
            files=self.files.get(tool, ()),
        )


#: Nothing is known besides the log.
NOTHING = Context()

#: (what the signature found, tool, context) → False, or True, or values for the cause's texts
Condition = Callable[[Mapping[str, str], str, Context], "Values | bool"]


def _proxy_set(_: Mapping[str, str], tool: str, context: Context) -> bool:
    effective = context.setting(tool, Setting.PROXY)
    return effective is not None and bool(effective.value)


def _proxy_login_set(_: Mapping[str, str], tool: str, context: Context) -> bool:
    effective = context.setting(tool, Setting.PROXY)
    return effective is not None and ":" in urlsplit(effective.value).netloc.rpartition("@")[0]


def _proxy_https(_: Mapping[str, str], tool: str, context: Context) -> bool:
    effective = context.setting(tool, Setting.PROXY)
    return effective is not None and effective.value.lower().startswith("https:")


def _proxy_host(found: Mapping[str, str], tool: str, context: Context) -> bool:
    """Whether the host that is named in the log is the proxy's, and not the index's."""
    effective = context.setting(tool, Setting.PROXY)
    value = effective.value if effective is not None else ""
    return bool(value) and urlsplit(value if "://" in value else f"//{value}").hostname == found.get("host", "").lower()


def _pac_known(_: Mapping[str, str], tool: str, context: Context) -> Values | bool:
    return {"pac": context.pac} if context.pac and not _proxy_set(_, tool, context) else False


def _judged(judge: Callable[[View], Values | None]) -> Condition:
    def condition(_: Mapping[str, str], tool: str, context: Context) -> Values | bool:
        if tool not in context.effective:
            return False
        found = judge(context.view(tool))
        return False if found is None else found

    return condition


def _fact(facts: Sequence[Fact]) -> Condition:
    """What the installed version does to this configuration; the newest, where it is not known which one it is."""

    def condition(_: Mapping[str, str], tool: str, context: Context) -> Values | bool:
        installed = context.installed.get(tool)
        for fact in facts:
            if fact.tool == tool and tool in context.effective:
                found = fact.judge(context.view(tool), installed.python if installed else "")
                if found is not None:
                    return found
        return False

    return condition


def _bare_index(_: Mapping[str, str], tool: str, context: Context) -> bool:
    """The index's address has no path at all: no index of any use lives there."""
    effective = context.setting(tool, Setting.INDEX)
    return effective is not None and "://" in effective.value and urlsplit(effective.value).path in ("", "/")


#: name in a catalogue file → condition; what doctor suspects of a configuration has the name of its cause
CONDITIONS: Mapping[str, Condition] = {
    "bare-index": _bare_index,
    "proxy-set": _proxy_set,
    "proxy-login-set": _proxy_login_set,
    "proxy-https": _proxy_https,
    "proxy-host": _proxy_host,
    "pac-known": _pac_known,
    "extra-index": _judged(extra_index),
    **{each.cause: _judged(each.judge) for each in SUSPECTS},
    **{each.cause: _fact([other for other in FACTS if other.cause == each.cause]) for each in FACTS},
}
