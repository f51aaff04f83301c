"""GitHub Actions: workflows and composite actions. `run:` as shell, `env:` of each level, `with:` as options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from yaml.nodes import MappingNode, Node, ScalarNode

from pipway.audit.collect import commands, powershell, shell
from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.text import Text
from pipway.audit.collect.words import Value
from pipway.audit.facts import Fact, Index, Option, Scope, Source, Variable, Where
from pipway.audit.walk import Tree

KIND = "github-workflow"
WHERE = Where.CI
_TEMPLATE = re.compile(r"\$\{\{\s*(?:env\.([A-Za-z_]\w*)|[^{}]*(?:\{[^{}]*\}[^{}]*)*)\s*\}\}")
_KEPT = re.compile(
    r"(?i)(?<![\w:])([A-Za-z_]\w{0,200})=([^\s\"'|>]{0,2000})[\"']?[ \t]*(?:>>|\|[ \t]*(?:Out-File|Add-Content|tee)\b)"
    r"[^\n|;]{0,200}\$\{?env:GITHUB_ENV"
)
_BUILD_ARGUMENT = re.compile(r"^[ \t]*([A-Za-z_]\w{0,200})=([^\n]{0,2000}?)[ \t\r]*$", re.MULTILINE)
_POWERSHELLS = ("pwsh", "powershell")


@dataclass
class _Level:
    """What holds for the steps of a job: known variables, the shell."""

    source: Source
    known: dict[str, Value | None] = field(default_factory=dict)
    shell: str = ""
    step: str = ""


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its variables, commands and actions."""
    documents, notes = yaml.documents(source)
    yield from notes
    for root in documents:
        level = _Level(source, shell=_shell(root))
        yield from yaml.of_variables(source, yaml.child(root, "env"), "env", "workflow", level.known)
        for name, _, job in yaml.pairs(yaml.child(root, "jobs")):
            yield from _job(level, name, job)
        yield from _steps(level, yaml.child(root, "runs", "steps"))


def _shell(node: Node) -> str:
    return yaml.plain(yaml.child(node, "defaults", "run", "shell"))


def _job(level: _Level, name: str, job: Node) -> Iterator[Fact]:
    below = _Level(level.source, dict(level.known), _shell(job) or level.shell, name)
    if not below.shell and "windows" in yaml.plain(yaml.child(job, "runs-on")):
        below.shell = "pwsh"
    yield Scope("job", yaml.span(level.source, job, job), name)
    yield from yaml.of_variables(level.source, yaml.child(job, "env"), "env", "job", below.known)
    yield from yaml.of_variables(level.source, yaml.child(job, "container", "env"), "env", "job", below.known)
    yield from _steps(below, yaml.child(job, "steps"))


def _steps(level: _Level, steps: Node | None) -> Iterator[Fact]:
    for step in yaml.items(steps):
        if isinstance(step, MappingNode):
            yield from _step(level, step)


def _step(level: _Level, step: MappingNode) -> Iterator[Fact]:
    source, known = level.source, dict(level.known)
    yield Scope("step", yaml.span(source, step, step))
    yield from yaml.of_variables(source, yaml.child(step, "env"), "env", "step", known)
    scene = Scene(Where.CI, step=yaml.plain(yaml.child(step, "name")) or level.step)
    run, kind = yaml.child(step, "run"), yaml.plain(yaml.child(step, "shell")) or level.shell
    if isinstance(run, ScalarNode):
        text = yaml.scalar(source, run)
        if kind.startswith(_POWERSHELLS):
            yield from commands.facts(powershell.read(text, scene))
            yield from _kept(text)
        elif not kind.startswith("python"):
            yield from commands.facts(shell.read(text, scene, known, _TEMPLATE))
    uses = yaml.child(step, "uses")
    if isinstance(uses, ScalarNode):
        yield from _action(source, uses, yaml.child(step, "with"), scene)


def _kept(text: Text) -> Iterator[Fact]:
    """What PowerShell appends to the file of variables for later steps; of other shells `commands` knows."""
    for found in _KEPT.finditer(text.text):
        value = text.span(*found.span(2))
        exact = value if value.text == found[2] and found[2] else None
        yield from commands.of_set(
            Variable(found[1], found[2], text.span(found.start(1), found.end(2)), exact, "later steps")
        )


def _action(source: Source, uses: ScalarNode, given: Node | None, scene: Scene) -> Iterator[Fact]:
    """An action is a tool, its inputs are options; which action it is stands in `section`."""
    text = yaml.scalar(source, uses)
    yield Option("action", "uses", text.text, text.span(), text.span(), key="uses", section=text.text)
    for variable in yaml.variables(source, given, "with"):
        name, value = variable.name, variable.value_span
        yield Option("action", name, variable.value, variable.span, value, key=f"with.{name}", section=text.text)
    yield from _build_arguments(yaml.scalar(source, yaml.child(given, "build-args")))
    if text.text.startswith("pypa/gh-action-pypi-publish@"):
        yield from _uploads(source, given)
    if text.text.startswith("actions/setup-python@"):
        arguments = yaml.child(given, "pip-install")
        if isinstance(arguments, ScalarNode):
            yield from commands.of_arguments(yaml.scalar(source, arguments), "pip", "install", scene)


def _build_arguments(text: Text) -> Iterator[Fact]:
    """`build-args` of docker/build-push-action and its kind: NAME=value, one a line."""
    for found in _BUILD_ARGUMENT.finditer(text.text):
        value = text.span(*found.span(2))
        exact = value if found[2] and value.text == found[2] else None
        yield from commands.of_set(Variable(found[1], found[2], text.span(*found.span()), exact, "build-arg"))


def _uploads(source: Source, given: Node | None) -> Iterator[Fact]:
    """Where the action that publishes sends the files, under both names of its input."""
    for variable in yaml.variables(source, given, "with"):
        if variable.name.replace("_", "-") == "repository-url":
            yield Index("twine", variable.value, "upload", variable.span, variable.value_span, key="repository-url")
