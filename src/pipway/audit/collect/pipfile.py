"""Pipfile: sources, packages and the index each is bound to."""

from __future__ import annotations

from collections.abc import Iterable

from pipway.audit.collect.toml_facts import index, of_table, options
from pipway.audit.collect.toml_nodes import read_or_note
from pipway.audit.facts import Fact, Source
from pipway.audit.walk import Tree

KIND = "Pipfile"

_BINDINGS = {"version": "version", "index": "index", "editable": "editable"}
_NO_PACKAGES = frozenset({"source", "requires", "pipenv", "scripts"})


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """The first source is the index; packages of every category are requirements."""
    document, notes = read_or_note(source)
    yield from notes
    for number, each in enumerate(document.each("source")):
        if each.kind == "table":
            yield index("pipenv", each, "extra" if number else "primary", "source")
            yield from options("pipenv", "verify-ssl", each.get("verify_ssl"), "source.verify_ssl", section="source")
    for key, node in document.pairs("pipenv"):
        yield from options("pipenv", key.replace("_", "-"), node, f"pipenv.{key}", section="pipenv")
    for category, node in document.pairs():
        if category not in _NO_PACKAGES:
            for name, each in node.pairs():
                yield from of_table(name, each, category, _BINDINGS)
