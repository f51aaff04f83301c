"""PDM: pdm.toml, .pdm.toml, the user's config.toml, and [tool.pdm] of pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pipway.audit.collect.toml_facts import index, options, requirements
from pipway.audit.collect.toml_nodes import Node, read_or_note
from pipway.audit.collect.toml_scripts import scripts
from pipway.audit.facts import Fact, Source
from pipway.audit.walk import Tree

KIND = "pdm.toml"

_SECRETS = frozenset({"password", "token", "username"})


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """The index, further ones, where to publish, and every other key as an option."""
    document, notes = read_or_note(source)
    yield from notes
    for key, node in document.pairs():
        if key == "pypi":
            yield from _stored(node)
        elif key == "repository":
            for name, each in node.pairs():
                if each.kind == "table":
                    yield index("pdm", each, "upload", f"repository.{name}", name=name)
                    yield from _switches(each, f"repository.{name}")
        else:
            yield from _settings(key, node)


def _settings(key: str, node: Node) -> Iterator[Fact]:
    if node.kind != "table":
        yield from options("pdm", key.replace("_", "-"), node, key)
    for inner, value in node.pairs():
        yield from options("pdm", inner.replace("_", "-"), value, f"{key}.{inner}", section=key)


def _stored(node: Node) -> Iterator[Fact]:
    """`pypi.url` and its companions, and a table for each further index."""
    if node.get("url") is not None:
        first = index("pdm", node, "primary", "pypi.url", name="pypi")
        url = node.table["url"]
        yield replace(first, span=url.statement)
    yield from _switches(node, "pypi")
    for name, each in node.pairs():
        if each.kind == "table":
            yield index("pdm", each, _role(each, "extra"), f"pypi.{name}", name=name)
            yield from _switches(each, f"pypi.{name}")
        elif name.replace("_", "-") not in ("verify-ssl", "url", "username", "password", "ca-certs", "client-cert"):
            yield from options("pdm", name.replace("_", "-"), each, f"pypi.{name}", section="pypi")


def _role(node: Node, usual: str) -> str:
    return "find-links" if node.said("type") == "find_links" else usual


def _switches(node: Node, section: str) -> Iterator[Fact]:
    """What belongs to one index and is looked for under pip's names."""
    for key, name in (("verify_ssl", "verify-ssl"), ("ca_certs", "cert"), ("client_cert", "client-cert")):
        yield from options("pdm", name, node.get(key), f"{section}.{key}", section=section)
    for key in sorted(_SECRETS & set(node.table)):
        yield from options("pdm", key, node.get(key), f"{section}.{key}", section=section)


def facts(table: Node | None) -> Iterator[Fact]:
    """What [tool.pdm] says: sources, how to lock, groups for development."""
    if table is None or table.kind != "table":
        return
    for each in table.each("source"):
        if each.kind == "table":
            role = "primary" if each.said("name") == "pypi" else "extra"
            yield index("pdm", each, _role(each, role), "tool.pdm.source")
            yield from _switches(each, "tool.pdm.source")
    yield from scripts(table.get("scripts"))
    for key, node in table.pairs("resolution"):
        if node.kind != "table":
            yield from options("pdm", key.replace("_", "-"), node, f"tool.pdm.resolution.{key}", section="resolution")
    for name, group in table.pairs("dev-dependencies"):
        yield from requirements(group, name)
