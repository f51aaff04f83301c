"""A configuration with secrets is deleted in a later layer of an image.

What
----
A Dockerfile copies pip.conf, .netrc or .pypirc, or lets `pip config set` write one, and a later RUN deletes it.

Why
---
Each instruction makes a layer, and a layer hides what it deletes without taking it out of the one before. Whoever can
pull the image reads the file.

Bad
---
    # Dockerfile
    COPY pip.conf /etc/pip.conf
    RUN pip install flask
    RUN rm /etc/pip.conf

Good
----
    # Dockerfile
    RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf pip install flask
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Command, Copied, Project, Span
from pipway.findings import Severity

RULE = Rule("PW305", "deleted-in-later-layer", "Configuration deleted in a later layer", Severity.HIGH)

_NAMES = frozenset({"pip.conf", "pip.ini", ".netrc", "_netrc", ".pypirc", "auth.toml", "uv.toml", ".condarc"})
_INSTRUCTION = re.compile(r"(?mi)^[ \t]*(?:RUN|COPY|ADD|ENV|ARG|WORKDIR|USER|FROM|CMD|ENTRYPOINT|SHELL|LABEL)[ \t]")
_DEEPEST = 50  # folders
_HOME = re.compile(r"^(?:~|\$\{?HOME\}?|/root|/home/[^/]+)(?=/|$)")
_USER_FILE, _SYSTEM_FILE = "~/.config/pip/pip.conf", "/etc/pip.conf"


def check(project: Project) -> Iterator[Found]:
    """Each deletion that comes too late; what goes within the RUN that made it is gone."""
    first: dict[tuple[str, str, str], tuple[str, Span]] = {}  # file, stage, path or a folder above → the first of them
    for path, stage, span in sorted(_written(project), key=lambda each: each[2].start):
        for above in _above(path):
            first.setdefault((span.source.path, stage, above), (path, span))
    for command in project.of(Command):
        if command.tool != "rm" or command.span.source.kind != "dockerfile" or not command.final:
            continue
        for word in command.words[1:]:
            target = _plain(word.text).rstrip("*").rstrip("/")
            known = first.get((command.span.source.path, command.stage, target))
            if known is not None and _earlier(known[1], command.span):
                yield Found(
                    command.span,
                    f"{known[0].rpartition('/')[2]} is deleted in a later layer than the one that has it",
                    consequence="whoever can pull the image reads it there",
                    advice="mount it while it is needed: RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf …",
                    related=((known[1], "puts it into the image"),),
                )
                break


def _written(project: Project) -> Iterator[tuple[str, str, Span]]:
    """Path, stage and place of every such file in an image."""
    for copied in project.of(Copied):
        for source in copied.sources:
            name = source.rpartition("/")[2]
            into = copied.target.endswith(("/", ".")) or len(copied.sources) > 1
            target = f"{copied.target.rstrip('/')}/{name}" if into else copied.target
            if target.rpartition("/")[2] in _NAMES or (name in _NAMES and not into):
                yield _plain(target), copied.stage, copied.span
    for command in project.of(Command):
        if command.span.source.kind == "dockerfile" and command.tool == "pip" and command.verb == "config set":
            system = any(word.text == "--global" for word in command.words)
            yield (_SYSTEM_FILE if system else _USER_FILE), command.stage, command.span


def _plain(path: str) -> str:
    return _HOME.sub("~", path).rstrip("/")


def _above(path: str) -> list[str]:
    """The path, and every folder that it is in."""
    parts = path.split("/")[:_DEEPEST]
    return [above for number in range(len(parts), 0, -1) if (above := "/".join(parts[:number]))]


def _earlier(span: Span, later: Span) -> bool:
    """Whether another instruction of the same file begins between them."""
    same = span.source is later.source and span.end <= later.start
    return same and _INSTRUCTION.search(span.source.text, span.end, later.start) is not None
