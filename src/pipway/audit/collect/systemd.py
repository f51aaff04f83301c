"""systemd units: `Environment=` and what `Exec…=` runs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipway.audit.collect import commands, shell
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.text import Text
from pipway.audit.facts import Fact, Source, Variable
from pipway.audit.walk import Tree

KIND = "systemd"
_STATEMENT = re.compile(r"^[ \t]*(Environment|Exec[A-Za-z]+)[ \t]*=[ \t]*((?:\\\r?\n|[^\n])*)", re.MULTILINE)
_PAIR = re.compile(
    r"\"([A-Za-z_]\w*+)=((?:[^\"\\]|\\.)*+)(?:\"|\Z)|'([A-Za-z_]\w*+)=((?:[^'\\]|\\.)*+)(?:'|\Z)"
    r"|(?<!\w)([A-Za-z_]\w*+)=([^\s\"'\\]*)",
    re.DOTALL,
)
_SPECIAL = re.compile(r"[-@:+!|]*")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its variables and commands."""
    for statement in _STATEMENT.finditer(source.text):
        start, end = statement.span(2)
        if statement.group(1) != "Environment":
            special = _SPECIAL.match(source.text, start, end)
            text = Text.piece(source, special.end() if special else start, end)
            yield from commands.facts(shell.read(text, Scene(source.where)))
            continue
        pairs = list(_PAIR.finditer(source.text, start, end))
        for pair in pairs:
            group = next(number for number in (1, 3, 5) if pair.group(number))
            value = Text.piece(source, *pair.span(group + 1)).span()
            whole = statement if len(pairs) == 1 else pair
            span = Text.piece(source, whole.start(), whole.end()).span()
            exact = value if value.text and "\\" not in value.text else None
            yield from commands.of_set(Variable(pair.group(group), value.text, span, exact, "Environment="))
