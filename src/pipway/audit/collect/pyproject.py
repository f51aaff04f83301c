"""pyproject.toml: the project and its dependencies, its build system, and the tables of every tool that installs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipway.audit.collect import hatch, pdm, pixi, poetry, tox_toml, uv_toml
from pipway.audit.collect.toml_facts import options, requirements
from pipway.audit.collect.toml_nodes import Node, read_or_note
from pipway.audit.facts import Fact, Note, Source, Span
from pipway.audit.walk import Tree

KIND = "pyproject.toml"

_SOURCE_TABLE = re.compile(r"^[ \t]*\[[ \t]*tool\.poetry\.source[ \t]*\]", re.MULTILINE)


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """What each tool reads of it."""
    document, notes = read_or_note(source)
    yield from notes
    if notes:
        for match in _SOURCE_TABLE.finditer(source.text):
            yield Note("poetry-source-table", Span(source, match.start(), match.end()))
    yield from _project(document)
    yield from requirements(document.get("build-system", "requires"), "build-system")
    for name, group in document.pairs("dependency-groups"):
        yield from requirements(group, name)
    yield from uv_toml.facts(document.get("tool", "uv"), "tool.uv")
    yield from poetry.facts(document.get("tool", "poetry"))
    yield from pdm.facts(document.get("tool", "pdm"))
    yield from hatch.facts(document.get("tool", "hatch"), "tool.hatch")
    yield from pixi.facts(document.get("tool", "pixi"), "tool.pixi")
    yield from tox_toml.facts(document.get("tool", "tox"))
    yield from _pip_tools(document)


def _project(document: Node) -> Iterator[Fact]:
    project = document.get("project")
    described = project if project is not None else document.get("tool", "poetry")
    if described is not None and described.kind == "table":
        yield _about(document, described)
        classifiers = described.get("classifiers")
        if classifiers is not None:
            yield Note("classifiers", classifiers.span, classifiers.text, {"several": _several(classifiers)})
    if project is None:
        return
    yield from requirements(project.get("dependencies"), "dependencies")
    for name, group in project.pairs("optional-dependencies"):
        yield from requirements(group, name)


def _about(document: Node, described: Node) -> Note:
    """Name, version and what tells whether it is meant to be published."""
    tool = document.get("tool") or described
    traits = {
        "name": described.said("name"),
        "version": described.said("version"),
        "classifiers": described.said("classifiers"),
        "build-backend": document.said("build-system", "build-backend"),
        "package-mode": document.said("tool", "poetry", "package-mode"),
        "package": document.said("tool", "uv", "package"),
        "tools": ",".join(name for name, _ in tool.pairs()) if tool is not described else "",
    }
    name = described.get("name")
    return Note("project", name.span if name is not None else described.statement, traits["name"], traits)


def _several(classifiers: Node) -> str:
    return "true" if "\n" in classifiers.source.text[classifiers.start : classifiers.end] else "false"


def _pip_tools(document: Node) -> Iterator[Fact]:
    """pip-tools reads its own table; its names are pip's."""
    for table in ("pip-tools", "pip-compile", "pip-sync"):
        for key, node in document.pairs("tool", table):
            if node.kind != "table":
                name = key.replace("_", "-")
                yield from options("pip-tools", name, node, f"tool.{table}.{key}", section=f"tool.{table}")
