"""Configuration files that stop pip, put right where that cannot change what somebody meant.

Pure; the pip client calls it. What it mends: in a file that stops pip, lines that lost their indent, a mark or UTF-16
at the beginning, a key that is there twice with one value; in every file, a harmless key with one letter wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipway.clients.ini import Ini, Item, Kind
from pipway.clients.pip_options import ALL, normalised

#: what somebody wrote who meant several values
_PLURALS: Mapping[str, str] = MappingProxyType(
    {"extra-index-urls": "extra-index-url", "trusted-hosts": "trusted-host", "find-link": "find-links"}
)


#: options that decide neither what is installed nor who is believed: only these are written right without a person
HARMLESS = frozenset(
    {"timeout", "retries", "resume-retries", "proxy", "cache-dir", "disable-pip-version-check", "progress-bar"}
    | {"no-input", "no-color", "require-virtualenv", "require-hashes", "log", "quiet", "verbose"}
)


def mended(ini: Ini) -> bytes | None:
    """The file as it was meant, when that is certain; None when nothing is to be done, or a person has to."""
    now = Ini(ini.to_bytes(encoding="utf-8", bom=False), normalised)
    if now.problems:  # a file that pip reads today keeps its meaning
        now = now.indented(lost_indent(now))
    doubled = [problem for problem in now.problems if problem.kind is Kind.DUPLICATE_KEY]
    for problem in reversed(doubled):
        same = [item for item in now.items if item.section == problem.section and item.name == problem.key]
        values = {item.value for item in same}
        if len(values) == 1:
            item = next(item for item in same if item.line == problem.line)
            now = now.without(sorted({item.line, *(part.line for part in item.parts)}))
    for item in now.items:
        meant = suggestion(item.name)
        if meant in HARMLESS and now.find(item.section, meant) is None:
            now = now.renamed(item, meant)
    after = now.to_bytes()
    return None if now.problems or after == ini.to_bytes() else after


def lost_indent(ini: Ini) -> list[int]:
    """Lines that stand at the margin and were meant to continue the value above."""
    lines = [problem.line for problem in ini.problems if problem.kind is Kind.NO_KEY and problem.key]
    lines += [item.line for item in ini.items if continues(item)]
    return sorted(lines)


def continues(item: Item) -> bool:
    """`https://a.example` at the margin is read as the key `https`."""
    return item.name in {"http", "https", "file"} and item.value.startswith("//")


def suggestion(name: str) -> str | None:
    """The one option that `name` was meant to be: a letter more, less or other, or two exchanged."""
    if name in ALL:
        return None
    near = [option for option in ALL if _one_edit(name, option)]
    return _PLURALS.get(name) or (near[0] if len(near) == 1 else None)


def _one_edit(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])
