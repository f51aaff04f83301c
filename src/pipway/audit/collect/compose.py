"""Compose files: environment and build arguments of services, and the commands that they run."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from yaml.nodes import Node, ScalarNode, SequenceNode

from pipway.audit.collect import commands, programs, shell
from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.collect.shell import Scene, Script
from pipway.audit.facts import Command, Fact, Note, Scope, Source, Where, Word
from pipway.audit.walk import Tree

KIND = "compose"
WHERE = Where.IMAGE


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """What its services are given."""
    documents, notes = yaml.documents(source)
    yield from notes
    for root in documents:
        for name, _, service in yaml.pairs(yaml.child(root, "services")):
            scene = Scene(Where.IMAGE, step=name)
            yield Scope("service", yaml.span(source, service, service), name)
            yield from yaml.of_variables(source, yaml.child(service, "environment"), "environment", name)
            yield from yaml.of_variables(source, yaml.child(service, "build", "args"), "args", name)
            yield from _build(source, yaml.child(service, "build"), name)
            for key in ("command", "entrypoint"):
                yield from words(source, yaml.child(service, key), scene)


def _build(source: Source, node: Node | None, service: str) -> Iterator[Fact]:
    """Which Dockerfile gets the build arguments of a service; nothing where it is not in this tree."""
    context = yaml.plain(node) or yaml.plain(yaml.child(node, "context")) or "."
    if node is None or "://" in context or "$" in context or context.startswith(("/", "~", "git@")):
        return
    said = yaml.plain(yaml.child(node, "dockerfile")) or "Dockerfile"
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), context, said))
    yield Note("build", yaml.span(source, node, node), path, {"service": service})


def words(source: Source, node: Node | None, scene: Scene) -> Iterator[Fact]:
    """A command as a line or as a list of words."""
    if isinstance(node, ScalarNode):
        yield from commands.facts(shell.read(yaml.scalar(source, node), scene))
    elif isinstance(node, SequenceNode):
        texts = [yaml.scalar(source, item) for item in node.value if isinstance(item, ScalarNode)]
        found = tuple(Word(text.text, text.span(), "$" not in text.text) for text in texts if text.text)
        if not found:
            return
        program = programs.identify(found)
        span = yaml.span(source, node, node)
        command = Command(
            found, span, program.tool, program.verb, program.wrappers, where=scene.where, step=scene.step, listed=True
        )
        inner = [text for text in texts if text.text]
        yield from commands.facts(Script((command,)))
        if program.tool in programs.SHELLS and len(found) > 2 and found[-2].text.endswith("c"):
            yield from commands.facts(shell.read(inner[-1], scene))
