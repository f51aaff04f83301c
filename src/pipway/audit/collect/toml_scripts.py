"""Commands in TOML: the scripts of Hatch and PDM, the tasks of pixi. The collectors of these files call it."""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.collect import commands, shell
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.text import Text
from pipway.audit.collect.toml_nodes import Node
from pipway.audit.facts import Fact

_KEYS = ("cmd", "shell")


def scripts(table: Node | None) -> Iterator[Fact]:
    """Each entry is a line, a list of lines, or a table that holds one."""
    for name, node in table.pairs() if table is not None else ():
        for key in _KEYS if node.kind == "table" else ("",):
            for line in node.each(key) if key else node.each():
                if line.kind == "string" and line.text:
                    yield from commands.facts(shell.read(_text(line), Scene(line.source.where, step=name)))


def _text(node: Node) -> Text:
    exact = node.exact
    if exact is not None:
        return Text.piece(node.source, exact.start, exact.end)
    return Text.standing_for(node.source, node.text, node.start, node.end)
