"""Shell scripts: *.sh and its like, files that begin with a shell's `#!`, and profiles."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipway.audit.collect import commands, shell
from pipway.audit.collect.shell import Scene
from pipway.audit.collect.text import Text
from pipway.audit.facts import Fact, Source
from pipway.audit.walk import Tree

KIND = "script"
#: without any of these words a script has nothing to tell; most scripts of a large tree have none
_WORTH = re.compile(
    r"(?i)pip|\buvx?\b|\bUV_|poetry|pdm|conda|mamba|twine|hatch|flit|easy_install|setup\.py|curl|wget|SSL|_PROXY|CA_BUNDLE|"
    r"PYTHONHTTPSVERIFY|tox|nox|INDEX_URL"
)


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Its commands and variables."""
    if _WORTH.search(source.text):
        yield from commands.facts(shell.read(Text.piece(source), Scene(source.where)))
