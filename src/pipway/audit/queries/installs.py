"""What rules ask about commands that install: what they are told, what the rest of their file tells them, where a word
could be added.

Pure. It looks at facts, and at a file's text only where a word comes in. A command with words that only the shell
knows may say anything; who asks for what is missing asks `is_open` first.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from pipway.audit.base import Edit
from pipway.audit.facts import Command, Copied, Option, Project, Required, Span, Variable, Where

EVERYWHERE = "*"
DEPLOYED = frozenset({Where.IMAGE, Where.CI})
_INSTALLS = frozenset({("pip", "install"), ("uv", "pip install")})
_FULL_PIN = re.compile(r"={2,3}[^*,]+$")
_OFF = frozenset({"false", "0", "no", "off", "n", "f", ""})
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def installs(project: Project) -> Iterator[Command]:
    """Every `pip install`, also uv's, that is a command of its own and no list of arguments."""
    return (each for each in project.of(Command) if (each.tool, each.verb) in _INSTALLS)


class Told(dict[int, list[Option]]):
    """id of a command → its options. What it says at all is looked up once: there may be thousands of each."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[int, frozenset[str]] = {}

    def said(self, command: Command) -> frozenset[str]:
        """Names of options, those of variables included."""
        if id(command) not in self._said:
            words = {word.text.partition("=")[0] for word in command.words}
            written = {word.removeprefix("--") for word in words if word.startswith("--")}
            self._said[id(command)] = frozenset(written | {option.name for option in self.get(id(command), ())})
        return self._said[id(command)]


def told(project: Project) -> Told:
    """What commands are told by options."""
    found = Told()
    for option in project.of(Option):
        if option.command is not None:
            found.setdefault(id(option.command), []).append(option)
    return found


def asked(project: Project) -> Mapping[int, list[Required]]:
    """id of a command → what it installs."""
    found: dict[int, list[Required]] = {}
    for each in project.of(Required):
        if each.command is not None:
            found.setdefault(id(each.command), []).append(each)
    return found


def says(command: Command, options: Told, *names: str) -> bool:
    """Whether it is given one of these options, itself or by a variable that is used in several places."""
    return not options.said(command).isdisjoint(names)


def surroundings(project: Project, *names: str) -> frozenset[str]:
    """Paths of files with a variable that sets one of pip's options; EVERYWHERE when a configuration file does."""
    return frozenset(
        EVERYWHERE if option.via == "file" else option.span.source.path
        for option in project.of(Option)
        if option.tool in ("pip", "uv") and option.name in names and option.command is None and is_on(option.value)
    )


def surrounded(command: Command, paths: frozenset[str]) -> bool:
    """Whether `surroundings` hold for a command."""
    return EVERYWHERE in paths or command.span.source.path in paths


def is_open(command: Command) -> bool:
    """Whether a word of it is only a variable: options may be in there."""
    return any(not word.known and word.text.startswith(("$", "{", "%", '"$')) for word in command.words)


def is_on(value: str) -> bool:
    """Whether a flag's value switches it on."""
    return value.strip().lower() not in _OFF


def is_pinned(required: Required) -> bool:
    """Whether it is one version."""
    return _FULL_PIN.match(required.specifier.strip()) is not None


def is_remote(url: str) -> bool:
    """Whether it is no path."""
    return _REMOTE.match(url) is not None and not url.lower().startswith("file:")


def is_ours(required: Required) -> bool:
    """Whether it is the project itself: a folder of the tree."""
    path = required.url
    return bool(path) and not is_remote(path) and "*" not in path and not path.endswith((".whl", ".gz", ".zip"))


def setting(project: Project, name: str) -> frozenset[str]:
    """Paths of files that set a variable."""
    return frozenset(each.span.source.path for each in project.of(Variable) if each.name == name)


def copied(project: Project) -> frozenset[str]:
    """Names of files and folders that an image copies: their scripts run while it is built."""
    names = {posixpath.basename(name.rstrip("/")) for each in project.of(Copied) for name in each.sources}
    return frozenset(names) - {"", ".", "*"}


def is_copied(path: str, names: frozenset[str]) -> bool:
    """Whether an image copies a file, or a folder that it is in."""
    return not names.isdisjoint(path.split("/"))


def added(command: Command, text: str) -> tuple[Edit, ...]:
    """`text` behind the command's verb; nothing where the command is a list of words."""
    last = command.verb.rpartition(" ")[2]
    if command.listed or not last:
        return ()
    for word in command.words:
        if word.text == last and word.span.text == last:
            place = Span(word.span.source, word.span.end, word.span.end)
            return (Edit(place, f" {_in_yaml(text, place)}"),)
    return ()


def _in_yaml(text: str, place: Span) -> str:
    """A colon before a space would make a key of what stands before it: quoted, with the sign that the line has not."""
    if ": " not in f"{text} " or not place.source.path.endswith((".yml", ".yaml")):
        return text
    begin = place.source.text.rfind("\n", 0, place.start) + 1
    sign = "'" if '"' in place.source.text[begin : place.start] else '"'
    return " ".join(f"{sign}{word}{sign}" if word.endswith(":") else word for word in text.split(" "))
