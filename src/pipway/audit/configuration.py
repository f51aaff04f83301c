"""What a repository says of its own audit: `[tool.pipway.audit]` of pyproject.toml, or pipway-audit.toml.

`cli/audit.py` reads it. What it does not know is an error: a rule that was switched off by a typo would be worse.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipway.audit.base import Persona
from pipway.audit.facts import Organisation
from pipway.audit.gitignore import matches
from pipway.clients.ordinary_files import content, is_file
from pipway.errors import UsageError
from pipway.findings import Severity

OWN = "pipway-audit.toml"
LARGEST = 1 << 20  #: bytes
_RULE = re.compile(r"PW\d{3}")
_NAME = re.compile(r"[-_.]+")
_LISTS = tuple(each.name for each in fields(Organisation))


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of it, with what holds when nothing is said."""

    ignore: frozenset[str] = frozenset()  #: rules that are not asked
    exclude: tuple[str, ...] = ()  #: patterns as in .gitignore, of files that are not looked at
    per_file: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))  #: pattern → rules
    fail_on: Severity | None = None
    persona: Persona | None = None
    comments: bool = True  #: what comments in files say is known counts; not for those of a stranger
    organisation: Organisation = field(default_factory=Organisation)

    def ignores(self, rule: str, path: str) -> bool:
        """Whether this rule says nothing about this file."""
        return rule in self.ignore or any(
            rule in rules and matches(pattern, path) for pattern, rules in self.per_file.items()
        )


def found(root: Path) -> Configuration:
    """The one of a tree: its own file, else its pyproject.toml, else nothing said. Links are not followed."""
    own, project = root / OWN, root / "pyproject.toml"
    if is_file(own) and not own.is_symlink():
        return read(own)
    if is_file(project) and not project.is_symlink():
        return read(project, lenient=True)
    return Configuration()


def read(path: Path, *, lenient: bool = False) -> Configuration:
    """From one file. UsageError when it is not as it should be; a pyproject.toml that is broken is a finding's matter
    when it is `lenient`."""
    try:
        raw = content(path, LARGEST)
        if len(raw) > LARGEST:
            raise ValueError("it is larger than a megabyte")
        whole = tomllib.loads(raw.decode())
    except (OSError, ValueError, RecursionError) as error:
        if lenient:
            return Configuration()
        why = (error.strerror or "") if isinstance(error, OSError) else str(error)
        raise UsageError("bad-audit-configuration", f"{path} cannot be read", why=why) from None
    said: Any = whole
    if path.name == "pyproject.toml":
        for key in ("tool", "pipway", "audit"):
            said = said.get(key, {}) if isinstance(said, dict) else {}
    return understood(said, str(path))


def understood(said: Any, name: str) -> Configuration:
    """The table's meaning. UsageError names the key that is wrong."""
    table = _table(said, name, "the table")
    known = {"ignore", "exclude", "per-file-ignores", "fail-on", "persona", "comments", *_LISTS}
    for key in table:
        if key not in known:
            raise _wrong(name, key, f"it is none of {', '.join(sorted(known))}")
    return Configuration(
        ignore=_rules(table.get("ignore", []), name, "ignore"),
        exclude=tuple(_words(table.get("exclude", []), name, "exclude")),
        per_file=MappingProxyType(
            {
                pattern: _rules(rules, name, f"per-file-ignores.{pattern}")
                for pattern, rules in _table(table.get("per-file-ignores", {}), name, "per-file-ignores").items()
            }
        ),
        fail_on=severity(table["fail-on"], f"fail-on in {name}") if "fail-on" in table else None,
        persona=_persona(table["persona"], name) if "persona" in table else None,
        comments=_yes_or_no(table.get("comments", True), name, "comments"),
        organisation=Organisation(
            **{
                key: frozenset(_normal(key, word) for word in _words(table[key], name, key))
                for key in _LISTS
                if key in table
            }
        ),
    )


def severity(text: object, where: str) -> Severity:
    """By its name. UsageError when there is none of that name."""
    try:
        return Severity[str(text).upper()]
    except KeyError:
        names = ", ".join(each.name.lower() for each in Severity)
        raise UsageError("bad-severity", f"{where} is no severity", fix=f"write one of: {names}") from None


def _persona(text: object, name: str) -> Persona:
    try:
        return Persona(str(text))
    except ValueError:
        raise _wrong(name, "persona", f"it is none of {', '.join(Persona)}") from None


def _yes_or_no(value: object, name: str, key: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, key, "it is neither true nor false")
    return value


def _normal(key: str, word: str) -> str:
    return _NAME.sub("-", word).lower() if key == "owned" else word.lower()


def _table(value: object, name: str, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, key, "it is no table")
    return value


def _words(value: object, name: str, key: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _wrong(name, key, "it is no list of strings")
    return value


def _rules(value: object, name: str, key: str) -> frozenset[str]:
    rules = frozenset(word.upper() for word in _words(value, name, key))
    for rule in rules:
        if not _RULE.fullmatch(rule):
            raise _wrong(name, key, f"{rule} is no rule's id")
    return rules


def _wrong(name: str, key: str, why: str) -> UsageError:
    return UsageError("bad-audit-configuration", f"{key} in {name} is not understood", why=why)
