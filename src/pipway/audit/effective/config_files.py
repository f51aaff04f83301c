"""Which pip.conf of the tree a command's pip reads: copied into the image or into place, or named by PIP_CONFIG_FILE;
and what `pip config set` wrote before.

`installations` asks. It looks at facts of files that were collected, and opens none.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipway.audit.effective.paths import meant
from pipway.audit.effective.scopes import Scopes
from pipway.audit.facts import Command, Copied, Index, Option, Project, Span, Variable, Where

NULL = frozenset({"/dev/null", "nul", "nul:", "os.devnull"})
_NAMES = ("pip.conf", "pip.ini")
_GLOBAL, _LEGACY, _USER, _SITE, _NAMED = range(5)  # weak to strong
_PLACERS = frozenset({"cp", "install", "mv", "ln"})
_SECTION = re.compile(r"\[([^\]]*)\]")
_SITES = re.compile(r"(?:^|/)(?:\.?venv|env|usr/local|usr)/pip\.(?:conf|ini)$")
_MOST = 200  # files that come to one place
WHOLE = -1  #: in the place of an offset: all that a file says

Saying = tuple[str, int]  #: what settings have in common that hold together: a file, and where a statement begins


@dataclass(frozen=True, slots=True)
class Silenced:
    """Configuration files that a variable switches off."""

    variable: Variable
    indexes: tuple[Index, ...]  #: that they would have named


@dataclass(frozen=True, slots=True)
class Layers:
    """What configuration files say to one command."""

    indexes: list[list[Index]]  #: of each file, from weak to strong
    sayings: tuple[Saying, ...]  #: what is read
    silenced: Silenced | None = None
    is_open: bool = False  #: a file that is not here may say more


@dataclass(frozen=True, slots=True)
class _Placed:
    """Something that says what pip reads from there on."""

    span: Span
    target: str
    indexes: tuple[Index, ...]
    rank: int | None  #: None: only where PIP_CONFIG_FILE names it
    saying: Saying


class ConfigFiles:
    """Those of a project."""

    def __init__(self, project: Project, scopes: Scopes) -> None:
        """By path: what each names, and where in each file something is put into place."""
        self._scopes = scopes
        self._named: dict[str, list[Index]] = {
            source.path: [] for source in project.sources if source.kind == "pip.conf" and source.where != Where.MACHINE
        }
        for index in project.of(Index):
            if index.span.source.path in self._named:
                self._named[index.span.source.path].append(index)
        self._placed: dict[str, list[_Placed]] = {}
        for placed in sorted(self._all(project), key=lambda each: each.span.start):
            self._placed.setdefault(placed.span.source.path, []).append(placed)

    def layers(self, commands: Sequence[Command], switch: Variable | None, *, isolated: bool) -> Layers:
        """For the first of `commands` and who runs it."""
        ranked: dict[int, list[Index]] = {}
        said: dict[int, list[Saying]] = {}
        placed = [each for command in reversed(commands) for each in self._before(command)]
        value = switch.value.strip() if switch is not None else ""
        for each in placed:
            rank = _NAMED if value and each.target == value else each.rank
            if rank is not None:
                ranked.setdefault(rank, []).extend(each.indexes)
                said.setdefault(rank, []).append(each.saying)
        verb = commands[0].verb
        if value.lower() in NULL and switch is not None:
            every = tuple(index for rank in sorted(ranked) for index in ranked[rank])
            return Layers([], (), Silenced(switch, every))
        if switch is not None and value and _NAMED not in ranked:
            path = meant(value, switch.span.source, self._named)
            if path is not None:
                ranked[_NAMED], said[_NAMED] = self._named[path], [(path, WHOLE)]
        dropped = {_LEGACY, _USER} if isolated or _NAMED in ranked else set()
        layers = [list(of_sections(ranked[rank], verb)) for rank in sorted(ranked) if rank not in dropped]
        unknown = bool(value) and _NAMED not in ranked
        sayings = tuple(each for rank in sorted(ranked) if rank not in dropped for each in said[rank])
        mounted = any(name in mount for mount in commands[0].mounts for name in _NAMES)
        return Layers(layers, sayings, is_open=unknown or mounted)

    def _before(self, command: Command) -> list[_Placed]:
        every = self._placed.get(command.span.source.path, [])
        found: list[_Placed] = []
        for unit in self._scopes.unit(command.span) if every else ():
            first = bisect_left(every, unit.start, key=lambda each: each.span.start)
            last = bisect_left(every, unit.end, key=lambda each: each.span.start)
            found = every[max(first, last - _MOST) : last] + found
        return found

    def _all(self, project: Project) -> Iterator[_Placed]:
        for copied in project.of(Copied):
            if not copied.origin:
                yield from self._copied(copied.sources, copied.target, copied.span)
        for command in project.of(Command):
            words = [word.text for word in command.words[1:] if not word.text.startswith("-")]
            if command.tool in _PLACERS and len(words) > 1:
                yield from self._copied(words[:-1], words[-1], command.span)
        written: dict[int, list[Index]] = {}
        commands: dict[int, Command] = {}
        for index in project.of(Index):
            if index.via == "command" and index.command is not None and index.command.verb == "config set":
                written.setdefault(id(index.command), []).append(index)
                commands[id(index.command)] = index.command
        for option in project.of(Option):
            if option.name == "trusted-host" and option.command is not None and option.command.verb == "config set":
                commands[id(option.command)] = option.command
        for key, command in commands.items():
            said = {word.text for word in command.words}
            rank = _GLOBAL if "--global" in said else _SITE if "--site" in said else _USER
            saying = command.span.source.path, command.span.start
            yield _Placed(command.span, "", tuple(written.get(key, ())), rank, saying)

    def _copied(self, sources: Iterable[str], target: str, span: Span) -> Iterator[_Placed]:
        for said in sources:
            path = meant(said, span.source, self._named)
            if path is None:
                continue
            name = PurePosixPath(path).name
            into = target if PurePosixPath(target).name in _NAMES else f"{target.rstrip('/')}/{name}"
            named = PurePosixPath(target).suffix != "" and PurePosixPath(target).name not in _NAMES
            place = target if named else into
            yield _Placed(span, place, tuple(self._named[path]), _rank(place), (path, WHOLE))


def _rank(target: str) -> int | None:
    parts = PurePosixPath(target).parts
    if parts[-1] not in _NAMES:
        return None
    folder = parts[-2] if len(parts) > 1 else ""
    if target.startswith(("/etc/", "/Library/")):
        return _GLOBAL
    if folder in (".pip", "pip"):
        return _LEGACY if folder == ".pip" else _USER
    return _SITE if _SITES.search(target) else None


def of_sections(indexes: Sequence[Index], verb: str) -> Iterator[Index]:
    """[global] first, then the command's own section, which has the say; others are not read."""
    sections = [(match[1] if (match := _SECTION.match(index.key)) else "global") for index in indexes]
    for wanted in ("global", verb):
        yield from (index for index, section in zip(indexes, sections, strict=True) if section == wanted)
