"""hatch: hatch.toml, the user's config.toml, and [tool.hatch] of pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipway.audit.collect.toml_facts import index, options, requirements
from pipway.audit.collect.toml_nodes import Node, read_or_note
from pipway.audit.collect.toml_scripts import scripts
from pipway.audit.collect.variable_options import of_variable
from pipway.audit.facts import Fact, Source, Variable
from pipway.audit.walk import Tree

KIND = "hatch.toml"

_LISTS = ("dependencies", "extra-dependencies")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Environments with their variables, sources, and where to publish."""
    document, notes = read_or_note(source)
    yield from notes
    yield from facts(document, "")


def facts(table: Node | None, section: str) -> Iterator[Fact]:
    """What a table of hatch's says; `section` is its name in the file: "", or `tool.hatch`."""
    if table is None or table.kind != "table":
        return
    above = f"{section}." if section else ""
    yield from _sources(table.get("sources"), f"{above}sources")
    for name, node in table.pairs("envs"):
        where = f"{above}envs.{name}"
        for key, value in node.pairs("env-vars"):
            variable = Variable(key, value.text, value.statement, value.exact, "env-vars", where)
            yield variable
            yield from of_variable(variable)
        for key in _LISTS:
            yield from requirements(node.get(key), name)
        yield from _sources(node.get("sources"), f"{where}.sources")
        yield from scripts(node.get("scripts"))
    for name, node in table.pairs("publish"):
        yield from _publish(node, f"{above}publish.{name}")


def _sources(table: Node | None, key: str) -> Iterator[Fact]:
    """hatch gives the index of a source to its installer as a further one."""
    if table is None:
        return
    for name, node in table.pairs():
        for each in node.each():
            if each.kind == "table" and each.get("index") is not None:
                yield index("hatch", each, "extra", key, name=name, where="index")


def _publish(node: Node, section: str) -> Iterator[Fact]:
    for key, value in node.pairs():
        if key == "repos":
            for name, repository in value.pairs():
                if repository.kind == "table":
                    yield index("hatch", repository, "upload", f"{section}.repos", name=name)
        elif value.kind != "table":
            named = {"auth": "password", "user": "username", "ca-cert": "cert"}.get(key, key)
            yield from options("hatch", named, value, f"{section}.{key}", section=section)
