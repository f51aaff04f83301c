"""justfiles: recipes as shell, `name := "value"` filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipway.audit.collect import commands, shell
from pipway.audit.collect.files import SHEBANG
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.text import Text
from pipway.audit.collect.words import Value
from pipway.audit.facts import Fact, Source, Variable
from pipway.audit.walk import Tree

KIND = "justfile"
#: `name := "value"`, alone or with a comment
_SET = re.compile(
    r"^(export[ \t]+)?([A-Za-z_][\w-]*)[ \t]*:=[ \t]*(?:\"([^\"\\\n]*)\"|'([^'\n]*)')[ \t]*(?:#[^\n]*)?\r?$",
    re.MULTILINE,
)
#: a recipe's head, and the indented lines below it
_RECIPE = re.compile(
    r"^@?[A-Za-z_](?:[^\n:=\"']|=|\"[^\"\n]*\"|'[^'\n]*')*:(?!=)[^\n]*\n((?:[ \t]+[^\n]*(?:\n|\Z)|[ \t]*\r?\n)+)",
    re.MULTILINE,
)
_LINE = re.compile(r"[ \t]+(?:[^\\\n]|\\(?:\r?\n|.))*", re.DOTALL)
_PREFIX = re.compile(r"[ \t]*[@-]*[ \t]*")
_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_][\w-]*)\s*\}\}|\{\{[^{}]*\}\}")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its variables and recipes."""
    known: dict[str, Value | None] = {}
    for found in _SET.finditer(source.text):
        group = 3 if found.group(3) is not None else 4
        text = Text.piece(source, *found.span(group))
        name = found.group(2)
        span = Text.piece(source, found.start(), found.end(group) + 1).span()
        exact = text.span() if text.text else None
        yield from commands.of_set(Variable(name, text.text, span, exact, "export" if found.group(1) else "just"))
        known[name] = Value((text,)) if text.text and name not in known else None
    for recipe in _RECIPE.finditer(source.text):
        yield from _recipe(source, recipe.start(1), recipe.end(1), known)


def _recipe(source: Source, start: int, end: int, known: dict[str, Value | None]) -> Iterator[Fact]:
    """Each line by itself, or the whole when it begins with `#!`."""
    scene = Scene(source.where, step=f"recipe at {start}")
    body = source.text[start:end].lstrip()
    if body.startswith("#!"):
        if SHEBANG.match(body):
            yield from commands.facts(shell.read(Text.piece(source, start, end), scene, known, _TEMPLATE))
        return
    for line in _LINE.finditer(source.text, start, end):
        prefix = _PREFIX.match(source.text, line.start(), line.end())
        text = Text.piece(source, prefix.end() if prefix else line.start(), line.end())
        yield from commands.facts(shell.read(text, scene, known, _TEMPLATE))
