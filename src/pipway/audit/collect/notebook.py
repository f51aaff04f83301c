"""Jupyter notebooks: `!pip`, `%pip`, `%conda`, `%env`, `%%bash` cells and `os.environ[…] = …`, in the JSON's lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipway.audit.collect import commands, json_nodes, shell
from pipway.audit.collect.json_nodes import Json
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.text import Text
from pipway.audit.facts import Fact, Note, Source, Span, Variable
from pipway.audit.walk import Tree

KIND = "notebook"
_WORTH = re.compile(r"[!%]|environ")
_CELL = re.compile(r"\s*%%(?:bash|sh|script[ \t]+(?:ba|z|da)?sh|!)[^\n]*\n")
_LINE = re.compile(
    r"^[ \t]*(?:\w+[ \t]*=[ \t]*)?(?:!!?|%sx[ \t]|%system[ \t]|%(?=(?:pip|conda|mamba|uv)\b))((?:[^\\\n]|\\(?:\n|.))*)",
    re.MULTILINE | re.DOTALL,
)
_ENV = re.compile(
    r"^[ \t]*%(?:env|set_env)[ \t]+(\w+)(?:[ \t]*=[ \t]*|[ \t]+)([^\n]*\S)"
    r"|os\.environ\[[\"'](\w+)[\"']\][ \t]*=[ \t]*[\"']([^\"'\n\\]*)[\"']",
    re.MULTILINE,
)


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """What its code cells run and set."""
    if not _WORTH.search(source.text):
        return
    root = json_nodes.parse(source.text)
    cells = root.get("cells") if root else None
    if cells is None:
        if root is None and source.text.strip():
            yield Note("unreadable", Span(source, 0, 0), "it is not JSON")
        return
    for cell in cells.items:
        kind, written = cell.get("cell_type"), cell.get("source")
        if kind is not None and kind.value == "code" and written is not None:
            yield from _cell(_text(source, written))


def _text(source: Source, written: Json) -> Text:
    """Lines as a list, or one string."""
    lines = written.items if written.kind == "list" else [written]
    return Text.joined(
        source, [line.text(source) for line in lines if line.kind == "string"] or [Text.piece(source, 0, 0)]
    )


def _cell(text: Text) -> Iterator[Fact]:
    scene = Scene(text.source.where)
    if whole := _CELL.match(text.text):
        yield from commands.facts(shell.read(text.cut(whole.end(), len(text.text)), scene))
        return
    for found in _LINE.finditer(text.text):
        yield from commands.facts(shell.read(text.cut(*found.span(1)), scene))
    for found in _ENV.finditer(text.text):
        group = 1 if found.group(1) else 3
        value = text.cut(*found.span(group + 1))
        exact = value.span() if value.text and value.span().text == value.text else None
        span = text.span(*found.span())
        yield from commands.of_set(Variable(found.group(group), value.text, span, exact, "process"))
