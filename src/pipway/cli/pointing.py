"""Tools pointed somewhere: what each one has to change, done as one step, and what still stands in the way.

`pipway configure` calls it. The tools themselves know how (`clients`); here they are asked in turn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipway.cli.wish import BESIDE, loopback
from pipway.clients.base import Change, Client, Effective, Entry, Installed, Scope, Setting, Surroundings, Wish
from pipway.clients.changes import Journal, diff, hide
from pipway.clients.layers import parts
from pipway.dial.base import Target
from pipway.dial.route.dialects import matches
from pipway.errors import UsageError
from pipway.findings import Severity

#: Parts of a wish that some tools have no place for in a file, and what people call them.
_OPTIONAL = ("ca", "timeout", "require_virtualenv", "no_proxy", "proxy", "index")

Found = Mapping[Setting, Effective]


@dataclass(slots=True)
class Plan:
    """One tool, and what it has to change."""

    client: Client
    installed: Installed | None
    wish: Wish
    changes: Sequence[Change]
    remarks: list[str] = field(default_factory=list)
    removed: list[Entry] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The tool with its version."""
        return f"{self.client.name} {self.installed.version}".strip() if self.installed else self.client.name


@dataclass(frozen=True, slots=True)
class Skipped:
    """A tool that cannot be told."""

    name: str
    error: UsageError


def plans(
    clients: Iterable[Client], surroundings: Surroundings, wish: Wish, scope: Scope, *, named: bool
) -> tuple[list[Plan], list[Skipped]]:
    """What each has to change; nothing is written. `named`: a person named these tools, so an error is one."""
    found, skipped = [], []
    for client in clients:
        installed = next(iter(client.find(surroundings)), None)
        if installed is None and not named:
            continue
        try:
            found.append(_plan(client, installed, surroundings, wish, scope))
        except UsageError as error:
            if named:
                raise
            skipped.append(Skipped(client.name, error))
    return found, skipped


def _plan(client: Client, installed: Installed | None, surroundings: Surroundings, wish: Wish, scope: Scope) -> Plan:
    """What the tool has no place for is left out and said, unless nothing else is wished."""
    remarks: list[str] = []
    refused: UsageError | None = None
    for name in _OPTIONAL:
        value = getattr(wish, name)
        if value is None:
            continue
        try:
            client.change(surroundings, Wish(**{name: value}), scope)
        except UsageError as error:
            if error.code != "no-such-setting":
                raise
            refused = error
            remarks.append(f"{error.what}: {error.fix}" if error.fix else error.what)
            wish = dataclasses.replace(wish, **_without(name))
    if refused is not None and wish == Wish(drop=wish.drop, keep=wish.keep):
        raise refused
    return Plan(client, installed, wish, client.change(surroundings, wish, scope), remarks)


def _without(name: str) -> dict[str, Any]:
    """What stands beside an index goes only with a new one."""
    return {name: None, "drop": frozenset()} if name == "index" else {name: None}


def preview(found: Iterable[Plan]) -> str:
    """The diff of all."""
    return "".join(diff(plan.changes) for plan in found)


def carry_out(
    found: Sequence[Plan], surroundings: Surroundings, scope: Scope, journal: Journal, *, title: str, now: datetime
) -> list[Path]:
    """Write everything as one step, or nothing; the plans then know what is left to say. Gives the paths written."""
    before = {plan.client.name: plan.client.effective(surroundings, plan.installed) for plan in found}
    written: list[Path] = []
    with journal.step(title, now) as step:
        for plan in found:
            if any(change.path in written for change in plan.changes):  # two tools have settings in pyproject.toml
                plan.changes = plan.client.change(surroundings, plan.wish, scope)
            written += step.apply(plan.changes)
    for plan in found:
        after = plan.client.effective(surroundings, plan.installed)
        plan.removed = _gone(before[plan.client.name], after, {str(change.path) for change in plan.changes})
        plan.remarks += [*_in_the_way(plan, after, surroundings), *_broken(plan, surroundings)]
    return list(dict.fromkeys(written))


def _gone(before: Found, after: Found, paths: set[str]) -> list[Entry]:
    """What the files said of indexes, of proxies and of trust without proof, and say no more, each place once."""
    watched = BESIDE | {Setting.INDEX, Setting.PROXY}

    def said(found: Found) -> list[Entry]:
        every = (entry for one in found.values() for entry in (*one.entries, *one.shadows))
        return [entry for entry in every if entry.setting in watched and entry.place.name in paths]

    now = said(after)
    values = {(entry.place.name, entry.key, entry.value) for entry in now}
    # The one index is replaced rather than gone, where its key is still there.
    keys = {(entry.place.name, entry.key) for entry in now if entry.setting is Setting.INDEX}
    gone = [
        entry
        for entry in said(before)
        if (entry.place.name, entry.key, entry.value) not in values
        and not (entry.setting is Setting.INDEX and (entry.place.name, entry.key) in keys)
    ]
    return list({(entry.place, entry.key): entry for entry in gone}.values())


def _in_the_way(plan: Plan, after: Found, surroundings: Surroundings) -> Iterable[str]:
    """Places that the chosen file is not the strongest against."""
    name = plan.client.name
    for setting, wanted in ((Setting.INDEX, plan.wish.index), (Setting.PROXY, plan.wish.proxy)):
        effective = after.get(setting)
        if wanted is not None and effective is not None and effective.value.rstrip("/") != wanted.rstrip("/"):
            who = ", ".join(_where(entry) for entry in effective.entries) or "its default"
            yield f"{name} still uses another {setting.value}: {who} overrules this file"
    if plan.wish.index is None:
        return
    for setting in sorted(BESIDE & plan.wish.drop):
        effective = after.get(setting)
        if effective is not None and effective.entries:
            yield f"{name} still has {setting.value} from {', '.join(_where(entry) for entry in effective.entries)}"
    yield from _past(plan, after)


def _past(plan: Plan, after: Found) -> Iterable[str]:
    """An index on this machine that is asked through a proxy elsewhere is not found."""
    index = parts(plan.wish.index or "")
    proxy, exceptions = after.get(Setting.PROXY), after.get(Setting.NO_PROXY)
    if not index.hostname or not loopback(index.hostname) or proxy is None or not proxy.value:
        return
    if loopback(parts(proxy.value if "://" in proxy.value else f"http://{proxy.value}").hostname or ""):
        return
    target = Target(index.hostname, index.port or 80)
    dialect = "uv" if plan.client.name in ("uv", "pixi") else "requests"
    if exceptions is None or not matches(dialect, ",".join(exceptions.values), target):
        who = ", ".join(_where(entry) for entry in proxy.entries) or "the system's settings"
        fix = "export NO_PROXY=localhost,127.0.0.1,::1"
        yield f"{plan.client.name} asks {index.hostname} through a proxy ({who}): {fix}"


def _broken(plan: Plan, surroundings: Surroundings) -> Iterable[str]:
    """What stops the tool from starting, whoever wrote it."""
    for finding in plan.client.findings(surroundings, plan.installed):
        if finding.severity >= Severity.HIGH:
            yield f"{finding.place}: {finding.what}" if finding.place else finding.what


def _where(entry: Entry) -> str:
    return hide(f"{entry.key} in {entry.place}" if entry.key and entry.key != entry.place.name else str(entry.place))
