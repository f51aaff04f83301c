"""What a scenario is: a real failure, made of real parts, with the cause that `doctor` and `explain` must name.

A scenario is a generator function marked `@scenario(...)` in a module of this folder named `on_*.py`. It starts what it
needs, yields one `Stage`, and stops what it started. test_scenarios.py does the rest: runs the client, `doctor`,
`explain`, and the printed fix.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Stage:
    """One failure, ready to be shown."""

    command: Sequence[str]  #: the installer's command that fails
    env: Mapping[str, str]  #: the whole environment
    cwd: Path
    installed: Callable[[], bool]  #: whether what was asked for is there now, and is the right thing
    doctor: Sequence[str] = ()  #: options for `pipway doctor`, before `--`
    inside: Sequence[str] = ()  #: a command to run everything with: `ip netns exec …`
    words: Mapping[str, str] = field(default_factory=dict)  #: what a person writes for USER and its like in a fix
    typed: str = ""  #: what a person types when a command of the fix asks
    #: For a fix that somebody else carries out (a proxy's administrator): does it.
    carried_out: Callable[[], None] | None = None
    secrets: Sequence[str] = ()  #: must appear in no output of ours
    changing: Mapping[str, str] = field(default_factory=dict)  #: pattern → name for what differs from run to run
    seconds: float = 30  #: `doctor` must end in
    symptom: str = ""  #: the cause that the log shows, where only `doctor` can find what is behind it
    hidden: bool = False  #: the client prints nothing of the cause: `explain` must say that, and name none
    instead: bool = False  #: the fix is another command than the one that failed
    patience: float = 100  #: seconds after which the person ends the command


@dataclass(frozen=True)
class Scenario:
    """A failure and its true cause."""

    id: str
    cause: str
    title: str  #: for the table in the documentation
    client: str  #: "pip 26", "uv", "Poetry"
    play: Callable[[pytest.FixtureRequest, Path], Iterator[Stage]]
    group: str  #: xdist group


_FOUND: list[Scenario] = []


def scenario(
    name: str, *, cause: str, title: str, client: str, group: str = ""
) -> Callable[[Callable[[pytest.FixtureRequest, Path], Iterator[Stage]]], Any]:
    """Declare one. The function gets pytest's request, for fixtures of the lab, and a folder of its own.

    A worker takes whole groups. Give one to those that use what is slow to start; a squid is there at once.
    """

    def declared(play: Callable[[pytest.FixtureRequest, Path], Iterator[Stage]]) -> Any:
        _FOUND.append(Scenario(name, cause, title, client, play, group or name))
        return play

    return declared


def scenarios() -> Sequence[Scenario]:
    """All of them, in the order of their ids."""
    for module in sorted(Path(__file__).parent.glob("on_*.py")):
        importlib.import_module(f"tests.scenarios.{module.stem}")
    unique = {each.id: each for each in _FOUND}
    return [unique[name] for name in sorted(unique)]
