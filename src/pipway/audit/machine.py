"""This machine's own configuration, for `--machine`: every file that a client reads here, and the environment.

`cli/audit.py` calls it with the surroundings that `clients` knows. It reads and never runs a program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from pipway.audit.collect import readers
from pipway.audit.collect.variable_options import of_variable
from pipway.audit.facts import Fact, Note, Project, Source, Span, Variable, Where
from pipway.audit.run import collected
from pipway.audit.walk import Tree, load
from pipway.clients.base import Surroundings
from pipway.clients.ordinary_files import is_file
from pipway.clients.registry import CLIENTS

_MOST_INSTALLED = 5000  # projects of one environment
#: below the home folder, and below the root: where people put pip's configuration
_ASTRAY = ("pip.conf", "pip.ini", ".pip.ini", ".config/pip.conf", ".config/pip/pip.ini", ".pip/pip.ini")
_ASTRAY_OF_ALL = ("etc/pip.ini", "etc/pip/pip.conf")
_LONGEST = 32_768  # characters of a variable
_OURS = re.compile(
    r"(?i)(?:PIP|UV|POETRY|PDM|PIPENV|HATCH|CONDA|PIXI|TWINE|FLIT|SETUPTOOLS|SAFE_CHAIN)_\w+|\w*_?PROXY|NETRC|\w*CA_BUNDLE|"
    r"SSL_\w+|PYTHONHTTPSVERIFY|GIT_SSL_\w+|VIRTUAL_ENV"
)


def collect(surroundings: Surroundings, skipped: list[str] | None = None) -> Project:
    """What the clients of this machine are told, by files and by variables; `skipped` takes what is not looked at."""
    unread = [] if skipped is None else skipped
    sources: list[Source] = []
    facts: list[Fact] = []
    astray = list(_astray(surroundings))
    for path in dict.fromkeys([*_files(surroundings), *astray]):
        found = load(path)
        if found is None:
            unread.append(f"{path}: {Tree(path.parent, follow=True).why_not(path.name)}")
            continue
        for collector in readers(path.as_posix(), str):
            source = Source(path.as_posix(), found[0], collector.KIND, Where.MACHINE, mode=found[1])
            sources.append(source)
            facts += collected(collector, source, Tree(path.parent, skipped=unread))
            if path in astray:
                facts.append(Note("never-read", Span(source, 0, 0), path.name))
    for name, value in sorted(surroundings.environ.items()):
        if _OURS.fullmatch(name) and len(value) <= _LONGEST:
            source = Source(name, value, "environment", Where.MACHINE)
            sources.append(source)
            facts += _variable(name, value, source)
    return Project(tuple(sources), tuple(facts))


def _files(surroundings: Surroundings) -> Iterator[Path]:
    """Those of clients that are there, but a project's; and logins."""
    for client in CLIENTS.values():
        for file in client.files(surroundings):
            if file.scope != "project" and file.layer != "project" and is_file(file.path):
                yield file.path
    yield from _installed(surroundings)
    for name in (".netrc", "_netrc", ".pypirc", ".pip.conf", ".condarc", ".pydistutils.cfg"):
        if is_file(surroundings.home / name):
            yield surroundings.home / name


def _astray(surroundings: Surroundings) -> Iterator[Path]:
    """Files that look like pip's, in places of which pip on this system reads none."""
    read = {file.path for file in CLIENTS["pip"].files(surroundings)}
    places = [surroundings.home / name for name in _ASTRAY]
    places += [surroundings.root / name for name in _ASTRAY_OF_ALL]
    yield from (path for path in places if path not in read and is_file(path))


def _installed(surroundings: Surroundings) -> Iterator[Path]:
    """What the virtual environment and the user's own packages remember of where they came from (PEP 610)."""
    places = [surroundings.home / ".local" / "lib"]
    if surroundings.venv is not None:
        places += [surroundings.venv / "lib", surroundings.venv]
    for place in places:
        found = chain(
            place.glob("python3*/site-packages/*.dist-info/direct_url.json"),
            place.glob("Lib/site-packages/*.dist-info/direct_url.json"),
        )
        yield from sorted(islice(found, _MOST_INSTALLED))


def _variable(name: str, value: str, source: Source) -> Iterable[Fact]:
    whole = Span(source, 0, len(value))
    variable = Variable(name, value, whole, whole, how="process")
    return [variable, *of_variable(variable)]


def joined(one: Project, other: Project) -> Project:
    """A repository and the machine it is used on."""
    return replace(one, sources=(*one.sources, *other.sources), facts=(*one.facts, *other.facts))
