"""Kubernetes manifests: the environment of containers, and what a ConfigMap hands on. Commands are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipway.audit.collect import commands
from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.facts import Fact, Source, Variable, Where
from pipway.audit.walk import Tree

KIND = "kubernetes"
WHERE = Where.IMAGE

_VERSION = re.compile(r"^apiVersion:[ \t]*[\"']?[\w.-]+(?:/\w+)?", re.MULTILINE)
_KIND = re.compile(r"^kind:[ \t]*[\"']?[A-Z]", re.MULTILINE)


def matches(path: PurePosixPath, head: str) -> bool:
    """A file in YAML that says so at its beginning."""
    return path.suffix in (".yml", ".yaml") and bool(_VERSION.search(head) and _KIND.search(head))


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Variables. A template of Helm, which is no YAML yet, says nothing."""
    documents, _ = yaml.documents(source)
    for root in documents:
        if yaml.plain(yaml.child(root, "kind")) == "ConfigMap":
            yield from yaml.of_variables(source, yaml.child(root, "data"), "data")
            continue
        for mapping in yaml.walked(root):
            yield from _environment(source, yaml.child(mapping, "env"))


def _environment(source: Source, node: Node | None) -> Iterator[Fact]:
    """A list of names with values; `valueFrom` is what it should be."""
    for item in node.value if isinstance(node, SequenceNode) else ():
        name, value = yaml.plain(yaml.child(item, "name")), yaml.child(item, "value")
        if isinstance(item, MappingNode) and name and isinstance(value, ScalarNode):
            text = yaml.scalar(source, value)
            span = text.span()
            exact = span if text.text and span.text == text.text else None
            yield from commands.of_set(Variable(name, text.text, span, exact, "env"))
