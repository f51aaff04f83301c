"""pip.conf and pip.ini: every option with its section, and what pip would stop at, never read, or not know."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from pipway.audit.collect.ini_items import IniText, read
from pipway.audit.collect.text import cut
from pipway.audit.collect.variable_options import PIP_LISTS, ROLES
from pipway.audit.facts import Fact, Index, Note, Option, Source, Span
from pipway.audit.walk import Tree
from pipway.clients.ini import Item
from pipway.clients.pip_options import ALL, COMMANDS, normalised

KIND = "pip.conf"

_SECTIONS = frozenset({"global", ":env:", *COMMANDS})
#: pip takes it in any spelling; -v and -q are counted
_CLOSE = 0.8  # of the letters of a key and the one that was meant
_MOST = 500  # sections, and keys; pip has 150 of these


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """One option for each value of those that hold several."""
    return facts(source)


def facts(source: Source) -> Iterator[Fact]:
    """Of a file, or of what a script writes into one."""
    file = read(source, normalised)
    layer = _layer(source.path)
    if layer == "":
        yield Note("never-read", Span(source, 0, 0), PurePosixPath(source.path).name)
    if source.text.startswith("\ufeff"):
        yield Note("encoding", Span(source, 0, 1), "a byte order mark")
    yield from file.notes()
    if len(file.ini.sections) > _MOST or len(file.ini.items) > _MOST:
        yield cut(source, f"more than {_MOST} sections or keys")
    for section in file.ini.sections[:_MOST]:
        if section not in _SECTIONS:
            yield Note("unknown-section", file.header(section), section, _near(section, _SECTIONS))
    for item in file.ini.items[:_MOST]:
        yield from _item(file, item, layer)


def _layer(path: str) -> str:
    """Which of pip's places it looks like; "" for none of them. What lies in a repository is somebody's to copy."""
    parts = PurePosixPath(path).parts
    name, folder = parts[-1], parts[-2] if len(parts) > 1 else ""
    if name not in ("pip.conf", "pip.ini"):
        return ""
    if path.startswith(("/etc/", "/Library/")):
        return "global"
    return "user" if folder in ("pip", ".pip") else "any"


def _item(file: IniText, item: Item, layer: str) -> Iterator[Fact]:
    key = f"[{item.section}] {item.key}"
    if item.section in _SECTIONS:
        known = COMMANDS.get(item.section, ALL)
        if item.name not in ALL:
            yield Note("unknown-key", file.key(item), item.key, {"section": item.section, **_near(item.name, ALL)})
        elif item.name not in known:
            yield Note("wrong-section", file.key(item), item.key, {"section": item.section})
    statement = file.item(item)
    values: list[tuple[str, Span | None]] = [(item.value, file.value(item))]
    if item.name in PIP_LISTS:
        values = [*file.words(item)] or values
    for value, span in values:
        whole = statement if len(values) == 1 or span is None else span
        yield Option("pip", item.name, value, whole, span, "file", key, item.section, layer)
        if item.name in ROLES and value:
            yield Index("pip", value, ROLES[item.name], whole, span, key=key)


def _near(name: str, known: Iterable[str]) -> dict[str, str]:
    """What was meant, where that is plain."""
    if len(name) > 60:
        return {}
    found = difflib.get_close_matches(name, sorted(known), 1, _CLOSE)
    return {"meant": found[0]} if found else {}
