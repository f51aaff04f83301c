"""Which option trusts which index: `trusted-host` and its like, held against every address of a project.

PW101, PW102 and PW103 make one per audit. Each host is looked up once, whatever the number of files that name it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from pipway.audit.facts import Index, Locked, Option, Project, Required
from pipway.audit.queries.hosts import covers, host, is_private, named, port, trusts

_FEW = 3  # places that a finding names


@dataclass
class Trust:
    """What of a project trusts, and is trusted."""

    project: Project = field(repr=False)
    _known: dict[tuple[object, ...], tuple[Option | Index, ...]] = field(default_factory=dict, repr=False)
    _useless: dict[str, bool] = field(default_factory=dict, repr=False)

    def opened_by(self, index: Index) -> tuple[Option, ...]:
        """Some of the options that trust the host of an index, those of the same file first."""
        name, path = host(index.url), index.span.source.path
        key = ("option", index.tool, name, port(index.url), path)
        if key not in self._known:
            every = [*self._options.get((index.tool, name), ()), *self._options.get((index.tool, "*"), ())]
            self._known[key] = _first((each for each in every if covers(each.value, index.url)), path)
        return self._known[key]  # type: ignore[return-value]

    def indexes_of(self, option: Option) -> tuple[Index, ...]:
        """Some of the indexes of the same tool that an option trusts, those of the same file first."""
        name, path = named(option.value), option.span.source.path
        key = ("index", option.tool, option.value, path)
        if key not in self._known:
            every = self._indexes.get((option.tool, "" if name == "*" else name), ())
            self._known[key] = _first((each for each in every if covers(option.value, each.url)), path)
        return self._known[key]  # type: ignore[return-value]

    def is_locked(self, option: Option) -> bool:
        """Whether a lock names a file at the host that an option trusts."""
        return _covered(option.value, self._locked)

    def useless(self, option: Option) -> bool:
        """Whether indexes are configured and nothing is at the host that an option trusts.

        A host that is not private may hold the files of an index elsewhere, as PyPI's does.
        """
        if option.value not in self._useless:
            private = is_private(named(option.value), self.project.organisation)
            self._useless[option.value] = (
                private and self._all_known and not _covered(option.value, self._named) and not self.is_locked(option)
            )
        return self._useless[option.value]

    @cached_property
    def _options(self) -> dict[tuple[str, str], list[Option]]:
        found: dict[tuple[str, str], list[Option]] = {}
        for option in trusts(self.project):
            found.setdefault((option.tool, named(option.value)), []).append(option)
        return found

    @cached_property
    def _indexes(self) -> dict[tuple[str, str], list[Index]]:
        """By tool and host, and all of a tool."""
        found: dict[tuple[str, str], list[Index]] = {}
        for index in self.project.of(Index):
            if name := host(index.url):
                found.setdefault((index.tool, name), []).append(index)
                found.setdefault((index.tool, ""), []).append(index)
        return found

    @cached_property
    def _locked(self) -> dict[str, dict[int | None, str]]:
        return _addresses(self.project.of(Locked))

    @cached_property
    def _named(self) -> dict[str, dict[int | None, str]]:
        return _addresses([*self.project.of(Index), *self.project.of(Required)])

    @cached_property
    def _all_known(self) -> bool:
        """There is an index, and the host of each is known."""
        indexes = self.project.of(Index)
        return all(host(index.url) for index in indexes) and any(index.role != "find-links" for index in indexes)


def _addresses(facts: Iterable[Index | Required | Locked]) -> dict[str, dict[int | None, str]]:
    """One address per host and port."""
    found: dict[str, dict[int | None, str]] = {}
    for each in facts:
        if each.url and (name := host(each.url)):
            found.setdefault(name, {}).setdefault(port(each.url), each.url)
    return found


def _covered(trusted: str, addresses: dict[str, dict[int | None, str]]) -> bool:
    name = named(trusted)
    at = addresses.values() if name == "*" else [addresses.get(name, {})]
    return any(covers(trusted, url) for ports in at for url in ports.values())


def _first(facts: Iterable[Option | Index], path: str) -> tuple[Option | Index, ...]:
    every = list(facts)
    same = islice((each for each in every if each.span.source.path == path), _FEW)
    others = islice((each for each in every if each.span.source.path != path), _FEW)
    return (*same, *others)[:_FEW]
