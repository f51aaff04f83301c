"""uv.toml, and [tool.uv] of pyproject.toml: indexes, options, sources, constraints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from pipway.audit.collect.toml_facts import index, of_table, options, options_by_name, plain_indexes, requirements
from pipway.audit.collect.toml_nodes import Node, read_or_note
from pipway.audit.facts import Fact, Index, Source
from pipway.audit.walk import Tree

KIND = "uv.toml"

#: pip's names for the same things
_NAMES: Mapping[str, str] = MappingProxyType({"allow-insecure-host": "trusted-host"})
_ROLES: Mapping[str, str] = MappingProxyType(
    {"index-url": "primary", "extra-index-url": "extra", "find-links": "find-links"}
)
_REQUIREMENTS: Mapping[str, str] = MappingProxyType(
    {
        "dev-dependencies": "dev",
        "constraint-dependencies": "constraints",
        "override-dependencies": "overrides",
        "build-constraint-dependencies": "build-constraints",
    }
)
_TABLES = frozenset({"exclude-newer-package", "prerelease-package", "config-settings"})
_OURS = frozenset({"index", "sources", "pip", "workspace", "dependency-groups", *_REQUIREMENTS})


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """What the file says."""
    document, notes = read_or_note(source)
    yield from notes
    yield from facts(document, "")


def facts(table: Node | None, section: str) -> Iterator[Fact]:
    """What a table of uv's says; `section` is its name in the file: "", or `tool.uv`."""
    if table is None or table.kind != "table":
        return
    above = f"{section}." if section else ""
    for key, node in table.pairs():
        name = _NAMES.get(key, key)
        if key in _TABLES and node.kind == "table":
            yield from options_by_name("uv", name, node, f"{above}{key}", section=section)
        elif key in _REQUIREMENTS:
            yield from requirements(node, _REQUIREMENTS[key])
        elif key not in _OURS:
            yield from options("uv", name, node, f"{above}{key}", section=section)
            if key in _ROLES:
                yield from plain_indexes("uv", node, _ROLES[key], f"{above}{key}")
    for each in table.each("index"):
        if each.kind == "table":
            yield _index(each, f"{above}index")
            if each.get("publish-url") is not None:
                yield index("uv", each, "upload", f"{above}index", where="publish-url")
    yield from _sources(table)
    yield from facts(table.get("pip"), f"{above}pip")


def _index(node: Node, key: str) -> Index:
    role = "extra"
    if node.said("format") == "flat":
        role = "find-links"
    elif node.said("explicit") == "true":
        role = "explicit"
    elif node.said("default") == "true":
        role = "default"
    return index("uv", node, role, key)


def _sources(table: Node) -> Iterator[Fact]:
    """Where a name comes from: an index, a repository, a URL; a workspace is nothing to look at."""
    for name, node in table.pairs("sources"):
        for found in of_table(name, node, "sources", {"index": "index", "editable": "editable"}):
            if found.index or found.url:
                yield found
