"""Poetry: poetry.toml, config.toml, auth.toml, and [tool.poetry] of pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipway.audit.collect.toml_facts import index, of_table, options
from pipway.audit.collect.toml_nodes import Node, read_or_note
from pipway.audit.facts import Fact, Index, Note, Option, Source
from pipway.audit.walk import Tree

KIND = "poetry.toml"

_BINDINGS = {"version": "version", "source": "index", "develop": "editable"}
_ROLES = frozenset({"primary", "supplemental", "secondary", "default", "explicit"})


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Certificates, logins, repositories to publish to, and every other key as an option."""
    document, notes = read_or_note(source)
    yield from notes
    for key, node in document.pairs():
        if key == "certificates":
            yield from _certificates(node)
        elif key == "repositories":
            for name, each in node.pairs():
                if each.get("url") is not None:
                    yield index("poetry", each, "upload", f"repositories.{name}", name=name)
        elif key in ("http-basic", "pypi-token"):
            yield from _logins(key, node)
        else:
            yield from _settings(key, node)


def _certificates(node: Node) -> Iterator[Fact]:
    for name, each in node.pairs():
        for key, value in each.pairs():
            where = f"certificates.{name}.{key}"
            switch = key == "cert" and value.text.lower() in ("true", "false")
            yield from options("poetry", "verify-ssl" if switch else key, value, where, section=name)


def _logins(key: str, node: Node) -> Iterator[Fact]:
    for name, each in node.pairs():
        if each.kind == "table":
            for inner, value in each.pairs():
                yield from options("poetry", inner, value, f"{key}.{name}.{inner}", section=key)
        else:
            yield from options("poetry", "token", each, f"{key}.{name}", section=key)


def _settings(key: str, node: Node) -> Iterator[Option]:
    """`solver.min-release-age` is the option `min-release-age`."""
    if node.kind != "table":
        yield from options("poetry", key, node, key)
    for inner, value in node.pairs():
        yield from options("poetry", inner, value, f"{key}.{inner}", section=key)


def facts(table: Node | None) -> Iterator[Fact]:
    """What [tool.poetry] says: sources, dependencies by group."""
    if table is None or table.kind != "table":
        return
    sources = table.get("source")
    if sources is not None and sources.kind == "table":
        yield Note("poetry-source-table", sources.statement)
        yield _source(sources)
    for each in sources.items if sources is not None else ():
        if each.kind == "table":
            yield _source(each)
    for key, group in (("dependencies", "dependencies"), ("dev-dependencies", "dev")):
        yield from _dependencies(table.get(key), group)
    for name, each in table.pairs("group"):
        yield from _dependencies(each.get("dependencies"), name)


def _source(node: Node) -> Index:
    role = node.said("priority").lower() or "primary"
    if node.said("default") == "true":
        role = "default"
    elif node.said("secondary") == "true":
        role = "secondary"
    return index("poetry", node, role if role in _ROLES else "primary", "tool.poetry.source")


def _dependencies(table: Node | None, group: str) -> Iterator[Fact]:
    if table is None:
        return
    for name, node in table.pairs():
        if name.lower() != "python":
            yield from of_table(name, node, group, _BINDINGS)
