"""Kubernetes manifests: the environment of containers, their commands, and what a ConfigMap hands on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipway.audit.collect import commands, compose
from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.collect.shell import Scene
from pipway.audit.facts import Fact, Source, Variable, Where
from pipway.audit.walk import Tree

KIND = "kubernetes"
WHERE = Where.IMAGE


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Variables. A template of Helm, which is no YAML yet, says nothing."""
    documents, _ = yaml.documents(source)
    for root in documents:
        if yaml.plain(yaml.child(root, "kind")) == "ConfigMap":
            yield from yaml.of_variables(source, yaml.child(root, "data"), "data")
            continue
        for mapping in yaml.walked(root):
            yield from _environment(source, yaml.child(mapping, "env"))
            if yaml.child(mapping, "image") is not None:
                yield from _command(source, mapping)


def _command(source: Source, container: MappingNode) -> Iterator[Fact]:
    """`command` with the `args` behind it."""
    scene = Scene(WHERE, step=yaml.plain(yaml.child(container, "name")))
    parts = [yaml.child(container, key) for key in ("command", "args")]
    lists = [node for node in parts if isinstance(node, SequenceNode) and node.value]
    if lists:
        every = [item for node in lists for item in node.value]
        whole = SequenceNode(lists[0].tag, every, lists[0].start_mark, lists[-1].end_mark)
        yield from compose.words(source, whole, scene)


def _environment(source: Source, node: Node | None) -> Iterator[Fact]:
    """A list of names with values; `valueFrom` is what it should be."""
    for item in node.value if isinstance(node, SequenceNode) else ():
        name, value = yaml.plain(yaml.child(item, "name")), yaml.child(item, "value")
        if isinstance(item, MappingNode) and name and isinstance(value, ScalarNode):
            text = yaml.scalar(source, value)
            span = text.span()
            exact = span if text.text and span.text == text.text else None
            yield from commands.of_set(Variable(name, text.text, span, exact, "env"))
