"""YAML as nodes with places, and scalars as text that knows where each character stands.

Collectors of CI files, compose and pre-commit use it. Nothing is constructed; what is not YAML gives a Note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from yaml.composer import ComposerError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipway.audit.collect.commands import of_set
from pipway.audit.collect.text import Text, aligned
from pipway.audit.collect.words import Value
from pipway.audit.facts import Fact, Note, Source, Span, Variable

LARGEST = 1 << 20  #: characters
MOST = 20_000  #: nodes that are visited: aliases of aliases grow without bounds
_EDGES = 1 << 20  # of the nodes of one file: each is a character at least
_NODES = 50_000  # of one file
_NESTED = 100  # the parser in C has no bound of its own, and a stack that ends
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+")
_ANCHORS = 20  # that stand for two nodes: rare, and each costs another reading


class _TooMuch(yaml.YAMLError):
    """It has more nodes than anybody writes, or they are in each other too deeply."""


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc] # in C, where PyYAML has that
    """Nodes without types: every scalar is text. Counts them while they come."""

    depth = nodes = 0

    def descend_resolver(self, current_node: Node | None, current_index: object) -> None:
        """Called before each node."""
        self.depth += 1
        self.nodes += 1
        if self.depth > _NESTED or self.nodes > _NODES:
            raise _TooMuch("it is too large" if self.nodes > _NODES else "it is nested too deeply")

    def ascend_resolver(self) -> None:
        """Called behind each node."""
        self.depth -= 1


def documents(source: Source) -> tuple[list[Node], list[Note]]:
    """The roots of all documents; a Note when it cannot be read."""
    text = source.text
    if len(text) > LARGEST:
        return [], [Note("unreadable", Span(source, 0, 0), "it is too large")]
    try:
        return _composed(text), []
    except _TooMuch as error:
        return [], [Note("unreadable", Span(source, 0, 0), str(error))]
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = min(len(text), mark.index if mark is not None else 0)
        return [], [Note("unreadable", Span(source, place, place), "it is not YAML")]


def _composed(text: str) -> list[Node]:
    if text.startswith("\ufeff"):  # the parser does not count it
        text = "\n" + text[1:]
    for _ in range(_ANCHORS):
        try:
            return list(yaml.compose_all(text, Loader=_Loader))
        except ComposerError as error:  # YAML lets an anchor stand for another node further down, PyYAML does not
            name = _ANCHOR.match(text, error.problem_mark.index) if error.problem_mark is not None else None
            if name is None or "duplicate" not in str(error.context):
                raise
            text = text[: name.start()] + " " * len(name[0]) + text[name.end() :]
    raise _TooMuch("too many of its anchors stand for two nodes")


def pairs(node: Node | None) -> Iterator[tuple[str, Node, Node]]:
    """Key, its node and the value's, of a mapping; those that it merges (`<<`) behind its own."""
    if not isinstance(node, MappingNode):
        return
    merged: list[Node] = []
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            continue
        if key.value == "<<" and not key.style:
            merged += value.value if isinstance(value, SequenceNode) else [value]
        else:
            yield key.value, key, value
    for other in merged[:20]:
        if isinstance(other, MappingNode) and other is not node:
            for key, value in other.value:
                if isinstance(key, ScalarNode) and key.value != "<<":
                    yield key.value, key, value


def child(node: Node | None, *keys: str) -> Node | None:
    """What stands below some keys."""
    for key in keys:
        node = next((value for name, _, value in pairs(node) if name == key), None)
    return node


def items(node: Node | None) -> list[Node]:
    """Those of a sequence; a scalar alone is one."""
    if isinstance(node, SequenceNode):
        return list(node.value)
    return [node] if isinstance(node, ScalarNode) else []


