"""Which variables a command has in its environment: its own, then its step's, job's or stage's, its file's, and those
of whoever runs the script that it stands in.

`installations` asks. Pure: it looks at places of facts, and neither at a file's text nor at this machine's environment.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from pipway.audit.collect.programs import SHELLS
from pipway.audit.facts import Command, Note, Project, Scope, Source, Span, Variable

DEEPEST = 32  #: scopes within scopes
CALLERS = 5  #: of one script

_LATER = "later steps"  # of the job: what a step appends to $GITHUB_ENV

#: Set by a program at its place; the others are said for the whole scope.
_ORDERED = frozenset({"export", "ENV", "ARG", "process", _LATER})
#: What no process that is started from this file hears.
_UNHEARD = frozenset(
    {"shell", "make", "just", "args", "dotenv", "env-vars", "prefix", "with", "inputs", "build-arg", "-e"}
)
#: kind of a file → the program that runs its commands
_RUNNERS = {"makefile": "make", "justfile": "just", "tox": "tox", "nox": "nox"}
_INSTRUCTION = re.compile(r"(?mi)^[ \t]*(?:RUN|COPY|ADD|ENV|ARG|WORKDIR|USER|CMD|ENTRYPOINT|LABEL)[ \t]")
_NEAR = 10_000  # characters of one RUN
_FILE = -1  # the scope of a file that has none


@dataclass
class _File:
    """The scopes of one file, by their beginnings; and what is set in each."""

    scopes: list[Scope] = field(default_factory=list)
    variables: dict[tuple[int, str], list[Variable]] = field(default_factory=dict)

    @cached_property
    def _starts(self) -> list[int]:
        return [scope.span.start for scope in self.scopes]

    @cached_property
    def _parents(self) -> list[int]:
        parents, open_ = [], list[int]()
        for number, scope in enumerate(self.scopes):
            while open_ and self.scopes[open_[-1]].span.end <= scope.span.start:
                open_.pop()
            parents.append(open_[-1] if open_ else _FILE)
            open_.append(number)
        return parents

    @cached_property
    def _named(self) -> dict[tuple[str, str], list[int]]:
        found: dict[tuple[str, str], list[int]] = {}
        for number, scope in enumerate(self.scopes):
            found.setdefault((scope.kind, scope.name), []).append(number)
        return found

    def innermost(self, place: int) -> int:
        """The scope that a place is in."""
        number = bisect_right(self._starts, place) - 1
        for _ in range(DEEPEST):
            if number == _FILE or place < self.scopes[number].span.end:
                return number
            number = self._parents[number]
        return _FILE

    def parent(self, number: int) -> int:
        """The scope around one."""
        return self._parents[number]

    def same_step(self, variable: Variable, command: Command) -> bool:
        """Whether a variable for later steps was set by the step of a command itself."""
        if variable.how != _LATER:
            return False
        number = self.innermost(variable.span.start)
        return number == _FILE or number == self.innermost(command.span.start)

    def chain(self, place: int) -> Iterator[tuple[int, bool]]:
        """From the innermost scope outwards, and whether all of it is over: a stage that this one is built on is."""
        number, over = self.innermost(place), False
        for _ in range(DEEPEST):
            yield number, over
            if number == _FILE:
                return
            scope = self.scopes[number]
            bases = self._named.get((scope.kind, scope.base), []) if scope.base else []
            earlier = bases[: bisect_left(bases, number)] if scope.kind == "stage" else bases
            over = over or bool(earlier)
            number = earlier[-1] if earlier and earlier[-1] != number else self._parents[number]
        yield _FILE, False


class Scopes:
    """The variables of a project whose names are asked for."""

    def __init__(self, project: Project, names: frozenset[str]) -> None:
        """Each is looked at once."""
        self._project = project
        self._files: dict[str, _File] = {}
        self._called: dict[str, list[Command]] = {}
        self._unheard: set[tuple[str, int]] = set()
        self._given: dict[tuple[str, str], Variable] = {}  # to the ARGs of a Dockerfile
        for scope in sorted(project.of(Scope), key=lambda each: (each.span.start, -each.span.end)):
            self._files.setdefault(scope.span.source.path, _File()).scopes.append(scope)
        builds = {(note.span.source.path, note.traits["service"]): note.text for note in _builds(project)}
        for variable in sorted(project.of(Variable), key=lambda each: each.span.start):
            path = variable.span.source.path
            if variable.name in names and variable.how not in _UNHEARD:
                file = self._files.setdefault(path, _File())
                number = file.innermost(variable.span.start)
                if variable.how == _LATER and number != _FILE and file.scopes[number].kind == "step":
                    number = file.parent(number)
                file.variables.setdefault((number, variable.name), []).append(variable)
            elif variable.name in names:
                self._unheard.add((path, variable.span.start))
                if variable.how == "args" and (path, variable.scope) in builds:
                    self._given.setdefault((builds[path, variable.scope], variable.name), variable)

    def heard(self, command: Command, name: str) -> Variable | None:
        """The one that `command` has in its environment, callers aside."""
        own = [variable for variable in command.variables if variable.name == name]
        if own:
            return own[-1]
        file = self._files.get(command.span.source.path)
        if file is None:
            return None
        docker = command.span.source.kind == "dockerfile"
        for number, over in file.chain(command.span.start):
            every = file.variables.get((number, name), [])
            if docker:
                found = self._of_stage(file, every, command.span, over=over) if number != _FILE else None
            else:
                found = _latest([each for each in every if not file.same_step(each, command)], command.span.start)
            if found is not None:
                return found
        return None

    def _of_stage(self, file: _File, every: list[Variable], span: Span, *, over: bool) -> Variable | None:
        """ENV beats ARG, and a stage built on another inherits only ENV. An ARG may have its value before all stages,
        and what a RUN exports is over with it."""
        earlier = every if over else every[: bisect_left(every, span.start, key=lambda each: each.span.start)]
        exported = next((each for each in reversed(earlier[-DEEPEST:]) if each.how == "export"), None)
        if exported is not None and not over and _one_run(exported.span, span):
            return exported
        earlier = [each for each in earlier if each.how in ("ENV", "ARG")]
        found = next((each for each in reversed(earlier) if each.how == "ENV"), None)
        if found is not None or over or not earlier:
            return found
        last = earlier[-1]
        given = self._given.get((span.source.path, last.name))
        if given is not None or last.value:
            return given or last
        outside = file.variables.get((_FILE, last.name), [])
        return outside[-1] if outside else None

    def is_unheard(self, path: str, start: int) -> bool:
        """Whether it is a variable for something else than the commands of its own file."""
        return (path, start) in self._unheard

    def unit(self, span: Span) -> list[Span]:
        """What happens one after the other before a place: its stage or job, and stages that this is built on."""
        file = self._files.get(span.source.path)
        if file is None:
            return [Span(span.source, 0, span.start)]
        found: list[Span] = []
        for number, over in file.chain(span.start):
            whole = Span(span.source, 0, len(span.source.text)) if number == _FILE else file.scopes[number].span
            if number != _FILE and file.scopes[number].kind == "step":
                continue
            if number == _FILE and found:
                break
            found.append(whole if over else Span(span.source, whole.start, span.start))
        return found

    def callers(self, command: Command) -> list[Command]:
        """The commands that run the file in which this one stands."""
        source = command.span.source
        if source.path not in self._called:
            self._called[source.path] = self._callers_of(source)
        return self._called[source.path]

    def _callers_of(self, source: Source) -> list[Command]:
        runner = _RUNNERS.get(source.kind, "")
        if runner:
            found = self._callers.get(runner, [])
        else:
            found = self._callers.get(f"/{PurePosixPath(source.path).name}", [])
            found = [each for each in found if _names(each, source.path)]
        return [each for each in found if each.span.source.path != source.path][:CALLERS]

    @cached_property
    def _callers(self) -> dict[str, list[Command]]:
        found: dict[str, list[Command]] = {}
        for command in self._project.of(Command):
            if command.tool in _RUNNERS.values():
                found.setdefault(command.tool, []).append(command)
            for word in command.words[:3]:
                if word.text.endswith((".sh", ".bash")) or (command.tool in SHELLS and "/" in word.text):
                    found.setdefault(f"/{PurePosixPath(word.text).name}", []).append(command)
        return found


def _builds(project: Project) -> Iterator[Note]:
    return (note for note in project.of(Note) if note.what == "build")


def _one_run(first: Span, last: Span) -> bool:
    """Whether no other instruction of a Dockerfile begins between them."""
    text = first.source.text
    return last.start - first.end < _NEAR and _INSTRUCTION.search(text, first.end, last.start) is None


def _latest(every: list[Variable], place: int) -> Variable | None:
    """The last before a place, or one that is said for all of the scope."""
    for variable in reversed(every[-DEEPEST:]):
        said = variable.how not in _ORDERED and not variable.span.text.startswith("$")  # $env:X = … of PowerShell
        if said or variable.span.start < place:
            return variable
    at = bisect_left(every, place, key=lambda each: each.span.start)
    return next((each for each in reversed(every[max(0, at - DEEPEST) : at])), None)


def _names(command: Command, path: str) -> bool:
    """Whether one of its first words is this file, by as much of the path as it says."""
    for word in command.words[:3]:
        said = [part for part in PurePosixPath(word.text).parts if part not in (".", "/")]
        if said and (f"/{path}").endswith("/" + "/".join(said)):
            return True
    return False
