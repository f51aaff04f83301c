"""pre-commit: what hooks install besides (`additional_dependencies`), and what local hooks run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from yaml.nodes import MappingNode, ScalarNode

from pipway.audit.collect import commands, shell
from pipway.audit.collect import yaml_nodes as yaml
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.text import Text
from pipway.audit.facts import Fact, Required, Source
from pipway.audit.walk import Tree

KIND = "pre-commit"
_VALUED = frozenset(
    {"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host", "-c", "--constraint", "--proxy"}
)
_OTHER_LANGUAGES = frozenset({"node", "golang", "go", "rust", "ruby", "dart", "lua", "perl", "r", "swift", "dotnet"})
_NO_COMMANDS = frozenset({"pygrep", "fail", "docker_image"})  #: `entry` is a pattern, a message, an image


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """The hooks of all repositories."""
    documents, notes = yaml.documents(source)
    yield from notes
    for root in documents:
        for node in yaml.walked(root):
            if yaml.child(node, "id") is not None:
                yield from _hook(source, node)


def _both(source: Source, option: str, value: Text) -> Text:
    """An option and its value as one text, at the place of the value."""
    at = value.span().start
    return Text.joined(source, [Text.standing_for(source, f"{option}=", at, at), value])


def _hook(source: Source, hook: MappingNode) -> Iterator[Fact]:
    """pip is given the dependencies as they are, options and all."""
    language = yaml.plain(yaml.child(hook, "language"))
    scene = Scene(step=yaml.plain(yaml.child(hook, "id")))
    if language not in _OTHER_LANGUAGES:
        before = ""
        for item in yaml.scalars(yaml.child(hook, "additional_dependencies")):
            text = yaml.scalar(source, item)
            if before in _VALUED:  # its value stands alone
                text, before = _both(source, before, text), ""
            elif text.text in _VALUED:
                before = text.text
                continue
            for fact in commands.of_arguments(text, "pip", "install", scene):
                if isinstance(fact, Required):
                    yield replace(fact, via="pre-commit")
                elif not (text.text[:1].isalnum() and fact.span.text == text.text):
                    yield fact
    entry = yaml.child(hook, "entry")
    if isinstance(entry, ScalarNode) and language not in _NO_COMMANDS:
        yield from commands.facts(shell.read(yaml.scalar(source, entry), scene))
