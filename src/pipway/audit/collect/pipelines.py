"""Travis, Bitbucket, Buildkite, Drone, Woodpecker, Cirrus and AppVeyor: their steps as shell, their variables.

They differ in what the keys are called, not in what stands there: lines of a shell, or lists of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipway.audit.collect import commands, shell
from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.words import Value
from pipway.audit.facts import Fact, Scope, Source, Where
from pipway.audit.walk import Tree

KIND = "pipelines"
WHERE = Where.CI
_SCRIPT = re.compile(
    r"(?:before_|after_)?(?:script|install|deploy|success|failure)|(?:\w+_)?script|commands?|after-script|(?:pre|post)_\w+"
)
_VARIABLES = ("env", "environment", "variables")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its variables and commands."""
    documents, notes = yaml.documents(source)
    yield from notes
    for root in documents:
        known: dict[str, Value | None] = {}
        for node in yaml.walked(root):
            for key in _VARIABLES:
                yield from _variables(source, yaml.child(node, key), "workflow" if node is root else "job", known)
        for node in yaml.walked(root):
            lines = [(key, value) for key, _, value in yaml.pairs(node) if _SCRIPT.fullmatch(key)]
            if lines and node is not root:
                yield Scope("step", yaml.span(source, node, node))
            for key, value in lines:
                yield from _script(
                    source, value, Scene(Where.CI, step=yaml.plain(yaml.child(node, "name")) or key), known
                )


def _variables(source: Source, node: Node | None, scope: str, known: dict[str, Value | None]) -> Iterator[Fact]:
    """`NAME: value`; Travis has lists of `A=1 B=2`, below `global` and `jobs` too."""
    if isinstance(node, MappingNode):
        yield from yaml.of_variables(source, node, "environment", scope, known)
    for item in yaml.scalars(node):
        if isinstance(node, SequenceNode) and item.value.count("=") == 1:
            yield from yaml.of_variables(
                source, SequenceNode(node.tag, [item], item.start_mark, item.end_mark), "environment", scope, known
            )
        else:
            yield from commands.facts(shell.read(yaml.scalar(source, item), Scene(Where.CI)))
    for key in ("global", "jobs", "matrix"):
        below = yaml.child(node, key)
        if isinstance(below, SequenceNode | ScalarNode):
            yield from _variables(source, below, scope, known)


def _script(source: Source, node: Node, scene: Scene, known: dict[str, Value | None]) -> Iterator[Fact]:
    """The lines of one step run in one shell; AppVeyor says which one (`- sh: …`, `- cmd: …`, `- ps: …`)."""
    values = dict(known)
    for item in node.value if isinstance(node, SequenceNode) else [node]:
        text = item
        if isinstance(item, MappingNode):
            text = yaml.child(item, "sh") or yaml.child(item, "cmd")
        if isinstance(text, ScalarNode):
            script = shell.read(yaml.scalar(source, text), scene, values)
            values = dict(script.values)
            yield from commands.facts(script)