def scalars(node: Node | None) -> Iterator[ScalarNode]:
    """All scalars of nested sequences, as GitLab flattens a script; bounded."""
    waiting = [node] if node is not None else []
    seen: set[int] = set()  # an alias says nothing new
    for _ in range(MOST):
        if not waiting:
            return
        now = waiting.pop()
        if id(now) in seen:
            continue
        seen.add(id(now))
        if isinstance(now, ScalarNode):
            yield now
        elif isinstance(now, SequenceNode) and not str(now.tag).endswith("!reference"):
            waiting += reversed(now.value)


def plain(node: Node | None) -> str:
    """A scalar's value, "" for anything else."""
    return str(node.value) if isinstance(node, ScalarNode) else ""


def scalar(source: Source, node: Node | None) -> Text:
    """A scalar with the places of its characters."""
    if not isinstance(node, ScalarNode):
        return Text.piece(source, 0, 0)
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in ("|", ">"):
        start = source.text.find("\n", start) + 1 or end
        return aligned(source, node.value, start, end)
    if node.style in ("'", '"'):
        return aligned(source, node.value, start + 1, end - 1, node.style)
    return aligned(source, node.value, start, end)


def span(source: Source, first: Node, last: Node) -> Span:
    """From the beginning of one node to the end of another, without the white space behind it."""
    start, end = first.start_mark.index, last.end_mark.index
    if end < start:  # an alias
        end = first.end_mark.index
    return Span(source, start, start + len(source.text[start:end].rstrip()))


def variables(
    source: Source, node: Node | None, how: str, scope: str = "", *, final: bool = True
) -> Iterator[Variable]:
    """`NAME: value` of a mapping, `NAME: {value: …}` as GitLab has it, or `- NAME=value` of a list."""
    for name, key, value in pairs(node):
        said = child(value, "value") if isinstance(value, MappingNode) else value
        if isinstance(said, ScalarNode):
            yield _variable(name, scalar(source, said), span(source, key, value), how, scope, final)
    for item in node.value if isinstance(node, SequenceNode) else ():
        if isinstance(item, MappingNode):
            name_node, said = child(item, "name"), child(item, "value")
            if isinstance(name_node, ScalarNode) and isinstance(said, ScalarNode):
                yield _variable(
                    plain(name_node), scalar(source, said), span(source, name_node, said), how, scope, final
                )
        elif "=" in plain(item):
            text = scalar(source, item)
            at = text.text.index("=") + 1
            yield _variable(
                text.text[: at - 1].strip(),
                text.cut(at, len(text.text)),
                span(source, item, item),
                how,
                scope,
                final,
            )


def _variable(name: str, text: Text, place: Span, how: str, scope: str, final: bool) -> Variable:
    exact = text.span() if text.text and text.span().text == text.text else None
    return Variable(name, text.text, place, exact, how, scope, final)


def of_variables(
    source: Source, node: Node | None, how: str, scope: str = "", known: dict[str, Value | None] | None = None
) -> Iterator[Fact]:
    """The variables of a node with the options that they are; `known` learns those without templates."""
    for variable in variables(source, node, how, scope):
        yield from of_set(variable)
        if known is None:
            continue
        place = variable.value_span
        exact = place is not None and "$" not in variable.value
        text = Text.piece(source, place.start, place.end) if place and exact else None
        known[variable.name] = Value((text,)) if text else None


def walked(node: Node | None) -> Iterator[MappingNode]:
    """Every mapping below a node, in order, bounded."""
    waiting: list[tuple[Node, int]] = [(node, 0)] if node is not None else []
    seen: set[int] = set()
    for _ in range(_EDGES):
        if not waiting:
            return
        now, depth = waiting.pop()
        if depth > _NESTED or id(now) in seen:
            continue
        seen.add(id(now))
        if isinstance(now, MappingNode):
            yield now
            waiting += [(value, depth + 1) for _, value in reversed(now.value)]
        elif isinstance(now, SequenceNode):
            waiting += [(item, depth + 1) for item in reversed(now.value)]
