"""A Dockerfile cut into instructions, as BuildKit cuts it: directives, escape character, continuations, here-documents.

The collector `dockerfile` understands them. Each instruction's text knows where its characters stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipway.audit.collect.text import Text
from pipway.audit.facts import Source

MOST = 5000  #: instructions
_DIRECTIVE = re.compile(r"#[ \t]*(\w+)[ \t]*=[ \t]*(\S+)[ \t]*\r?$")
_HEREDOC = re.compile(r"(?<!<)<<(-?)[ \t]*([\"']?)([A-Za-z_][\w.]*)\2")
_INSTRUCTION = re.compile(r"[ \t]*([A-Za-z]+)[ \t]*")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\"[^\"]*\"|\S*))?[ \t]*")
_WITH_HEREDOC = frozenset({"RUN", "COPY", "ADD"})


@dataclass(slots=True)
class Heredoc:
    """A here-document of an instruction."""

    name: str
    body: Text = field(repr=False)
    end: int  #: offset in the source behind the line that ends it


@dataclass(slots=True)
class Instruction:
    """One instruction: its name, its flags, and the rest."""

    name: str
    flags: tuple[tuple[str, str], ...]
    rest: Text = field(repr=False)
    start: int
    end: int
    heredocs: list[Heredoc] = field(default_factory=list)


def instructions(source: Source) -> Iterator[Instruction]:
    """All of them, in order; of those beyond `MOST` only the first, which says that there are more."""
    lines = _lines(source.text)
    escape = _escape(source.text, lines)
    at = count = 0
    missing: set[str] = set()  # here-documents that nothing ends
    while at < len(lines) and count <= MOST:
        start, end = lines[at]
        line = source.text[start:end].strip()
        if not line or line.startswith("#"):
            at += 1
            continue
        at, text = _joined(source, lines, at, escape)
        found = _instruction(text)
        if found is None:
            continue
        if found.name in _WITH_HEREDOC:
            at = _heredocs(source, lines, at, found, missing)
        count += 1
        yield found


def _lines(text: str) -> list[tuple[int, int]]:
    found, start = [], 0
    for line in text.split("\n"):
        found.append((start, start + len(line)))
        start += len(line) + 1
    return found


def _escape(text: str, lines: list[tuple[int, int]]) -> str:
    for start, end in lines[:50]:
        directive = _DIRECTIVE.match(text, start, end)
        if directive is None:
            break
        if directive.group(1).lower() == "escape" and directive.group(2) in "\\`":
            return directive.group(2)
    return "\\"


def _joined(source: Source, lines: list[tuple[int, int]], at: int, escape: str) -> tuple[int, Text]:
    """An instruction's lines without escape characters at their ends, comments and empty lines between them."""
    parts: list[Text] = []
    more = re.compile(re.escape(escape) + r"[ \t]*\r?$")
    first = True
    while at < len(lines):
        start, end = lines[at]
        line = source.text[start:end]
        at += 1
        if not first and (not line.strip() or line.lstrip().startswith("#")):
            continue
        first = False
        found = more.search(line)
        if found is None:
            parts.append(Text.piece(source, start, start + len(line.rstrip("\r"))))
            break
        parts.append(Text.piece(source, start, start + found.start()))
    return at, Text.joined(source, parts)


def _instruction(text: Text) -> Instruction | None:
    found = _INSTRUCTION.match(text.text)
    if found is None:
        return None
    if found.group(1).upper() == "ONBUILD":
        return _instruction(text.cut(found.end(), len(text.text)))
    at, flags = found.end(), []
    while flag := _FLAG.match(text.text, at):
        flags.append((flag.group(1), (flag.group(2) or "").strip('"')))
        at = flag.end()
    rest = text.cut(at, len(text.text))
    whole = text.span(found.start(1), max(found.end(1), len(text.text.rstrip())))
    return Instruction(found.group(1).upper(), tuple(flags), rest, whole.start, whole.end)


def _heredocs(source: Source, lines: list[tuple[int, int]], at: int, found: Instruction, missing: set[str]) -> int:
    for place, marker in enumerate(_HEREDOC.finditer(found.rest.text)):
        if marker.group(3) in missing:
            break
        end = at
        while end < len(lines):
            start, stop = lines[end]
            line = source.text[start:stop].rstrip("\r")
            if (line.lstrip("\t") if marker.group(1) else line) == marker.group(3):
                break
            end += 1
        if end >= len(lines) or place > 20:
            missing.add(marker.group(3))
            break
        body = Text.piece(source, lines[at][0], lines[end][0]) if end > at else Text.piece(source, 0, 0)
        found.heredocs.append(Heredoc(marker.group(3), body, lines[end][1]))
        at = end + 1
    return at
