""".env files: variables as docker compose, pipenv, uv and python-dotenv read them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipway.audit.collect.text import cut
from pipway.audit.collect.variable_options import of_variable
from pipway.audit.facts import Fact, Source, Span, Variable
from pipway.audit.walk import Tree

KIND = "dotenv"

_SET = re.compile(
    r"""^[ \t]*(export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*
        (?:"((?:\\.|[^"\\])*)"|'([^']*)'|([^\r\n]*))""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"(?:^|\s)#.*")
_MOST = 5000  # variables


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Each variable, and the option it is."""
    for number, match in enumerate(_SET.finditer(source.text)):
        if number >= _MOST:
            yield cut(source, f"more than {_MOST} variables", match.start())
            return
        group = next(n for n in (3, 4, 5) if match[n] is not None)
        value = match[group]
        if group == 5:
            value = _COMMENT.sub("", value).rstrip()
        start = match.start(group)
        span = Span(source, start, start + len(value))
        end = span.end if group == 5 else match.end()
        first = match.start(1) if match[1] else match.start(2)
        variable = Variable(match[2], value, Span(source, first, end), span, "dotenv")
        yield variable
        yield from of_variable(variable)
