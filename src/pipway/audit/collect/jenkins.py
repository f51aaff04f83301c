"""Jenkinsfiles: `sh`, `bat`, `powershell` steps, `environment { }` blocks and `withEnv`. Groovy is not run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipway.audit.collect import commands, powershell, shell
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.text import Text
from pipway.audit.facts import Fact, Source, Span, Variable, Where
from pipway.audit.walk import Tree

KIND = "jenkins"
WHERE = Where.CI
_STRING = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"\"\"(?P<d3>(?:[^\\]|\\.)*?)\"\"\"|'''(?P<s3>(?:[^\\]|\\.)*?)'''"
    r"|\"(?P<d1>(?:[^\"\\\n]|\\.)*)\"|'(?P<s1>(?:[^'\\\n]|\\.)*)'",
    re.DOTALL,
)
_STEP = re.compile(r"\b(sh|bat|powershell|pwsh)\b[ \t]*\(?[ \t\r\n]*(?:[\w: ,]*\bscript[ \t]*:[ \t]*)?\Z")
_SET = re.compile(r"(?:^|[\s{;])(?:env\.)?([A-Za-z_]\w*)[ \t]*=[ \t]*\Z")
_PAIR = re.compile(r"\bwithEnv\b[^\n]*\Z")
_ESCAPE = re.compile(r"\\(\r?\n|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_BEFORE = 200  #: characters in front of a string that say what it is


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its commands and variables."""
    behind = 0
    for found in _STRING.finditer(source.text):
        if found.lastgroup is None:  # a comment
            behind = found.end()
            continue
        before = source.text[max(behind, found.start() - _BEFORE) : found.start()]
        text = _meant(Text.piece(source, *found.span(found.lastgroup)))
        yield from _string(text, before, found)
        behind = found.start() if _PAIR.search(before) else found.end()


def _string(text: Text, before: str, found: re.Match[str]) -> Iterator[Fact]:
    scene = Scene(Where.CI)
    if step := _STEP.search(before):
        if step.group(1) in ("powershell", "pwsh"):
            yield from commands.facts(powershell.read(text, scene))
        else:
            yield from commands.facts(shell.read(text, scene))
    elif name := _SET.search(before):
        first = found.start() - len(before) + name.start(1)
        span = Text.piece(text.source, first, found.end()).span()
        yield from commands.of_set(_variable(name.group(1), text, span))
    elif "withEnv" in before and "=" in text.text:
        at = text.text.index("=") + 1
        value = text.cut(at, len(text.text))
        yield from commands.of_set(_variable(text.text[: at - 1], value, text.span()))


def _variable(name: str, value: Text, span: Span) -> Variable:
    exact = value.span() if value.text and value.span().text == value.text else None
    return Variable(name, value.text, span, exact, "environment", "job")


def _meant(text: Text) -> Text:
    """Without Groovy's escapes: `\\\\` is a backslash, one at the end of a line joins it with the next."""
    parts, place = [], 0
    for found in _ESCAPE.finditer(text.text):
        parts.append(text.cut(place, found.start()))
        escape = found.group(1)
        span = text.span(found.start(), found.end())
        if not escape.endswith("\n"):
            meant = chr(int(escape[1:], 16)) if len(escape) == 5 else _MEANT.get(escape, escape)
            parts.append(Text.standing_for(text.source, meant, span.start, span.end))
        place = found.end()
    return Text.joined(text.source, [*parts, text.cut(place, len(text.text))]) if parts else text
