"""CircleCI: `run:` steps of jobs and commands as shell, `environment:` of all levels."""

from __future__ import annotations

import re
from collections.abc import Iterable

from yaml.nodes import MappingNode, ScalarNode

from pipway.audit.collect import commands, shell
from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.words import Value
from pipway.audit.facts import Fact, Scope, Source, Where
from pipway.audit.walk import Tree

KIND = "circleci"
WHERE = Where.CI
_TEMPLATE = re.compile(r"<<\s*(?:parameters|pipeline|matrix)\.[\w.-]+\s*>>")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its variables and commands."""
    documents, notes = yaml.documents(source)
    yield from notes
    for root in documents:
        known: dict[str, Value | None] = {}
        for node in yaml.walked(root):
            step = "command" in [name for name, _, _ in yaml.pairs(node)]
            yield from yaml.of_variables(
                source, yaml.child(node, "environment"), "environment", "step" if step else "job", known
            )
        for name, _, job in yaml.pairs(yaml.child(root, "jobs")):  # an executor's variables may hold in any of them
            yield Scope("job", yaml.span(source, job, job), name)
        for node in yaml.walked(root):
            run = yaml.child(node, "run")
            if isinstance(run, MappingNode):
                yield Scope("step", yaml.span(source, run, run))
            name = yaml.plain(yaml.child(run, "name")) if isinstance(run, MappingNode) else ""
            script = yaml.child(run, "command") if isinstance(run, MappingNode) else run
            if isinstance(script, ScalarNode):
                text = yaml.scalar(source, script)
                yield from commands.facts(shell.read(text, Scene(Where.CI, step=name), known, _TEMPLATE))
