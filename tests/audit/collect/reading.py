"""What the tests of collectors share: collect from a text, and hold every span against the text."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import TypeVar, cast

from hypothesis import strategies as st

from pipway.audit.collect import commands, shell
from pipway.audit.collect.files import modules
from pipway.audit.collect.text import Text
from pipway.audit.facts import Command, Copied, Fact, Index, Note, Option, Required, Source, Variable
from pipway.audit.walk import Tree

T = TypeVar("T", Option, Index, Variable, Command, Required, Copied, Note)


def script(text: str) -> list[Fact]:
    """The facts of a shell text."""
    return held(commands.facts(shell.read(Text.piece(Source("x.sh", text, "script")))))


def collected(module: ModuleType, text: str, path: str) -> list[Fact]:
    """The facts that a collector finds in a file that it takes for its own."""
    assert module.__name__.rpartition(".")[2] in modules(path, "")
    return held(module.collect(Source(path, text, module.KIND), cast(Tree, None)))


def held(facts: Iterable[Fact]) -> list[Fact]:
    """Every span lies in its source, and what is said to stand somewhere stands there."""
    found = list(facts)
    for fact in found:
        assert 0 <= fact.span.start <= fact.span.end <= len(fact.span.source.text)
        if isinstance(fact, Option | Variable) and fact.value_span is not None:
            assert fact.value_span.text == fact.value
        if isinstance(fact, Index) and fact.url_span is not None:
            assert fact.url_span.text == fact.url
    return found


def of(facts: Iterable[Fact], kind: type[T]) -> list[T]:
    """Those of one kind."""
    return [fact for fact in facts if isinstance(fact, kind)]


def options(facts: Iterable[Fact]) -> list[tuple[str, str, str]]:
    """Tool, name, value."""
    return [(option.tool, option.name, option.value) for option in of(facts, Option)]


def said(facts: Iterable[Fact]) -> list[str]:
    """The commands, unquoted."""
    return [" ".join(word.text for word in command.words) for command in of(facts, Command)]


_SIGNS = (
    *("\"'`$(){}[]<>|&;:#\\\n\t ,=-*!"),
    *("\r\n", "<<EOF\n", "é", "\N{ROCKET}", "\0", "${{", "'''", "- ", "&a ", "*a", "\\u0041", "\ufeff"),
)


def changed(text: str, data: st.DataObject) -> str:
    """A file after an accident, or after an enemy was there."""
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 30)))
        text = text[:start] + data.draw(st.sampled_from(_SIGNS)) + text[end:]
    return text
