"""pixi: pixi.toml, its config.toml, and [tool.pixi] of pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipway.audit.collect.toml_facts import index, of_table, options, plain_indexes
from pipway.audit.collect.toml_nodes import Node, read_or_note
from pipway.audit.collect.toml_scripts import scripts
from pipway.audit.collect.variable_options import of_variable
from pipway.audit.facts import Fact, Index, Source, Variable
from pipway.audit.walk import Tree

KIND = "pixi.toml"

_NAMES = {
    "allow-insecure-host": "trusted-host",
    "extra-index-urls": "extra-index-url",
}
_ROLES = {"index-url": "primary", "extra-index-urls": "extra", "find-links": "find-links"}
_BINDINGS = {"version": "version", "index": "index", "editable": "editable"}
_CONFIG = ("pypi-config", "proxy-config")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """A manifest, or a configuration file."""
    document, notes = read_or_note(source)
    yield from notes
    if source.path.endswith("config.toml"):
        yield from _config(document)
    else:
        yield from facts(document, "")


def _config(document: Node) -> Iterator[Fact]:
    for key, node in document.pairs():
        if key in _CONFIG:
            yield from _options(node, key)
        elif node.kind != "table":
            yield from options("pixi", key, node, key)


def facts(table: Node | None, section: str) -> Iterator[Fact]:
    """What a manifest says; `section` is its table in the file: "", or `tool.pixi`."""
    if table is None or table.kind != "table":
        return
    above = f"{section}." if section else ""
    for name in ("workspace", "project"):
        for key, node in table.pairs(name):
            if key in ("channels", "exclude-newer", "channel-priority"):
                yield from options("pixi", key, node, f"{above}{name}.{key}", section=f"{above}{name}")
                if key == "channels":
                    yield from _channels(node, f"{above}{name}.channels")
    yield from _of_environment(table, above)
    for name, feature in table.pairs("feature"):
        yield from _of_environment(feature, f"{above}feature.{name}.")


def _of_environment(table: Node, above: str) -> Iterator[Fact]:
    yield from _options(table.get("pypi-options"), f"{above}pypi-options")
    tables = [table, *(node for _, node in table.pairs("target"))]
    for each in tables:
        yield from scripts(each.get("tasks"))
        for key, value in each.pairs("activation", "env"):
            variable = Variable(key, value.text, value.statement, value.exact, "activation", f"{above}activation.env")
            yield variable
            yield from of_variable(variable)
        for name, node in each.pairs("pypi-dependencies"):
            yield from of_table(name, node, "pypi-dependencies", _BINDINGS)


def _channels(node: Node, key: str) -> Iterator[Index]:
    """Those that are addresses; a table names one beside its priority."""
    for each in node.each():
        if each.kind == "table" and "://" in each.said("channel"):
            yield index("pixi", each, "channel", key, where="channel")
        elif each.kind == "string" and "://" in each.text:
            yield Index("pixi", each.text, "channel", each.statement, each.exact, key=key)


def _options(table: Node | None, section: str) -> Iterator[Fact]:
    if table is None:
        return
    for key, node in table.pairs():
        where = f"{section}.{key}"
        if section.startswith("proxy-config"):
            if key in ("http", "https"):
                yield from options("pixi", "proxy", node, where, section=section)
            continue
        yield from options("pixi", _NAMES.get(key, key), node, where, section=section)
        if key in _ROLES and section.endswith("pypi-options"):
            yield from _indexes(node, _ROLES[key], where)


def _indexes(node: Node, role: str, key: str) -> Iterator[Index]:
    """A folder among the find-links is no index."""
    for found in plain_indexes("pixi", node, role, key):
        if role != "find-links" or "://" in found.url:
            yield found
