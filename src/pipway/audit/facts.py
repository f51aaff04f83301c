"""What collectors find in files and rules look at: options, variables, commands, requirements, each with its span.

Pure data. A collector turns one file into facts in pip's own words, whatever the file's format; a rule never parses.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pipway.findings import Place

if TYPE_CHECKING:
    from pipway.audit.online.answers import Answers


class Where(StrEnum):
    """Where a fact has its effect; severities depend on it."""

    REPOSITORY = "repository"  #: for everybody who works on the project
    IMAGE = "image"  #: while a container image is built, or in it
    CI = "ci"
    MACHINE = "machine"  #: this machine's own configuration (`--machine`)


@dataclass(frozen=True)
class Source:
    """One file (or the environment), read and decoded."""

    path: str  #: relative to the root, with slashes; absolute for `--machine`; a variable's name for the environment
    text: str = field(repr=False)
    kind: str  #: the collector's: "pip.conf", "requirements", "dockerfile", "github-workflow", …
    where: Where = Where.REPOSITORY
    tracked: bool = False  #: known to version control
    mode: int | None = None  #: permission bits
    commit: str = ""  #: of a version that was once committed; its path begins with it

    @property
    def name(self) -> str:
        """The path without the commit."""
        return self.path.partition(":")[2] if self.commit else self.path

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(place + 1 for place, char in enumerate(self.text) if char == "\n")]

    def place(self, offset: int) -> Place:
        """File, line and column (1-based, in characters)."""
        line = bisect_right(self._lines, offset) - 1
        return Place(self.path, line + 1, offset - self._lines[line] + 1)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a source's text, as offsets in characters: [start, end)."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def text(self) -> str:
        """What stands there."""
        return self.source.text[self.start : self.end]

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.source.place(self.start)


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an installer, wherever it was set. Names are pip's, with hyphens: `index-url`, `trusted-host`."""

    tool: str  #: pip, uv, poetry, pdm, pipenv, hatch, conda, pixi, twine, easy_install, setuptools
    name: str
    value: str = field(repr=False)  #: "true"/"false" for flags; may hold a secret
    span: Span  #: the whole statement or option: what a fix removes
    value_span: Span | None = None  #: the value alone, where it stands as it is
    via: str = "file"  #: file, variable, command, requirements
    key: str = ""  #: as written: `PIP_INDEX_URL`, `[global] index-url`, `--index-url`, `tool.uv.index`
    section: str = ""  #: of an INI file, or the table of a TOML file
    layer: str = ""  #: global, user, venv, project, environment, command line, where layers matter
    command: Command | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Index:
    """An index, however a tool's file calls it; options `index-url` & co. are given as this as well."""

    tool: str
    url: str = field(repr=False)
    role: str  #: primary, extra, find-links, explicit, supplemental, secondary, default, mirror
    span: Span
    url_span: Span | None = None
    name: str = ""
    traits: Mapping[str, str] = field(default_factory=dict)  #: its other keys: explicit, verify_ssl …
    trait_spans: Mapping[str, Span] = field(default_factory=dict, repr=False)  #: where those stand, key and value
    via: str = "file"
    key: str = ""  #: as written: `[global] index-url`, `tool.uv.index`
    command: Command | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that a file sets. Those that are options (PIP_…, UV_…) are given as Option as well."""

    name: str
    value: str = field(repr=False)
    span: Span
    value_span: Span | None = None
    how: str = ""  #: ENV, ARG, environment, env, variables, export, Environment=, set_env, dotenv, process
    scope: str = ""  #: workflow, job, step; stage name of a Dockerfile
    final: bool = True  #: of a Dockerfile: in the stage that becomes the image


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command, unquoted as the shell would. `known` is false where it holds an expansion."""

    text: str
    span: Span
    known: bool = True


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command in a shell script, a RUN line, a CI step, a notebook."""

    words: tuple[Word, ...]
    span: Span
    tool: str = ""  #: pip, uv, poetry, twine, curl, …: the program, wrappers like sudo, env and `python -m` taken off
    verb: str = ""  #: install, download, sync, `pip install` for uv, …
    wrappers: tuple[str, ...] = ()  #: sudo, env, xargs, time …
    variables: tuple[Variable, ...] = ()  #: assignments before it
    piped_from: Command | None = field(default=None, repr=False)
    where: Where = Where.REPOSITORY
    mounts: tuple[str, ...] = ()  #: of a RUN: its --mount options
    stage: str = ""
    final: bool = True
    step: str = ""  #: of CI: the name of the step or job
    listed: bool = False  #: given as a list of words (JSON, YAML, Python): no word can be cut out of it alone
    redirects: tuple[tuple[str, Word], ...] = ()  #: operator and target: `>`, `2>>`


@dataclass(frozen=True, slots=True)
class Required:
    """A requirement: a line of a requirements file, a dependency of a project, an argument of `pip install`."""

    name: str  #: normalised; "" when a URL or path does not say
    text: str = field(repr=False)
    span: Span
    specifier: str = ""
    url: str = field(default="", repr=False)
    hashes: tuple[tuple[str, str, Span], ...] = ()  #: algorithm, digest, where
    editable: bool = False
    marker: str = ""
    group: str = ""  #: dependencies, build-system, an extra or a group; "" in requirements files
    via: str = "requirements"  #: requirements, project, command, environment.yml, pre-commit
    index: str = ""  #: the index it is bound to, for tools that have that
    command: Command | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Locked:
    """A file that a lock names."""

    format: str  #: uv.lock, poetry.lock, pdm.lock, Pipfile.lock, pylock.toml, pixi.lock, requirements
    name: str
    version: str
    span: Span
    url: str = field(default="", repr=False)
    url_span: Span | None = None
    index: str = field(default="", repr=False)
    hashes: tuple[str, ...] = ()  #: "sha256:…"
    kind: str = "registry"  #: registry, url, git, path, editable, workspace; source: no file, but where some come from
    index_span: Span | None = None
    filename: str = ""  #: where the lock names the file and has no URL of it


@dataclass(frozen=True, slots=True)
class Copied:
    """A COPY or ADD of a Dockerfile."""

    sources: tuple[str, ...]
    target: str
    span: Span
    stage: str = ""
    final: bool = True
    origin: str = ""  #: `--from=`: another stage or image, "" for the build's files


@dataclass(frozen=True, slots=True)
class Scope:
    """A piece of a file within which variables hold; what stands in none holds in the whole file."""

    kind: str  #: stage, job, step, service, section
    span: Span
    name: str = ""
    base: str = ""  #: the scope of the same file and kind that it goes on from


@dataclass(frozen=True, slots=True)
class Note:
    """Something about a whole file that only its collector sees: broken, unread, a key that nobody knows."""

    what: str  #: unreadable, unindented, duplicate-key, unknown-key, wrong-section, never-read, netrc-default, …
    span: Span
    text: str = ""
    traits: Mapping[str, str] = field(default_factory=dict)


T = TypeVar("T", "Option", "Index", "Variable", "Command", "Required", "Locked", "Copied", "Scope", "Note")
Fact = Option | Index | Variable | Command | Required | Locked | Copied | Scope | Note


@dataclass(frozen=True, slots=True)
class Organisation:
    """What the audited organisation says of its hosts and names; lower case, hosts without ports."""

    hosts: frozenset[str] = frozenset()  #: index hosts that may be used; empty: nobody said
    private: frozenset[str] = frozenset()  #: hosts that only we can reach, beside those whose names say so
    mirrors: frozenset[str] = frozenset()  #: hosts that serve what the public index serves, and nothing else
    https: frozenset[str] = frozenset()  #: hosts known to answer on https, too
    owned: frozenset[str] = frozenset()  #: names of projects that are only ours, normalised


@dataclass(frozen=True)
class Project:
    """Everything that was collected."""

    sources: tuple[Source, ...]
    facts: tuple[Fact, ...]
    organisation: Organisation = field(default_factory=Organisation)
    today: date = date.min  #: UTC; what is older or newer than this is judged by rules
    answers: Answers | None = None  #: of a server; None: nobody was asked
    base_locks: tuple[Fact, ...] | None = None  #: what the locks say at the base branch; None: nobody wants to know
    whole: bool = True  #: all files of a folder were asked for, not some of them

    @cached_property
    def _by_kind(self) -> Mapping[type, Sequence[Fact]]:
        found: dict[type, list[Fact]] = {}
        for fact in self.facts:
            found.setdefault(type(fact), []).append(fact)
        return found

    def of(self, kind: type[T]) -> Sequence[T]:
        """All facts of one kind, in the order of files and lines."""
        return self._by_kind.get(kind, ())  # type: ignore[return-value]
