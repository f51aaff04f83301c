"""What an audit would like to ask a server, read from facts: which projects, which versions, whose names.

`ask` asks it; rules use it to find their way from a fact to an answer. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_version

from pipway.audit.facts import Index, Locked, Note, Project, Required, Span
from pipway.audit.online.answers import Answers, Offered
from pipway.audit.queries.hosts import host, is_private, is_public
from pipway.errors import UsageError
from pipway.simple.names import is_distribution, normalize

LONGEST = 100  #: characters of a version

#: Locks that do not name the index of each file, and whose configuration does.
_READERS = MappingProxyType(
    {
        "requirements": frozenset({"pip"}),
        "pdm.lock": frozenset({"pdm"}),
        "Pipfile.lock": frozenset({"pipenv"}),
        "pixi.lock": frozenset({"pixi"}),
        "pylock.toml": frozenset({"pip", "uv", "pdm"}),
    }
)


@dataclass(slots=True)
class Wanted:
    """What is asked about one project."""

    versions: set[str] = field(default_factory=set)  #: canonical
    filenames: set[str] = field(default_factory=set)
    hashed: dict[str, set[str]] = field(default_factory=dict)  #: version → extras, where its needs are asked


@dataclass(frozen=True, slots=True)
class Ours:
    """A name that this tree says is its own."""

    name: str
    span: Span = field(repr=False)
    why: str
    installed: bool  #: something here takes it from an index


def known_name(text: str) -> str:
    """PEP 503's form, "" for what can be no name."""
    try:
        return str(normalize(text))
    except UsageError:
        return ""


@lru_cache(maxsize=16384)
def version_of(text: str) -> str:
    """A version as it is compared: 1.0 is 1.0.0."""
    bare = text.strip()
    return canonicalize_version(bare) if len(bare) <= LONGEST else bare


def filename_of(locked: Locked) -> str:
    """The file that an entry of a lock names, "" where it names none."""
    if locked.filename:
        return locked.filename
    try:
        last = unquote(urlsplit(locked.url).path.rpartition("/")[2])
    except ValueError:
        return ""
    return last if is_distribution(last) else ""


def asked(project: Project, answers: Answers) -> Iterator[Locked]:
    """Entries of locks, and hashed requirements, that the server can be asked about: of an index that it stands for."""
    for locked, host_elsewhere in _candidates(project, answers):
        if not host_elsewhere:
            yield locked


def left_out(project: Project, answers: Answers) -> Iterator[str]:
    """Sentences about files of which something is not asked, and why."""
    found = {
        (locked.span.source.path, elsewhere): None for locked, elsewhere in _candidates(project, answers) if elsewhere
    }
    for path, name in found:
        yield f"{path}: not compared where it comes from {name}, for which {answers.server} does not stand"


def _candidates(project: Project, answers: Answers) -> Iterator[tuple[Locked, str]]:
    """Files of indexes, with the host of the index that may have them and is not behind the server, or ""."""
    elsewhere = [
        index
        for index in project.of(Index)
        if index.role != "upload" and host(index.url) and not is_public(host(index.url))
        if not answers.stands_for(index.url)
    ]
    hosts: dict[str, str] = {}
    for locked in project.of(Locked):
        if locked.kind != "registry" or not locked.version or not known_name(locked.name):
            continue
        if locked.format == "pixi.lock" and not filename_of(locked):
            continue  # conda's
        path = locked.span.source.path
        if locked.index:
            there = answers.stands_for(locked.index) or is_public(host(locked.index))
            yield locked, "" if there else host(locked.index) or "another index"
        else:
            if path not in hosts:
                hosts[path] = next((host(index.url) for index in elsewhere if _may_be_of(index, locked)), "")
            yield locked, hosts[path]


def _may_be_of(index: Index, locked: Locked) -> bool:
    """Whether the tool that reads this lock, which does not say from where its files are, may take them from there."""
    if index.tool not in _READERS.get(locked.format, frozenset()):
        return False
    return index.via != "requirements" or index.span.source.path == locked.span.source.path


def wanted(project: Project, answers: Answers) -> dict[str, Wanted]:
    """By name, in the order of facts."""
    found: dict[str, Wanted] = {}
    for locked in asked(project, answers):
        each = found.setdefault(known_name(locked.name), Wanted())
        each.versions.add(version_of(locked.version))
        if filename := filename_of(locked):
            each.filenames.add(filename)
    for required in project.of(Required):
        name, version = known_name(required.name), pinned(required)
        if required.hashes and version and name in found and version in found[name].versions:
            found[name].hashed.setdefault(version, set()).update(_extras(required))
    return found


def pinned(required: Required) -> str:
    """The one version that a requirement allows, "" where there are more."""
    text = required.specifier.strip()
    if not text.startswith("==") or "," in text or "*" in text:
        return ""
    return version_of(text.lstrip("="))


def _extras(required: Required) -> set[str]:
    try:
        return {known_name(extra) for extra in Requirement(required.text).extras}
    except InvalidRequirement:
        return set()


def ours(project: Project) -> Iterator[Ours]:
    """Names of ours: those the configuration owns, private projects, and what is bound to a private index."""
    owned = project.organisation.owned
    seen: set[tuple[str, str]] = set()
    for each in (*_own(project), *_bound(project, owned), *_mixed(project, owned)):
        place = (each.name, PurePosixPath(each.span.source.path).as_posix())
        if each.name and place not in seen:
            seen.add(place)
            yield each


def _own(project: Project) -> Iterator[Ours]:
    taken = {known_name(each.name) for each in project.of(Required)}
    taken |= {known_name(each.name) for each in project.of(Locked)}
    for note in project.of(Note):
        name = known_name(note.text) if note.what == "project" else ""
        if not name:
            continue
        if name in project.organisation.owned:
            yield Ours(name, note.span, "the configuration says so", True)
        elif "Private ::" in note.traits.get("classifiers", ""):
            yield Ours(name, note.span, "it is a private project", name in taken)


def _bound(project: Project, owned: frozenset[str]) -> Iterator[Ours]:
    private = {
        (index.span.source.path, index.name)
        for index in project.of(Index)
        if index.name and is_private(host(index.url), project.organisation)
    }
    for required in project.of(Required):
        name = known_name(required.name)
        if name in owned:
            yield Ours(name, required.span, "the configuration says so", True)
        elif required.index and (required.span.source.path, required.index) in private:
            yield Ours(name, required.span, "it is bound to a private index", True)


def _mixed(project: Project, owned: frozenset[str]) -> Iterator[Ours]:
    public = {
        locked.span.source.path
        for locked in project.of(Locked)
        if locked.kind == "registry" and is_public(host(locked.index))
    }
    for locked in project.of(Locked):
        name = known_name(locked.name)
        if name in owned:
            yield Ours(name, locked.span, "the configuration says so", True)
        elif (
            locked.kind == "registry"
            and locked.span.source.path in public
            and is_private(host(locked.index), project.organisation)
        ):
            yield Ours(name, locked.span, "the lock takes it from a private index", True)


def offered(answers: Answers, locked: Locked) -> Sequence[Offered]:
    """The files that the server lists of an entry's version."""
    answer = answers.projects.get(known_name(locked.name))
    return () if answer is None else answer.versions.get(version_of(locked.version), ())
