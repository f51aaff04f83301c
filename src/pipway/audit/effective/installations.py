"""What each installation goes by: pip's layers of configuration resolved for every command that installs.

Rules of index selection ask. Files are the weakest, then variables, then the command line, then what the requirements
files say that it reads; an `index-url` of these takes the place of all indexes before it (pip's req_file.py,
handle_option_line). It looks at facts and reads no file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from pipway.audit.effective.config_files import WHOLE, ConfigFiles, Saying, Silenced, of_sections
from pipway.audit.effective.requirement_files import RequirementFiles
from pipway.audit.effective.scopes import Scopes
from pipway.audit.facts import Command, Index, Note, Option, Project, Span, Variable, Where
from pipway.audit.queries.installs import is_on

MOST = 20_000  #: commands that are looked at
_KEPT = "_effective_view"
_VERBS = frozenset({"install", "download", "wheel", "lock"})
_LISTED = frozenset({"primary", "extra"})
_VARIABLES = (
    *("PIP_INDEX_URL", "PIP_PYPI_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_CONFIG_FILE", "PIP_ISOLATED"),
    "PIP_TRUSTED_HOST",
)
#: kinds of files whose variables nobody else hears
_CONTAINED = frozenset(
    {"dockerfile", "github-workflow", "gitlab-ci", "azure-pipelines", "circleci", "jenkins", "tox", "nox"}
)


@dataclass
class Installation:
    """What one command that installs, or pip on this machine, will ask."""

    command: Command | None  #: None: pip on this machine, whatever it is told
    caller: Command | None = None  #: what runs the script with the command
    primary: Index | None = None  #: None: pip's own, or that of a file that is not here
    extras: list[Index] = field(default_factory=list)
    beaten: list[tuple[Index, Span]] = field(default_factory=list)  #: what is not asked, and what took its place
    silenced: Silenced | None = None  #: what switches configuration files off, and what these would have said
    is_off: bool = False  #: `--no-index`: not even pip's own is asked
    is_open: bool = False  #: a file that is not here may say more
    sayings: frozenset[Saying] = frozenset()  #: all that it goes by

    @property
    def span(self) -> Span | None:
        """Where it is."""
        return None if self.command is None else self.command.span

    def asks(self, index: Index) -> bool:
        """Whether this very statement holds in the end."""
        return self.primary is index or any(extra is index for extra in self.extras)

    def _replace(self, span: Span, *, primary: bool = True, extras: bool = False) -> None:
        if primary and self.primary is not None:
            self.beaten.append((self.primary, span))
            self.primary = None
        if extras:
            self.beaten += [(extra, span) for extra in self.extras]
            self.extras = []

    def layer(self, indexes: Iterable[Index]) -> None:
        """A file, or the environment: what it says takes the place of what weaker ones say under the same name."""
        fresh = True
        for index in indexes:
            if index.role == "primary":
                self._replace(index.span)
                self.primary = index
            else:
                if fresh:
                    self._replace(index.span, primary=False, extras=True)
                fresh = False
                self.extras.append(index)

    def line(self, indexes: Iterable[Index]) -> None:
        """The command line: extra indexes are added to those that are there."""
        for index in indexes:
            if index.role == "primary":
                self._replace(index.span)
                self.primary = index
            else:
                self.extras.append(index)

    def requirements(self, indexes: Iterable[Index]) -> None:
        """A requirements file: its first index takes the place of all."""
        for index in indexes:
            if index.role == "primary":
                self._replace(index.span, extras=True)
                self.primary = index
        self.extras += [index for index in indexes if index.role == "extra"]

    def without(self, span: Span) -> None:
        """`--no-index`: nothing is asked."""
        self._replace(span, extras=True)
        self.is_off = True


class View:
    """The installations of a project."""

    def __init__(self, project: Project) -> None:
        """Facts are put where they are found again; nothing is resolved yet."""
        self._project = project
        self._scopes = Scopes(project, frozenset(_VARIABLES))
        self._configs = ConfigFiles(project, self._scopes)
        self._requirements = RequirementFiles(project)
        self._of_command: dict[int, list[Index]] = {}
        self._of_statement: dict[tuple[str, int], list[Index]] = {}
        for index in project.of(Index):
            if index.tool != "pip" or index.role not in _LISTED:
                continue
            if index.via == "variable":
                self._of_statement.setdefault((index.span.source.path, index.span.start), []).append(index)
            elif index.via == "command" and index.command is not None:
                self._of_command.setdefault(id(index.command), []).append(index)

    @cached_property
    def _asking(self) -> dict[int, list[Installation]]:
        found: dict[int, list[Installation]] = {}
        for each in self.installs:
            for index in [*each.extras, *([each.primary] if each.primary else [])]:
                found.setdefault(id(index), []).append(each)
        return found

    @cached_property
    def _beating(self) -> dict[int, list[Span]]:
        found: dict[int, list[Span]] = {}
        for each in self.installs:
            for index, span in each.beaten:
                found.setdefault(id(index), []).append(span)
        return found

    def asking(self, index: Index) -> list[Installation]:
        """The installations in which this very statement holds in the end."""
        return self._asking.get(id(index), [])

    @cached_property
    def _holding(self) -> dict[Saying, list[Installation]]:
        found: dict[Saying, list[Installation]] = {}
        for each in self.installs:
            for saying in each.sayings:
                found.setdefault(saying, []).append(each)
        return found

    def holding(self, option: Option) -> list[Installation] | None:
        """The installations that an option of pip's holds for; None where nobody knows of any."""
        return self._holding.get(saying(option))

    def is_loose(self, option: Option) -> bool:
        """Whether nobody knows which installations go by it, so that it may be any."""
        if option.tool != "pip" or option.span.source.where is Where.MACHINE:
            return True
        if self.holding(option) is not None:
            return False
        return self._scopes.is_unheard(*saying(option)) or not _is_bound(option)

    def beating(self, index: Index) -> list[Span]:
        """What takes its place, where something does."""
        return self._beating.get(id(index), [])

    @cached_property
    def installs(self) -> list[Installation]:
        """Every installation, once for each command that runs its script, and this machine's pip."""
        if not any(index.tool == "pip" and index.role in _LISTED for index in self._project.of(Index)):
            return []
        found = [
            self._resolved(command, caller)
            for command in itertools.islice(_installing(self._project), MOST)
            for caller in self._callers(command)
        ]
        return [*found, *self._of_machine()]

    def _callers(self, command: Command) -> list[Command | None]:
        return [*self._scopes.callers(command)] or [None]

    def _resolved(self, command: Command, caller: Command | None) -> Installation:
        found = Installation(command, caller)
        options = self._told.get(id(command), [])
        isolated = any(option.name == "isolated" for option in options)
        asked = [command] if caller is None else [command, caller]
        variables = {} if isolated else {name: self._heard(asked, name) for name in _VARIABLES}
        switch = variables.get("PIP_CONFIG_FILE")
        layers = self._configs.layers(asked, switch, isolated=isolated)
        found.silenced, found.is_open = layers.silenced, layers.is_open
        for layer in layers.indexes:
            found.layer(layer)
        said = [each for each in variables.values() if each is not None and each.value.strip()]
        found.layer(
            index for each in said for index in self._of_statement.get((each.span.source.path, each.span.start), [])
        )
        found.line(self._of_command.get(id(command), []))
        lines, paths = self._requirements.read_by(command, options)
        for indexes in lines:
            found.requirements(indexes)
        statements = [command.span, *(each.span for each in said)]
        found.sayings = frozenset(
            [
                *layers.sayings,
                *((each.source.path, each.start) for each in statements),
                *((path, WHOLE) for path in paths),
            ]
        )
        off = [option.span for option in options if option.name == "no-index"]
        off += [each.span for each in said if each.name == "PIP_NO_INDEX" and is_on(each.value)]
        if off:
            found.without(off[0])
        return found

    def _heard(self, commands: Iterable[Command], name: str) -> Variable | None:
        return next((found for each in commands if (found := self._scopes.heard(each, name)) is not None), None)

    @cached_property
    def _told(self) -> dict[int, list[Option]]:
        found: dict[int, list[Option]] = {}
        for option in self._project.of(Option):
            if option.command is not None and option.via == "command":
                found.setdefault(id(option.command), []).append(option)
        return found

    def _of_machine(self) -> Iterator[Installation]:
        """Its layers are in order already: files from weak to strong, then variables."""
        unread = {note.span.source.path for note in self._project.of(Note) if note.what == "never-read"}
        files: dict[str, list[Index]] = {}
        variables: list[Index] = []
        for index in self._project.of(Index):
            source = index.span.source
            if source.where is Where.MACHINE and index.tool == "pip" and index.role in _LISTED:
                if index.via == "variable":
                    variables.append(index)
                elif source.path not in unread:
                    files.setdefault(source.path, []).append(index)
        if files or variables:
            found = Installation(None)
            for indexes in files.values():
                found.layer(of_sections(indexes, "install"))
            found.layer(variables)
            yield found


def view(project: Project) -> View:
    """The one view of a project: several rules look at it."""
    found: View | None = project.__dict__.get(_KEPT)
    if found is None:  # kept as a cached property would be, which facts cannot have: they know nothing of layers
        found = project.__dict__[_KEPT] = View(project)
    return found


def saying(option: Option) -> Saying:
    """What it holds by."""
    path, command = option.span.source.path, option.command
    if command is not None:
        return path, command.span.start
    return path, option.span.start if option.via == "variable" else WHOLE


def _is_bound(option: Option) -> bool:
    """Whether it holds within its file only, and there for nothing that installs."""
    if option.command is not None:
        return option.command.tool == "pip" and option.command.verb != "config set"
    return option.via == "variable" and option.span.source.kind in _CONTAINED


def _installing(project: Project) -> Iterator[Command]:
    return (each for each in project.of(Command) if each.tool == "pip" and each.verb in _VERBS)
