"""Facts of TOML values: options, indexes, requirements, each with its exact place.

The collectors of uv, Poetry, PDM, pipenv, hatch and pixi use it, so that the same thing looks the same to a rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipway.audit.collect.requirement_lines import required
from pipway.audit.collect.toml_nodes import Node
from pipway.audit.facts import Index, Option, Required, Span

_EDITABLE = re.compile(r"-e[ \t]+|--editable[ \t=]+")

_PLACES = ("url", "path", "index", "index-url")  # what a table says in the place of an address
_MOST = 20_000  # facts of one value


def options(
    tool: str, name: str, node: Node | None, key: str, *, section: str = "", layer: str = "", via: str = "file"
) -> Iterator[Option]:
    """One option for a value, and one for each element of a list, with what a fix removes of it."""
    if node is None:
        return
    for place, each in enumerate(node.items if node.kind == "array" else [node]):
        if place >= _MOST:
            return
        statement = removable(node, each)
        value = each if each.kind != "table" else next((each.table[one] for one in _PLACES if one in each.table), None)
        if value is not None and value.kind != "array":
            yield Option(tool, name, value.text, statement, value.exact, via, key, section, layer)


def options_by_name(
    tool: str, name: str, node: Node | None, key: str, *, section: str = "", layer: str = ""
) -> Iterator[Option]:
    """One option for each key of a table: its value is `key=value`."""
    if node is None:
        return
    for inner, value in node.pairs():
        if value.kind in ("string", "word"):
            yield Option(
                tool, name, f"{inner}={value.text}", value.statement, None, key=key, section=section, layer=layer
            )


def removable(node: Node, element: Node) -> Span:
    """What goes when one element of a list goes: the whole statement when it is the only one."""
    return node.statement if element is node or len(node.items) == 1 else element.statement


def index(
    tool: str, node: Node, role: str, key: str, *, name: str = "", url: str | None = None, where: str = "url"
) -> Index:
    """A table that describes an index; what it says besides its address are traits."""
    found = node.get(where)
    traits = {one: node.said(one) for one, _ in node.pairs()}
    spans = {one: value.statement for one, value in node.pairs()}
    address = url if url is not None else found.text if found is not None else ""
    return Index(
        tool,
        address,
        role,
        node.statement,
        found.exact if found is not None and url is None else None,
        name or node.said("name"),
        traits,
        spans,
        key=key,
    )


def plain_indexes(tool: str, node: Node | None, role: str, key: str) -> Iterator[Index]:
    """An address, or a list of them."""
    for option in options(tool, key, node, key):
        yield Index(tool, option.value, role, option.span, option.value_span, key=key)


def requirements(node: Node | None, group: str, *, via: str = "project") -> Iterator[Required]:
    """A list of requirements as PEP 508 writes them."""
    if node is None:
        return
    for each in node.each():
        if each.kind == "string" and each.text.strip():
            editable = _EDITABLE.match(each.text)  # as PDM writes those for development
            skipped = editable.end() if editable is not None and each.span.text == each.text else 0
            span = replace(each.span, start=each.span.start + skipped)
            yield required(span, each.text[skipped:], group=group, via=via, editable=editable is not None)


def of_table(name: str, node: Node, group: str, bindings: Mapping[str, str]) -> Iterator[Required]:
    """A dependency as Poetry, pipenv and pixi write it: a name with a version, or with a table or several.

    `bindings` says what each of their keys means: index, version, editable, …
    """
    for each in node.items if node.kind == "array" else [node]:
        if each.kind == "string":
            yield required(each.span, _text(name, each.text), group=group)
        elif each.kind == "table":
            yield _of_table(name, each, group, bindings)


def _of_table(name: str, node: Node, group: str, bindings: Mapping[str, str]) -> Required:
    said = {meaning: node.said(key) for key, meaning in bindings.items() if key in node.table}
    url, place = _address(node)
    text = f"{name} @ {url}" if url else _text(name, said.get("version", ""))
    found = required(
        place or node.span,
        text,
        group=group,
        index=said.get("index", ""),
        editable=said.get("editable") == "true",
    )
    return Required(
        found.name,
        found.text,
        node.statement if place is None else place,
        found.specifier,
        found.url,
        found.hashes,
        found.editable,
        node.said("markers") or node.said("marker"),
        group,
        "project",
        found.index,
    )


def _text(name: str, version: str) -> str:
    version = version.strip()
    if version in ("", "*"):
        return name
    return f"{name}{version}" if version[:1] in "=<>!~^@" else f"{name}=={version}" if version[:1].isdigit() else name


def _address(node: Node) -> tuple[str, Span | None]:
    """The URL of a git, url, path or file key, in pip's way of writing, and where it stands."""
    for key in ("git", "hg", "svn", "bzr", "url", "file", "path"):
        found = node.get(key)
        if found is None or not found.text:
            continue
        if key not in ("git", "hg", "svn", "bzr"):
            return found.text, found.span
        revision = next((node.said(one) for one in ("rev", "ref", "tag", "branch") if node.said(one)), "")
        base = found.text if found.text.startswith(f"{key}+") else f"{key}+{found.text}"
        return base + (f"@{revision}" if revision else ""), found.span
    return "", None
