"""`pipway settings --clients`: what every tool on this machine ends up with, who said so, and what that shadows.

One table where the terminal is wide, one block per tool where it is narrow or no terminal. Secrets are hidden.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipway.clients.base import Client, ConfigFile, Effective, Entry, Installed, Setting, Surroundings
from pipway.clients.diff import hide
from pipway.findings import Finding

_WIDE = 120  # columns from which a table is easier to read than blocks
_LONGEST = 400  # characters of one value that people are shown; JSON has it whole

#: Shown of every tool; the others where somebody says something.
ALWAYS = (
    *(Setting.INDEX, Setting.EXTRA_INDEXES, Setting.PROXY, Setting.NO_PROXY, Setting.CA, Setting.CLIENT_CERTIFICATE),
    *(Setting.TIMEOUT, Setting.RETRIES, Setting.HASHES),
)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as it would run."""

    name: str
    installed: Installed | None
    files: Sequence[ConfigFile]
    effective: Mapping[Setting, Effective]
    findings: Sequence[Finding]

    @property
    def title(self) -> str:
        """With the version."""
        return f"{self.name} {self.installed.version}".strip() if self.installed else f"{self.name} (not found)"

    def rows(self) -> list[Effective]:
        """What is worth a line."""
        return [
            one
            for setting, one in ((setting, self.effective.get(setting)) for setting in Setting)
            if one is not None and (setting in ALWAYS or one.entries or one.shadows)
        ]


def collect(clients: Iterable[Client], surroundings: Surroundings) -> list[Tool]:
    """Every tool that is there, or that a file of its own tells something; in the version that a plain call starts."""
    tools = []
    with ThreadPoolExecutor() as pool:  # each is started, and some take a second to say their version
        found = pool.map(lambda client: (client, next(iter(client.find(surroundings)), None)), clients)
    for client, installed in found:
        files = client.files(surroundings)
        effective = client.effective(surroundings, installed)
        own = {str(file.path) for file in files}
        if installed is None and not any(
            entry.place.name in own for one in effective.values() for entry in one.entries
        ):
            continue
        tools.append(Tool(client.name, installed, files, effective, client.findings(surroundings, installed)))
    return tools


def as_json(tools: Iterable[Tool]) -> str:
    """For programs."""
    return json.dumps([_document(tool) for tool in tools], indent=2)


def _document(tool: Tool) -> dict[str, Any]:
    return {
        "tool": tool.name,
        "version": tool.installed.version if tool.installed else None,
        "command": list(tool.installed.command) if tool.installed else None,
        "files": [{"path": str(file.path), "layer": file.layer, "exists": file.exists} for file in tool.files],
        "settings": {
            str(setting): {
                "values": [hide(value) for value in one.values],
                "from": [_said(entry) for entry in one.entries],
                "shadows": [_said(entry) for entry in one.shadows],
            }
            for setting, one in tool.effective.items()
        },
        "findings": [
            {
                "id": found.id,
                "severity": found.severity.name.lower(),
                "what": hide(found.what),
                "place": str(found.place),
            }
            for found in tool.findings
        ],
    }


def _said(entry: Entry) -> dict[str, str]:
    return {"value": hide(entry.value), "layer": entry.layer, "place": str(entry.place), "key": entry.key}


def show(tools: Sequence[Tool], console: Console) -> None:
    """Print it for people."""
    if console.width >= _WIDE:
        console.print(_table(tools))
        return
    for tool in tools:
        print(tool.title)
        for one in tool.rows():
            origins = [place for place, _ in _origins(one)]
            print(f"  {one.setting:<19} {_value(one)}" + ("" if one.entries else "  (default)" if one.values else ""))
            for place in origins:
                print(f"  {'':<19} from {place}")
            for place, value in _shadows(one):
                print(f"  {'':<19} shadows {value} of {place}")


def _table(tools: Sequence[Tool]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("Tool", "Setting"):
        table.add_column(name, no_wrap=True)
    for name in ("Value", "From", "Shadows"):
        table.add_column(name, overflow="fold")
    for tool in tools:
        title = tool.title
        for one in tool.rows():
            origins = "\n".join(place for place, _ in _origins(one)) or ("default" if one.values else "")
            shadows = "\n".join(f"{value} ({place})" for place, value in _shadows(one))
            table.add_row(*map(Text, (title, str(one.setting), _value(one), origins, shadows)))
            title = ""
        table.add_section()
    return table


def _value(one: Effective) -> str:
    return ", ".join(map(_brief, one.values)) or "-"


def _origins(one: Effective) -> list[tuple[str, str]]:
    return [_place(entry) for entry in one.entries]


def _shadows(one: Effective) -> list[tuple[str, str]]:
    return [_place(entry) for entry in one.shadows]


def _place(entry: Entry) -> tuple[str, str]:
    """Where, and what it says there."""
    layer = "" if entry.layer in ("environment", "command line") else f" ({entry.layer})"
    return f"{_brief(str(entry.place))}{layer}", _brief(entry.value) or "nothing"


def _brief(text: str) -> str:
    """On one line, and not without end."""
    line = " ".join(hide(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}… ({len(line)} characters)"
