"""Layers of configuration: what the places that a tool reads add up to, and which of them has the say.

The clients of tools other than pip use it. It knows no tool: what is read from where is theirs.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pipway.clients.base import LISTS, Effective, Entry, Setting, Surroundings
from pipway.clients.ordinary_files import content
from pipway.findings import Place

ENVIRONMENT, COMMAND_LINE = "environment", "command line"

#: What a tool uses when nobody names authorities: its own, or the operating system's.
BUNDLED, SYSTEM = "bundled", "system"

_ENDPOINT = re.compile(r"(?m)^PYPI_SIMPLE_ENDPOINT(?:: str)? = \"(https://[^\"\s]+)\"$")
_LARGEST = 1 << 16  # bytes of a module that are read

#: Options that are a switch.
_FLAGS = frozenset({Setting.NO_INDEX, Setting.HASHES, Setting.REQUIRE_VIRTUALENV})


def effective(entries: Iterable[Entry], defaults: Mapping[Setting, str]) -> dict[Setting, Effective]:
    """What each setting comes to. `entries` has the weakest first; LISTS add up, strongest first.

    An entry with an empty value wins as any other and means none.
    """
    said: dict[Setting, list[Entry]] = {setting: [] for setting in Setting}
    for entry in entries:
        said[entry.setting].append(entry)
    found = {}
    for setting, mine in said.items():
        if setting in LISTS:
            mine = [entry for entry in reversed(mine) if entry.value]
            found[setting] = Effective(setting, tuple(dict.fromkeys(entry.value for entry in mine)), tuple(mine))
        elif mine:
            *shadowed, winner = mine
            found[setting] = Effective(setting, _values(winner.value), (winner,), tuple(reversed(shadowed)))
        else:
            found[setting] = Effective(setting, _values(defaults.get(setting, "")))
    return found


def _values(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


@cache
def default_index() -> str:
    """Where every tool's default index lives, from the one package that says so. Importing that takes half a second,
    so the constant is read from its source as long as that is where it stands."""
    spec = importlib.util.find_spec("pypi_simple")
    if spec is not None and spec.origin is not None:
        with contextlib.suppress(OSError, ValueError):
            said = _ENDPOINT.search(content(Path(spec.origin), _LARGEST).decode())
            if said is not None:
                return said[1]
    return str(importlib.import_module("pypi_simple").PYPI_SIMPLE_ENDPOINT)


def text(value: Any) -> str:
    """A value of a file as people write it in a variable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(text, value)) if isinstance(value, list | tuple) else str(value)


def truth(value: str) -> bool:
    """What most tools understand as yes."""
    return value.strip().lower() in {"1", "true", "t", "yes", "y", "on"}


def variable(environ: Mapping[str, str], name: str, setting: Setting, *, split: str | None = None) -> list[Entry]:
    """What a variable says; empty ones say nothing. `split` makes an entry of each part (" ": of each word)."""
    value = environ.get(name, "")
    parts = [value] if split is None else value.split(None if split == " " else split)
    return [Entry(setting, part.strip(), ENVIRONMENT, Place(name), name) for part in parts if part.strip()]


def options(surroundings: Surroundings, tool: str, names: Mapping[str, Setting]) -> list[Entry]:
    """What the command line says, if it is that tool's: `--name value` and `--name=value`."""
    command = surroundings.command
    if not command or PurePath(command[0]).stem != tool:
        return []
    found = []
    for position, word in enumerate(command[1:], 1):
        if word == "--":
            break
        name, equals, value = word.partition("=")
        setting = names.get(name)
        if setting is None:
            continue
        if setting in _FLAGS:
            value = "true"
        elif not equals:
            value = command[position + 1] if position + 1 < len(command) else ""
        found.append(Entry(setting, value, COMMAND_LINE, Place(name), name))
    return found


def proxies(environ: Mapping[str, str], index: str, *, upper_first: bool = False) -> list[Entry]:
    """The variables that lead to `index`, weakest first.

    Python reads lower case first, and an empty lower-case one removes the other; uv and Go (`upper_first`) take the
    upper-case one as soon as it is there, even empty (tried with uv 0.13.8).
    """
    scheme = parts(index).scheme or "https"
    found = []
    for kind in ("all", scheme):
        names = (f"{kind}_proxy", f"{kind}_proxy".upper())
        for name in names if upper_first else reversed(names):
            if name in environ and (environ[name] or name == names[upper_first]):
                found.append(Entry(Setting.PROXY, environ[name], ENVIRONMENT, Place(name), name))
    return found + _exceptions(environ, upper_first=upper_first)


def _exceptions(environ: Mapping[str, str], *, upper_first: bool) -> list[Entry]:
    names = ("no_proxy", "NO_PROXY") if upper_first else ("NO_PROXY", "no_proxy")
    return [
        Entry(Setting.NO_PROXY, environ[name], ENVIRONMENT, Place(name), name)
        for name in names
        if environ.get(name) or (upper_first and name in environ)
    ]


def requests_trust(environ: Mapping[str, str]) -> list[Entry]:
    """The variables from which requests takes authorities, weakest first."""
    names = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
    return [entry for name in names for entry in variable(environ, name, Setting.CA)]


def parts(url: str) -> SplitResult:
    """A URL taken apart; nothing in any part when it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
