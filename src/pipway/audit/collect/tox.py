"""tox: commands, install_command, set_env, deps and indexserver of tox.ini, or of one within another file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipway.audit.collect import commands, shell
from pipway.audit.collect.shell import Scene, Script
from pipway.audit.collect.text import Text
from pipway.audit.facts import Command, Fact, Index, Option, Scope, Source, Span, Variable, Word
from pipway.audit.walk import Tree

KIND = "tox"
_SECTION = re.compile(r"^\[([^\]\n]+)\]", re.MULTILINE)
_LINE = re.compile(r"[ \t]*((?:[^\\\n]|\\(?:\r?\n|.))*)", re.DOTALL)
_FACTOR = re.compile(r"(?:!?[\w.{},-]+)[ \t]*:[ \t]+")
_TEMPLATE = re.compile(r"\{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\}")
_PAIR = re.compile(r"([A-Za-z_]\w*)[ \t]*=[ \t]*(.*\S|)", re.DOTALL)
_RUN = frozenset({"commands", "commands_pre", "commands_post", "install_command", "list_dependencies_command"})


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """The facts of all environments."""
    yield from facts(source, 0, len(source.text))


def facts(source: Source, start: int, end: int) -> Iterator[Fact]:
    """Those of a piece of a source: pyproject.toml holds a whole tox.ini in a string."""
    headers = list(_SECTION.finditer(source.text, start, end))
    for place, header in enumerate(headers):
        name = header.group(1)
        if not name.startswith(("testenv", "tox", "pkgenv", "env_run_base")):
            continue
        last = headers[place + 1].start() if place + 1 < len(headers) else end
        yield Scope("section", Span(source, header.start(), last), name, "testenv" if ":" in name else "")
        for key, first, behind in _items(source.text, header.end(), last):
            yield from _item(source, name, key, first, behind)


def _items(text: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Key, and where its value begins and ends; lines that are indented go on."""
    key, first, at = "", 0, start
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        line = text[at:stop]
        if line[:1] not in (" ", "\t", "", "#", ";", "\r") and (found := re.match(r"([\w.-]+)[ \t]*[=:][ \t]*", line)):
            if key:
                yield key, first, at
            key, first = found.group(1), at + found.end()
        at = stop + 1
    if key:
        yield key, first, end


def _item(source: Source, section: str, key: str, start: int, end: int) -> Iterator[Fact]:
    scene = Scene(source.where, step=section)
    for line in _LINE.finditer(source.text, start, end):
        text = Text.piece(source, *line.span(1))
        if not text.text.strip() or text.text.lstrip().startswith("#"):
            continue
        if factor := _FACTOR.match(text.text):
            text = text.cut(factor.end(), len(text.text))
        if key in _RUN:
            text = text.cut(len(text.text) - len(text.text.lstrip("-! ")), len(text.text))
            yield from commands.facts(shell.read(text, scene, templates=_TEMPLATE))
        elif key in ("set_env", "setenv") and (pair := _PAIR.match(text.text)):
            value = text.span(*pair.span(2))
            exact = value if value.text else None
            yield from commands.of_set(
                Variable(pair.group(1), pair.group(2), text.span(0, pair.end()), exact, "set_env")
            )
        elif key == "deps":
            yield from dependency(text, scene)
        elif key == "indexserver" and (pair := _PAIR.match(text.text)):
            url = text.span(*pair.span(2))
            role = "primary" if pair.group(1) == "default" else "extra"
            yield Index("tox", url.text, role, text.span(0, pair.end()), url, pair.group(1), key=key)
        elif key in ("pip_pre", "download", "system_site_packages", "sitepackages"):
            yield Option("tox", key.replace("_", "-"), text.text.strip(), text.span(), None, key=key, section=section)


def dependency(text: Text, scene: Scene) -> Iterator[Fact]:
    """A line of `deps`: options as pip has them, or one requirement, whose signs are none of a shell's."""
    said = text.text.strip()
    if said.startswith("-"):
        yield from commands.of_arguments(text, "pip", "install", scene)
        return
    place = text.text.find(said)
    span = text.span(place, place + len(said))
    start = Span(text.source, span.start, span.start)
    words = (Word("pip", start), Word("install", start), Word(said, span))
    yield from commands.facts(
        Script((Command(words, span, "pip", "install", where=scene.where, step=scene.step, listed=True),))
    )
