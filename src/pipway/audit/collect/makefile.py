"""Makefiles: recipes as shell, with the file's own variables filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipway.audit.collect import commands, shell
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.text import Text, cut
from pipway.audit.collect.words import LONGEST, Value
from pipway.audit.facts import Fact, Source, Variable
from pipway.audit.walk import Tree

KIND = "makefile"
MOST = 20_000  #: lines
_LOGICAL = re.compile(r"(?:[^\\\n]|\\(?:\r?\n|.)|\\\Z)+", re.DOTALL)
_SET = re.compile(r"[ ]*(export[ \t]+|override[ \t]+|private[ \t]+)*([A-Za-z_][\w.]*)[ \t]*(\?=|:=|::=|\+=|!=|=)[ \t]*")
_OF_TARGET = re.compile(r"[^\t#:=\n][^:=\n]*:[ \t]*(?=(?:export[ \t]+)?[A-Za-z_][\w.]*[ \t]*[?:+]?=)")
_COMMENT = re.compile(r"\s+#.*|#.*", re.DOTALL)
_REFERENCE = re.compile(
    r"\$(?:(\$)|[({]([A-Za-z_][\w.]*)[)}]|([@<^+?*%|])|[({][^(){}$]*(?:\$?[({][^(){}]*[)}][^(){}$]*)*[)}]|(\w))"
)
_PREFIX = re.compile(r"[ \t]*[@+-][@+ \t-]*")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its variables first, then its recipes, as make does."""
    lines = [found.span() for found, _ in zip(_LOGICAL.finditer(source.text), range(MOST + 1), strict=False)]
    if len(lines) > MOST:
        yield cut(source, f"more than {MOST} lines", lines.pop()[0])
    known: dict[str, Value | None] = {}
    for start, end in lines:
        if not source.text.startswith("\t", start):
            yield from _set(source, start, end, known)
    for start, end in lines:
        if source.text.startswith("\t", start):
            text = _for_shell(Text.piece(source, start + 1, end))
            prefix = _PREFIX.match(text.text)
            text = text.cut(prefix.end() if prefix else 0, len(text.text))
            yield from commands.facts(shell.read(text, Scene(source.where), known))


def _set(source: Source, start: int, end: int, known: dict[str, Value | None]) -> Iterator[Fact]:
    target = _OF_TARGET.match(source.text, start, end)
    found = _SET.match(source.text, target.end() if target else start, end)
    if found is None:
        return
    name, sign = found.group(2), found.group(3)
    comment = _COMMENT.search(source.text, found.end(), end)
    last = comment.start() if comment else end
    last = found.end() + len(source.text[found.end() : last].rstrip())
    text = _for_shell(Text.piece(source, found.end(), last))
    value, exact = text.text, text.span()
    exported = "export" in (found.group(0).partition("=")[0])
    place = text.span() if value else None
    first = found.start() + len(found.group()) - len(found.group().lstrip())
    span = Text.piece(source, first, last).span()
    as_it_is = exact if place and exact.text == value else None
    yield from commands.of_set(Variable(name, value, span, as_it_is, "export" if exported else "make"))
    simple = "$" not in value and "\\" not in value and len(value) <= LONGEST and sign not in ("+=", "!=")
    known[name] = Value((text,)) if simple and value and name not in known else None


def _for_shell(text: Text) -> Text:
    """`$$` is the shell's `$`; `$(NAME)` becomes `${NAME}`, which stands for what was written."""
    parts, place = [], 0
    for found in _REFERENCE.finditer(text.text):
        span = text.span(found.start(), found.end())
        meant = "$" if found.group(1) else f"${{{found.group(2) or found.group(4) or '_'}}}"
        parts.append(text.cut(place, found.start()))
        if found.group(2) and span.text == meant:
            parts.append(text.cut(found.start(), found.end()))
        else:
            parts.append(Text.standing_for(text.source, meant, span.start, span.end))
        place = found.end()
    return Text.joined(text.source, [*parts, text.cut(place, len(text.text))]) if parts else text
