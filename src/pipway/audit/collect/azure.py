"""Azure Pipelines: `script`, `bash`, `pwsh` and `powershell` steps, `variables`, `env`, inputs of script tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from yaml.nodes import MappingNode, Node, ScalarNode

from pipway.audit.collect import commands, powershell, shell
from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.words import Value, Variables
from pipway.audit.facts import Fact, Option, Scope, Source, Span, Variable, Where
from pipway.audit.walk import Tree

KIND = "azure-pipelines"
WHERE = Where.CI
_TEMPLATE = re.compile(r"\$\(([A-Za-z_][\w.]*)\)|\$\{\{[^{}]*\}\}|\$\[[^\[\]]*\]")
#: a line that a script prints, and the agent heeds
_PRINTED = re.compile(r"##vso\[task\.setvariable variable=([A-Za-z_][\w.]{0,200})(?:;[^\]\n]{0,200})?\]([^\"'\n]*)")
_POWERSHELLS = ("pwsh", "powershell")
_STEPS = frozenset({"script", "bash", "task", *_POWERSHELLS})


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its variables and commands."""
    documents, notes = yaml.documents(source)
    yield from notes
    for root in documents:
        known: dict[str, Value | None] = {}
        for node in yaml.walked(root):
            scope = "workflow" if node is root else "job"
            keys = {key for key, _, _ in yaml.pairs(node)}
            if keys & _STEPS:
                yield Scope("step", yaml.span(source, node, node))
            elif node is not root and "variables" in keys:
                yield Scope("job", yaml.span(source, node, node))
            yield from yaml.of_variables(source, yaml.child(node, "variables"), "variables", scope, known)
        for node in yaml.walked(root):
            yield from _step(source, node, known)
    for printed in _PRINTED.finditer(source.text):
        value = Span(source, *printed.span(2))
        yield from commands.of_set(
            Variable(
                printed[1].replace(".", "_").upper(), value.text, Span(source, *printed.span()), value, "setvariable"
            )
        )


def _step(source: Source, node: MappingNode, known: Variables) -> Iterator[Fact]:
    scene = Scene(Where.CI, step=yaml.plain(yaml.child(node, "displayName")))
    below = dict(known)
    yield from yaml.of_variables(source, yaml.child(node, "env"), "env", "step", below)
    for key in ("script", "bash", *_POWERSHELLS):
        yield from _script(source, yaml.child(node, key), key, scene, below)
    task = yaml.child(node, "task")
    if not isinstance(task, ScalarNode):
        return
    text = yaml.scalar(source, task)
    yield Option("action", "uses", text.text, text.span(), text.span(), key="task", section=text.text)
    inputs = yaml.child(node, "inputs")
    kind = "pwsh" if "powershell" in text.text.lower() else "bash"
    yield from _script(source, yaml.child(inputs, "script"), kind, scene, below)
    for variable in yaml.variables(source, inputs, "inputs"):
        name, value = variable.name, variable.value_span
        yield Option("action", name, variable.value, variable.span, value, key=f"inputs.{name}", section=text.text)


def _script(source: Source, node: Node | None, kind: str, scene: Scene, known: Variables) -> Iterator[Fact]:
    if not isinstance(node, ScalarNode):
        return
    text = yaml.scalar(source, node)
    if kind in _POWERSHELLS:
        yield from commands.facts(powershell.read(text, scene))
    else:
        yield from commands.facts(shell.read(text, scene, known, _TEMPLATE))
