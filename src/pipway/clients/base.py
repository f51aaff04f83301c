"""What is asked of every tool: where it reads, what it ends up with, and how to change that.

One module per tool implements `Client`; `settings --clients`, `configure`, `doctor`, `explain` and the audit use them.
Reading never changes anything and never runs code of a project; writing is `Change`s, which `changes.py` applies.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from pipway.findings import Finding, Place

Scope = Literal["user", "venv", "project", "global"]


class Setting(StrEnum):
    """What is asked of each tool, in the order in which people want to know it."""

    INDEX = "index"
    EXTRA_INDEXES = "extra indexes"
    FIND_LINKS = "find-links"
    NO_INDEX = "no-index"
    PROXY = "proxy"
    NO_PROXY = "no_proxy"
    CA = "CA"
    CLIENT_CERTIFICATE = "client certificate"
    TRUSTED_HOSTS = "trusted hosts"
    TIMEOUT = "timeout"
    RETRIES = "retries"
    HASHES = "hash mode"
    KEYRING = "keyring"
    COOLDOWN = "uploaded before"
    REQUIRE_VIRTUALENV = "require virtualenv"


#: Settings whose values a tool adds up; of the others the last one wins.
LISTS = frozenset({Setting.EXTRA_INDEXES, Setting.FIND_LINKS, Setting.TRUSTED_HOSTS})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a tool would run. Tests move all of it; `clients.here` reads the real one."""

    environ: Mapping[str, str] = field(repr=False)  #: may hold secrets
    home: Path
    cwd: Path
    system: Literal["linux", "darwin", "windows"] = "linux"
    root: Path = Path("/")  #: what stands for the root of the file system, for /etc/pip.conf and its like
    python: str = sys.executable  #: the interpreter whose pip is meant when no other is found
    command: tuple[str, ...] = field(default=(), repr=False)  #: the command that failed, tool first, when it is known

    @property
    def venv(self) -> Path | None:
        """The active virtual environment."""
        text = self.environ.get("VIRTUAL_ENV")
        return Path(text) if text else None

    def under_root(self, path: str) -> Path:
        """An absolute path of the system, below `root`."""
        return self.root / path.lstrip("/")


@dataclass(frozen=True, slots=True)
class Installed:
    """A tool that was found. `version` is its own word, "" when it does not say."""

    name: str
    command: tuple[str, ...]  #: how to call it
    version: str = ""
    python: str = ""  #: the version of the Python it runs on, for those written in Python
    prefix: str = ""  #: the `sys.prefix` of that Python, where it is known


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file that the tool reads, or would if it existed."""

    path: Path
    layer: str  #: global, user, venv, project, PIP_CONFIG_FILE, …
    scope: Scope | None = None  #: the scope of `configure` that writes here
    exists: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One place that says something about one setting."""

    setting: Setting
    value: str = field(repr=False)  #: as the tool understands it; may hold a secret, so whoever prints it redacts it
    layer: str  #: default, global, user, venv, project, environment, command line, … in the tool's own words
    place: Place  #: file with line, variable's name, or option
    key: str = ""  #: as it is written there: `global.index-url`, `PIP_INDEX_URL`, `--proxy`


@dataclass(frozen=True, slots=True)
class Effective:
    """What a tool ends up with for one setting, and what that shadows."""

    setting: Setting
    values: tuple[str, ...] = field(repr=False)  #: one, or several for LISTS; the tool's default when nobody says
    entries: tuple[Entry, ...] = ()  #: who said so; empty for the default
    shadows: tuple[Entry, ...] = ()  #: said as well, without effect

    @property
    def value(self) -> str:
        """The one value, "" when there is none."""
        return self.values[0] if self.values else ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What `configure` wants of a tool. None leaves a setting alone; what is unsafe beside it is taken away."""

    index: str | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    no_proxy: str | None = None
    ca: Path | None = None
    timeout: int | None = None  #: seconds
    require_virtualenv: bool | None = None
    drop: frozenset[Setting] = frozenset()  #: settings to remove wherever the scope's file has them
    keep: frozenset[Setting] = frozenset()  #: settings that stay beside an index, as a person wants it


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after. Nothing is written until `changes.apply`."""

    path: Path
    before: bytes | None = field(repr=False)  #: None: it did not exist
    after: bytes | None = field(repr=False)  #: None: it goes
    private: bool = False  #: holds a secret: 0600


@runtime_checkable
class Mends(Protocol):
    """A client that can put a file right where it is certain what was meant. `doctor --fix` asks."""

    def mended(self, path: Path) -> Change | None:
        """The file as it was meant; None when nothing is to be done, or a person has to."""


class Client(Protocol):
    """One tool."""

    name: str

    def find(self, surroundings: Surroundings) -> Sequence[Installed]:
        """The ones on this machine, the one that a plain call would start first. Runs `--version`, nothing else."""

    def files(self, surroundings: Surroundings) -> Sequence[ConfigFile]:
        """Every file it reads, weakest layer first, whether it exists or not."""

    def effective(self, surroundings: Surroundings, installed: Installed | None) -> Mapping[Setting, Effective]:
        """What it ends up with, for the version that is installed (None: the newest known). Files it cannot read say
        nothing here; `findings` tells of them."""

    def findings(self, surroundings: Surroundings, installed: Installed | None) -> Sequence[Finding]:
        """Configuration that does nothing, cannot be read, or stops the tool: PW7xx ids."""

    def change(self, surroundings: Surroundings, wish: Wish, scope: Scope) -> Sequence[Change]:
        """What to write so that the tool does as wished. UsageError when it has no such scope or setting."""
