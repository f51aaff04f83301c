"""noxfile.py: what sessions install and run, read from the syntax tree. Nothing is imported or executed."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator

from pipway.audit.collect import commands, programs, shell
from pipway.audit.collect.shell import Scene, Script
from pipway.audit.collect.text import Text
from pipway.audit.facts import Command, Fact, Note, Source, Span, Variable, Word
from pipway.audit.walk import Tree

KIND = "nox"
_RUN = frozenset({"run", "run_always", "run_install"})
_PREFIXES = {"install": ("pip", "install"), "conda_install": ("conda", "install"), "chdir": ()}
LARGEST = 1 << 20  #: characters


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """`session.install(…)`, `session.run(…)`, `session.env[…] = …`."""
    if len(source.text) > LARGEST:
        yield Note("unreadable", Span(source, 0, 0), "it is too large")
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree_ = ast.parse(source.text)
        nodes = [node for node in ast.walk(tree_) if isinstance(node, ast.Call | ast.Assign)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield Note("unreadable", Span(source, 0, 0), "it is not Python")
        return
    places = _Places(source)
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(node, ast.Assign):
            yield from _assigned(places, node)
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name | ast.Attribute):
            yield from _called(places, node, node.func.attr)


class _Places:
    """Python counts lines and UTF-8 bytes; a source counts characters."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._starts = [0]
        for line in _lines(source.text):
            self._starts.append(self._starts[-1] + len(line))

    def offset(self, line: int, column: int) -> int:
        """Of a line (from 1) and a byte in it."""
        start = self._starts[min(line, len(self._starts)) - 1]
        end = self._starts[line] if line < len(self._starts) else len(self.source.text)
        return start + len(self.source.text[start:end].encode()[:column].decode(errors="ignore"))

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """Of a node."""
        end = self.offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        return Span(self.source, self.offset(node.lineno, node.col_offset), end)

    def word(self, node: ast.expr) -> Word:
        """A string with its quotes taken off where that is all there is to it; anything else is unknown."""
        span = self.span(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            place = span.text.find(node.value) if node.value else -1
            if place > 0:
                span = Span(self.source, span.start + place, span.start + place + len(node.value))
            return Word(node.value, span)
        return Word(f"${span.text}", span, known=False)


def _lines(text: str) -> list[str]:
    """As Python's parser counts them: it knows three ends of a line."""
    found, start = [], 0
    for place, char in enumerate(text):
        if char == "\n" or (char == "\r" and text[place + 1 : place + 2] != "\n"):
            found.append(text[start : place + 1])
            start = place + 1
    return [*found, text[start:]]


def _called(places: _Places, node: ast.Call, name: str) -> Iterator[Fact]:
    if name not in _RUN and name not in _PREFIXES:
        return
    whole = places.span(node)
    start = Span(places.source, whole.start, whole.start)
    words = [Word(word, start) for word in _PREFIXES.get(name, ())]
    words += [places.word(argument) for argument in node.args]
    variables = []
    for keyword in node.keywords:
        if keyword.arg == "env" and isinstance(keyword.value, ast.Dict):
            variables += list(_pairs(places, keyword.value))
    if not words or (name not in _RUN and not node.args):
        return
    program = programs.identify(words)
    last = node.args[-1] if node.args else None
    if program.tool in programs.SHELLS and len(words) > 2 and words[-2].text.endswith("c") and words[-1].known:
        span = words[-1].span
        if isinstance(last, ast.Constant) and span.text == last.value:  # `bash -c "…"`
            yield from commands.facts(shell.read(Text.piece(span.source, span.start, span.end), Scene()))
    yield from commands.facts(
        Script(
            (Command(tuple(words), whole, program.tool, program.verb, program.wrappers, tuple(variables), listed=True),)
        )
    )


def _pairs(places: _Places, node: ast.Dict) -> Iterator[Variable]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(value, ast.Constant):
            yield _variable(
                places, key.value, value, Span(places.source, places.span(key).start, places.span(value).end)
            )


def _assigned(places: _Places, node: ast.Assign) -> Iterator[Fact]:
    """`session.env["X"] = "…"`, `os.environ["X"] = "…"`."""
    target = node.targets[0]
    if not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Attribute):
        return
    key, value = target.slice, node.value
    if target.value.attr in ("env", "environ") and isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
        yield from commands.of_set(_variable(places, str(key.value), value, places.span(node)))


def _variable(places: _Places, name: str, value: ast.Constant, span: Span) -> Variable:
    word = places.word(value)
    text = value.value if isinstance(value.value, str) else str(value.value)
    return Variable(name, text, span, word.span if word.span.text == text else None, "process")
