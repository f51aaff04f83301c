"""conda: .condarc, and environment.yml with the requirements and options that it gives to pip."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.collect.requirement_lines import Line
from pipway.audit.collect.requirements import of_line
from pipway.audit.collect.text import cut
from pipway.audit.facts import Fact, Index, Option, Source, Span
from pipway.audit.walk import Tree

KIND = "conda"

_MOST = 5000  # elements
_DEPENDENCIES = re.compile(r"^dependencies:", re.MULTILINE)
_NAMES = {"ssl_verify": "verify-ssl", "client_ssl_cert": "client-cert"}
_TRUTHS = frozenset({"true", "yes", "on", "1", "false", "no", "off", "0"})


def _is_condarc(path: PurePosixPath) -> bool:
    return path.name in (".condarc", "condarc", ".mambarc") or path.parent.name == "condarc.d"


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """What the file says."""
    if not _is_condarc(PurePosixPath(source.path)) and not _DEPENDENCIES.search(source.text):
        return
    documents, notes = yaml.documents(source)
    yield from notes
    if any(_is_long(each) for root in documents for each in yaml.walked(root)):
        yield cut(source, f"more than {_MOST} elements")
    pairs = _pairs(documents[0] if documents else None)
    if any(key.value == "dependencies" for key, _ in pairs):
        yield from _environment(source, pairs)
    else:
        yield from _condarc(source, pairs)


def _is_long(node: MappingNode) -> bool:
    lists = (value.value for _, value in node.value if isinstance(value, SequenceNode))
    return len(node.value) > _MOST or any(len(each) > _MOST for each in lists)


def _pairs(node: Node | None) -> list[tuple[ScalarNode, Node]]:
    if not isinstance(node, MappingNode):
        return []
    return [(key, value) for key, value in node.value[:_MOST] if isinstance(key, ScalarNode)]


def _scalars(node: Node) -> list[ScalarNode]:
    if isinstance(node, ScalarNode):
        return [node]
    return (
        [each for each in node.value[:_MOST] if isinstance(each, ScalarNode)] if isinstance(node, SequenceNode) else []
    )


def _inner(source: Source, node: ScalarNode) -> Span:
    """Without its quotes, where it stands as it is."""
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in ("|", ">"):
        return Span(source, start, end)
    if end > start + 1 and source.text[start + 1 : end - 1] == node.value:
        return Span(source, start + 1, end - 1)
    written = source.text[start:end]
    return Span(source, start, start + len(node.value)) if written.startswith(node.value) else Span(source, start, end)


def _whole(source: Source, key: Node, value: Node) -> Span:
    start = key.start_mark.index
    end = start + len(source.text[start : value.end_mark.index].rstrip())
    return Span(source, start, max(end, key.end_mark.index))


def _condarc(source: Source, pairs: list[tuple[ScalarNode, Node]]) -> Iterator[Fact]:
    for key, node in pairs:
        statement = _whole(source, key, node)
        if isinstance(node, MappingNode):
            for inner, value in _pairs(node):
                name = "proxy" if key.value == "proxy_servers" else inner.value
                for each in _scalars(value):
                    yield _option(source, name, each, _whole(source, inner, value), f"{key.value}.{inner.value}")
            continue
        scalars = _scalars(node)
        for each in scalars:
            span = statement if len(scalars) == 1 else _inner(source, each)
            yield _option(source, key.value, each, span, key.value)
            if key.value in ("channels", "default_channels", "channel_alias") and "://" in each.value:
                place = _inner(source, each)
                exact = place if place.text == each.value else None
                yield Index("conda", each.value, "channel", span, exact, key=key.value)


def _option(source: Source, name: str, node: ScalarNode, span: Span, key: str) -> Option:
    value = str(node.value)
    name = _NAMES.get(name, name.replace("_", "-"))
    if name == "verify-ssl":
        name = name if value.lower() in _TRUTHS else "cert"
    place = _inner(source, node)
    return Option("conda", name, value, span, place if place.text == value else None, key=key)


def _environment(source: Source, pairs: list[tuple[ScalarNode, Node]]) -> Iterator[Fact]:
    for key, node in pairs:
        if key.value == "channels":
            yield from _condarc(source, [(key, node)])
        if key.value == "variables":
            yield from yaml.of_variables(source, node, "variables")
        if key.value != "dependencies" or not isinstance(node, SequenceNode):
            continue
        for each in node.value[:_MOST]:
            for inner, value in _pairs(each):
                if inner.value == "pip":
                    for line in _scalars(value):
                        span = _inner(source, line)
                        if span.text == line.value:
                            yield from of_line(Line(source, line.value, ((0, span.start),)), "environment.yml")
