"""tox in TOML: tox.toml, `[tool.tox]` of pyproject.toml, and the whole tox.ini that `legacy_tox_ini` holds there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipway.audit.collect import commands, programs, tox
from pipway.audit.collect.shell import Scene, Script
from pipway.audit.collect.text import Text
from pipway.audit.collect.toml_nodes import Node, read_or_note
from pipway.audit.facts import Command, Fact, Option, Source, Span, Variable, Word
from pipway.audit.walk import Tree

KIND = "tox"
_LINES = ("commands", "commands_pre", "commands_post")
_LINE = ("install_command", "list_dependencies_command", "package_command")
_SWITCHES = ("pip_pre", "download", "system_site_packages")
_QUOTES = 3


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """The facts of all environments."""
    document, notes = read_or_note(source)
    yield from notes
    yield from facts(document)


def facts(table: Node | None) -> Iterator[Fact]:
    """Those of a table of tox's."""
    if table is None or table.kind != "table":
        return
    old = table.get("legacy_tox_ini")
    if old is not None and old.kind == "string":
        whole = Span(old.source, old.start, old.end)
        if whole.text[_QUOTES:-_QUOTES].strip() and whole.text[:_QUOTES] in ('"""', "'''"):
            yield from tox.facts(old.source, old.start + _QUOTES, old.end - _QUOTES)
    for name in ("env_run_base", "env_pkg_base"):
        yield from _environment(table.get(name), name)
    for name, node in table.pairs("env"):
        yield from _environment(node, f"testenv:{name}")


def _environment(table: Node | None, step: str) -> Iterator[Fact]:
    if table is None or table.kind != "table":
        return
    scene = Scene(table.source.where, step=step)
    for key in _LINES:
        for line in table.each(key):
            yield from _command(line, scene)
    for key in _LINE:
        if (node := table.get(key)) is not None:
            yield from _command(node, scene)
    for each in table.each("deps"):
        if each.kind == "string" and each.text.strip():
            yield from tox.dependency(_text(each), scene)
    for name, node in table.pairs("set_env"):
        if node.kind == "string":
            yield from commands.of_set(Variable(name, node.text, node.statement, node.exact, "set_env", step))
    for key in _SWITCHES:
        if (node := table.get(key)) is not None:
            name = key.replace("_", "-")
            yield Option("tox", name, node.text, node.statement, node.exact, key=key, section=step)


def _command(node: Node, scene: Scene) -> Iterator[Fact]:
    """tox writes it as a list of words."""
    words = tuple(Word(item.text, item.span) for item in node.items if item.kind == "string")
    if node.kind != "array" or not words:
        return
    if words[0].text == "-":  # its failure does no harm
        words = words[1:]
    program = programs.identify(words)
    command = Command(
        words, node.span, program.tool, program.verb, program.wrappers, where=scene.where, step=scene.step, listed=True
    )
    yield from commands.facts(Script((command,)))


def _text(node: Node) -> Text:
    exact = node.exact
    if exact is not None:
        return Text.piece(node.source, exact.start, exact.end)
    return Text.standing_for(node.source, node.text, node.start, node.end)
