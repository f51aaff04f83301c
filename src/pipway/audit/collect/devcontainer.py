"""devcontainer.json: lifecycle commands, environment, build arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipway.audit.collect import commands, json_nodes, programs, shell
from pipway.audit.collect.json_nodes import Json
from pipway.audit.collect.shell import Scene, Script
from pipway.audit.facts import Command, Fact, Note, Source, Span, Variable, Where, Word
from pipway.audit.walk import Tree

KIND = "devcontainer"
WHERE = Where.IMAGE
_COMMANDS = (
    *("initializeCommand", "onCreateCommand", "updateContentCommand"),
    *("postCreateCommand", "postStartCommand", "postAttachCommand"),
)
_VARIABLES = (("containerEnv",), ("remoteEnv",), ("build", "args"))


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its variables and commands."""
    root = json_nodes.parse(source.text)
    if root is None:
        if source.text.strip():
            yield Note("unreadable", Span(source, 0, 0), "it is not JSON")
        return
    for keys in _VARIABLES:
        node = root.get(*keys)
        for name, value in node.pairs if node else ():
            text = value.text(source)
            exact = text.span() if text.text and text.span().text == text.text else None
            begin = source.text.rfind(f'"{name}"', 0, value.start)
            span = Span(source, begin if begin >= 0 else value.start, value.end)
            yield from commands.of_set(Variable(name, text.text, span, exact, keys[-1]))
    for key in _COMMANDS:
        yield from _command(source, root.get(key), Scene(Where.IMAGE, step=key))


def _command(source: Source, node: Json | None, scene: Scene) -> Iterator[Fact]:
    """A line, a list of words, or an object of either."""
    if node is None:
        return
    if node.kind == "string":
        yield from commands.facts(shell.read(node.text(source), scene))
    for _, value in node.pairs:
        if value.kind != "object":
            yield from _command(source, value, scene)
    texts = [item.text(source) for item in node.items if item.kind == "string" and item.value]
    if not texts:
        return
    words = tuple(Word(text.text, text.span()) for text in texts)
    program = programs.identify(words)
    span = Span(source, node.start, node.end)
    yield from commands.facts(
        Script(
            (
                Command(
                    words,
                    span,
                    program.tool,
                    program.verb,
                    program.wrappers,
                    where=scene.where,
                    step=scene.step,
                    listed=True,
                ),
            )
        )
    )
    if program.tool in programs.SHELLS and len(words) > 2 and words[-2].text.endswith("c"):
        yield from commands.facts(shell.read(texts[-1], scene))
