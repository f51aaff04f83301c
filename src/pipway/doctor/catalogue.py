"""The known causes of a failed install: one TOML file each in `causes/`, with its signatures, its fix and its samples.

`explain` finds a cause by its signatures, probes name one by its id; both get the same words. The documentation's page
is made of the same files. Loading reads the package's own files, nothing else.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from pipway.doctor.commands import led
from pipway.findings import Finding, Fix, Place, Severity
from pipway.redact import redact

_WORD = re.compile(r"\{([a-z_]+)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_RUN = re.compile(r"\bpipway run (?P<options>(?:[a-z-]+ )*)-- $")
_COMMANDS = {"uv": "uv pip install PACKAGE", "poetry": "poetry install"}
_LONGEST, _READ = 300, 8192  # characters of one value that are shown, and looked at: a log may hold anything


@dataclass(frozen=True, slots=True)
class Signature:
    """What a client prints when this is the cause."""

    pattern: re.Pattern[str]  #: an empty group `proof` stands where the line begins that proves it, if not at the start
    tools: frozenset[str] = frozenset()  #: only in what these print; empty for all
    unless: re.Pattern[str] | None = None  #: not when this is in the text as well
    when: tuple[str, ...] = ()  #: and only under these conditions (`conditions.py`)
    rank: int = 0  #: how much this tells: the highest of all that match is the cause


@dataclass(frozen=True, slots=True)
class Remedy:
    """A fix, for all tools or for some, in some versions."""

    text: str
    commands: tuple[str, ...] = ()
    safe: bool = False
    tools: frozenset[str] = frozenset()
    versions: SpecifierSet | None = None
    when: tuple[str, ...] = ()  #: values that must be known for it to be of use

    def suits(self, tool: str, version: str, values: Mapping[str, str]) -> bool:
        """Whether it is of use there."""
        if (self.tools and tool not in self.tools) or any(not values.get(name) for name in self.when):
            return False
        if self.versions is None:
            return True
        try:
            return self.versions.contains(Version(version), prereleases=True)
        except InvalidVersion:
            return False


@dataclass(frozen=True, slots=True)
class Sample:
    """What a client really printed."""

    tool: str
    version: str
    text: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause."""

    id: str
    title: str
    severity: Severity
    what: str
    why: str
    remedies: tuple[Remedy, ...]
    signatures: tuple[Signature, ...] = ()
    samples: tuple[Sample, ...] = ()
    rule: str = ""  #: the audit rule that finds it in files
    probe: str = ""  #: the probe of `doctor` that finds it
    link: str = field(default="")

    def finding(self, *, tool: str = "", version: str = "", place: Place | str | None = None, **values: str) -> Finding:
        """This cause with what is known filled in; what is not known stays a word in capitals."""
        place = Place(place) if isinstance(place, str) else place
        known = {"tool": tool or "the installer", "version": version, "place": str(place or "")}
        values = {**known, **values}
        remedy = next((each for each in self.remedies if each.suits(tool, version, values)), None)
        return Finding(
            self.id,
            self.severity,
            _filled(self.what, values),
            _filled(self.why, values),
            place=place,
            fix=None
            if remedy is None
            else Fix(
                _filled(remedy.text, values), remedy.safe, tuple(_command(text, values) for text in remedy.commands)
            ),
            link=self.link,
        )


def _clean(value: str) -> str:
    # Shortened last: of a URL that is cut in two nobody sees any more what is its password.
    return redact(_CONTROL.sub(" ", value[:_READ]))[:_LONGEST].strip()


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _WORD.sub(lambda word: _clean(values.get(word[1]) or "") or word[1].upper(), text)


def _likely(values: Mapping[str, str]) -> str:
    """What a person most likely ran, where nobody said."""
    command = _COMMANDS.get(values.get("tool", ""), "pip install PACKAGE")
    project = _clean(values.get("project") or "")
    return command.replace("PACKAGE", shlex.quote(project)) if project and not project.startswith("-") else command


def _command(text: str, values: Mapping[str, str]) -> str:
    """Values are quoted for a shell: they come from logs and networks. `{command}` is quoted already."""

    def word(found: re.Match[str]) -> str:
        value = values.get(found[1]) or ""
        if found[1] == "command":
            if (run := _RUN.search(text, 0, found.start())) is not None:
                value = led(value, by_proxy="--via proxy" in run["options"])
            return redact(value) or _likely(values)
        said = _clean(value)
        if not said or (said.startswith("-") and found[1] != "option"):  # a log must not give a command its options
            return found[1].upper()
        if found[1] == "variable":
            return said if said.isidentifier() and said.isascii() else found[1].upper()
        return _quoted(said, text[: found.start()])

    return _WORD.sub(word, text)


def _quoted(value: str, before: str) -> str:
    """One word, or a part of one, for what stands before it: some texts have quotes of their own, or `$(…)`."""
    inside = [""]
    for last, sign in pairwise(f" {before}"):
        if inside[-1] == "'":
            if sign == "'":
                inside.pop()
        elif sign == inside[-1] or (sign == ")" and inside[-1] == "("):
            inside.pop()
        elif sign == '"' or (sign == "'" and inside[-1] != '"') or (sign == "(" and last == "$"):
            inside.append(sign)
    match inside[-1]:
        case "'":
            return value.replace("'", "'\"'\"'")
        case '"':
            return re.sub(r'([\\"$`])', r"\\\1", value)
    return shlex.quote(value)


@cache
def catalogue() -> Mapping[str, Cause]:
    """Every cause by its id, in the order of the ids."""
    folder = files("pipway.doctor") / "causes"
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return {
        entry.name[:-5]: _cause(entry.name[:-5], tomllib.loads(entry.read_text(encoding="utf-8"))) for entry in found
    }


def finding(cause: str, **values: Any) -> Finding:
    """The finding of a cause by its id; see `Cause.finding`."""
    return catalogue()[cause].finding(**values)


def _cause(name: str, table: Mapping[str, Any]) -> Cause:
    rank = int(table.get("rank", 50))
    return Cause(
        name,
        table["title"],
        Severity[table["severity"].upper()],
        table["what"],
        table["why"],
        tuple(_remedy(each) for each in table["fix"]),
        tuple(_signature(each, rank) for each in table.get("signature", ())),
        tuple(Sample(each["tool"], each["version"], each["text"]) for each in table.get("sample", ())),
        table.get("rule", ""),
        table.get("probe", ""),
        table.get("link", ""),
    )


def _remedy(table: Mapping[str, Any]) -> Remedy:
    return Remedy(
        table["text"],
        tuple(table.get("commands", ())),
        bool(table.get("safe", False)),
        frozenset(table.get("tools", ())),
        SpecifierSet(table["versions"]) if "versions" in table else None,
        tuple(table.get("when", ())),
    )


def _signature(table: Mapping[str, Any], rank: int) -> Signature:
    return Signature(
        re.compile(table["pattern"], re.MULTILINE),
        frozenset(table.get("tools", ())),
        re.compile(table["unless"], re.MULTILINE) if "unless" in table else None,
        tuple(table.get("when", ())),
        int(table.get("rank", rank)),
    )
