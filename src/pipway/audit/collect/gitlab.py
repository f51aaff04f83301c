"""GitLab CI: `script`, `before_script` and `after_script` as shell, all `variables`. Includes are not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from yaml.nodes import MappingNode, Node

from pipway.audit.collect import commands, shell
from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.words import Value, Variables
from pipway.audit.facts import Fact, Scope, Source, Where
from pipway.audit.walk import Tree

KIND = "gitlab-ci"
WHERE = Where.CI
_SCRIPTS = ("before_script", "script", "after_script")
_NO_JOBS = frozenset({"variables", "include", "stages", "workflow", "image", "services", "cache", "spec", *_SCRIPTS})


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its variables and commands."""
    documents, notes = yaml.documents(source)
    yield from notes
    for root in documents:
        known: dict[str, Value | None] = {}
        seen: set[int] = set()
        yield from yaml.of_variables(source, yaml.child(root, "variables"), "variables", "workflow", known)
        yield from _scripts(source, root, "", known, seen)
        for name, _, job in yaml.pairs(root):
            if name in _NO_JOBS or not isinstance(job, MappingNode):
                continue
            bases = [yaml.plain(each) for each in yaml.items(yaml.child(job, "extends"))]
            yield Scope("job", yaml.span(source, job, job), name, bases[-1] if bases else "")
            below = dict(known)
            yield from yaml.of_variables(source, yaml.child(job, "variables"), "variables", "job", below)
            yield from _scripts(source, job, name, below, seen)


def _scripts(source: Source, node: Node, name: str, known: Variables, seen: set[int]) -> Iterator[Fact]:
    """The lines of one job run in one shell."""
    scene = Scene(Where.CI, step=name)
    for key in _SCRIPTS:
        for line in yaml.scalars(yaml.child(node, key)):
            script = shell.read(yaml.scalar(source, line), scene, known)
            known = script.values
            if line.start_mark.index not in seen:  # an anchor's lines are read once
                seen.add(line.start_mark.index)
                yield from commands.facts(script)
