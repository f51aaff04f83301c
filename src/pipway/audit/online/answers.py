"""What a running pipway answered about the projects of an audit: facts like those of files, and as pure.

`ask` makes them before any rule runs; rules of `--online` look at them and ask nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit


class Verdict(StrEnum):
    """What became of a question."""

    SERVED = "served"
    REFUSED = "refused"  #: 403 or 451: a rule of the server forbids it
    ABSENT = "absent"  #: 404 or 410: no index has it
    SILENT = "silent"  #: an outage, an answer that cannot be read, or no time left: nothing is known


@dataclass(frozen=True, slots=True)
class Offered:
    """A file, as the server's page of its project lists it."""

    filename: str
    hashes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """About one project. Versions are those that the audit asked for, in canonical spelling."""

    name: str
    verdict: Verdict
    reason: str = ""  #: what the server said of it
    versions: Mapping[str, Sequence[Offered]] = field(default_factory=dict)  #: empty: the page has no file of it
    refused: Mapping[str, str] = field(default_factory=dict)  #: version → why its files are not given out
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)  #: version → projects it needs everywhere
    status: str = ""  #: PEP 792: "quarantined", "archived", "deprecated"; "" is active


@dataclass(frozen=True, slots=True)
class Owner:
    """Which of the server's indexes a project comes from."""

    verdict: Verdict
    index: str = ""  #: its name, "" where the server could not say


@dataclass(frozen=True, slots=True)
class Behind:
    """An index behind the server."""

    name: str
    url: str
    form: str = ""  #: "json" or "html", as far as a project showed it

    @property
    def host(self) -> str:
        """In lower case, without port."""
        return host_of(self.url)


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that one server answered."""

    server: str  #: its address, with a slash at the end
    indexes: tuple[Behind, ...] = ()  #: in the order in which it asks them
    projects: Mapping[str, Answer] = field(default_factory=dict)
    owners: Mapping[str, Owner] = field(default_factory=dict)

    def behind(self, url: str) -> Behind | None:
        """The index behind the server that this is the address of, its longest."""
        wanted = _plain(url)
        found = [each for each in self.indexes if each.url and wanted.startswith(_plain(each.url))]
        return max(found, key=lambda each: len(each.url), default=None)

    def is_server(self, url: str) -> bool:
        """Whether an address is the server's own."""
        return _plain(url).startswith(_plain(self.server))

    def stands_for(self, url: str) -> bool:
        """Whether what an index at this address has can be asked of the server."""
        host = host_of(url)
        return self.is_server(url) or (bool(host) and host in {each.host for each in self.indexes})


def host_of(url: str) -> str:
    """In lower case, without port; "" where there is none."""
    try:
        return (urlsplit(url.strip()).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _plain(url: str) -> str:
    """Without login, query and scheme; it ends in a slash."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return "\0"
    path = parts.path.rstrip("/")
    return f"{parts.netloc.rpartition('@')[2].lower()}{path}/" if parts.netloc else "\0"
