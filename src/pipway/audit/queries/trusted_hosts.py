"""Which option trusts which index: `trusted-host` and its like, held against every address of a project.

PW101, PW102 and PW103 make one per audit. Each host is looked up once, whatever the number of files that name it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from pipway.audit.effective.config_files import Saying
from pipway.audit.effective.installations import Installation, View, saying, view
from pipway.audit.facts import Index, Locked, Option, Project, Required, Where
from pipway.audit.queries.hosts import covers, host, is_private, named, port, trusts

_FEW = 3  # places that a finding names
_MANY = 2000  # installations that one setting is held against


class _Places:
    """Facts that thousands of files may ask for: none looks through those of all others."""

    def __init__(self, facts: Iterable[Option | Index]) -> None:
        """In their order, and by file."""
        self.every = list(facts)
        self.of: dict[str, list[Option | Index]] = {}
        for each in self.every:
            self.of.setdefault(each.span.source.path, []).append(each)

    def near(self, path: str) -> tuple[Option | Index, ...]:
        """Some of them, those of this file first."""
        others = islice((each for each in self.every if each.span.source.path != path), _FEW)
        return (*self.of.get(path, ())[:_FEW], *others)[:_FEW]


@dataclass
class Trust:
    """What of a project trusts, and is trusted."""

    project: Project = field(repr=False)
    _known: dict[tuple[object, ...], tuple[Option | Index, ...]] = field(default_factory=dict, repr=False)
    _listed: dict[tuple[object, ...], _Places] = field(default_factory=dict, repr=False)
    _useless: dict[str, bool] = field(default_factory=dict, repr=False)

    def opened_by(self, index: Index) -> tuple[Option, ...]:
        """Some of the options that trust the host of an index where it is asked, those of the same file first."""
        name, path = host(index.url), index.span.source.path
        asking = self._asking(index)
        known = self._loose if asking else self._options
        near: list[Option | Index] = []
        for host_ in (name, "*"):
            key = ("option", index.tool, host_, port(index.url), not asking)
            if key not in self._listed:
                every = known.get((index.tool, host_), ())
                self._listed[key] = _Places(each for each in every if covers(each.value, index.url))
            near += self._listed[key].near(path)
        found: tuple[Option, ...] = _first(near, path)  # type: ignore[assignment]
        if not asking:
            return found
        said = dict.fromkeys(one for each in asking[:_MANY] for one in each.sayings)
        held = (each for one in said for host_ in (name, "*") for each in self._sayings.get((one, host_), ()))
        met = islice((each for each in held if covers(each.value, index.url)), _FEW)
        return _first((*met, *found), path)  # type: ignore[return-value]

    def indexes_of(self, option: Option) -> tuple[Index, ...]:
        """Some of the indexes of the same tool that an option trusts, those of the same file first."""
        name, path = named(option.value), option.span.source.path
        is_loose = self._view.is_loose(option)
        known = self._indexes if is_loose else self._unasked
        key = ("index", option.tool, option.value, is_loose)
        if key not in self._listed:
            every = known.get((option.tool, "" if name == "*" else name), ())
            self._listed[key] = _Places(each for each in every if covers(option.value, each.url))
        found: tuple[Index, ...] = self._listed[key].near(path)  # type: ignore[assignment]
        if is_loose:
            return found
        holds: tuple[object, ...] = ("held", option.value, *saying(option))
        if holds not in self._known:
            holding = (self._view.holding(option) or [])[:_MANY]
            asked = {
                id(index): index for each in holding for index in (each.primary, *each.extras) if index is not None
            }
            self._known[holds] = _first((each for each in asked.values() if covers(option.value, each.url)), path)
        return _first((*self._known[holds], *found), path)  # type: ignore[return-value]

    def _asking(self, index: Index) -> list[Installation]:
        return [] if index.span.source.where is Where.MACHINE else self._view.asking(index)

    def is_locked(self, option: Option) -> bool:
        """Whether a lock names a file at the host that an option trusts."""
        return _covered(option.value, self._locked)

    def useless(self, option: Option) -> bool:
        """Whether indexes are configured and nothing is at the host that an option trusts.

        A host that is not private may hold the files of an index elsewhere, as PyPI's does. Indexes that are asked
        only by installations for which the option does not hold are none of its own.
        """
        if option.value not in self._useless:
            private = is_private(named(option.value), self.project.organisation)
            self._useless[option.value] = (
                private and self._all_known and not _covered(option.value, self._named) and not self.is_locked(option)
            )
        return self._useless[option.value] or self.is_apart(option)

    def is_apart(self, option: Option) -> bool:
        """Whether all that is at its host is indexes, and each is asked only by other installations than those that
        the option holds for. Those have an index, and none of them may hear more."""
        holding = self._view.holding(option) if option.tool == "pip" else None
        if not holding or any(each.is_open or each.primary is None for each in holding):
            return False
        name = named(option.value)
        if name == "*" or not is_private(name, self.project.organisation) or not self._all_known:
            return False
        if _covered(option.value, self._required) or self.is_locked(option) or self.indexes_of(option):
            return False
        every = self._indexes.get((option.tool, name), ())
        return all(self._view.asking(each) for each in every if covers(option.value, each.url))

    @cached_property
    def _view(self) -> View:
        return view(self.project)

    @cached_property
    def _options(self) -> dict[tuple[str, str], list[Option]]:
        found: dict[tuple[str, str], list[Option]] = {}
        for option in trusts(self.project):
            found.setdefault((option.tool, named(option.value)), []).append(option)
        return found

    @cached_property
    def _loose(self) -> dict[tuple[str, str], list[Option]]:
        """Those of which nobody knows whom they hold for."""
        return {key: [each for each in every if self._view.is_loose(each)] for key, every in self._options.items()}

    @cached_property
    def _sayings(self) -> dict[tuple[Saying, str], list[Option]]:
        found: dict[tuple[Saying, str], list[Option]] = {}
        for (tool, name), every in self._options.items():
            for option in every if tool == "pip" else ():
                found.setdefault((saying(option), name), []).append(option)
        return found

    @cached_property
    def _unasked(self) -> dict[tuple[str, str], list[Index]]:
        return {key: [each for each in every if not self._asking(each)] for key, every in self._indexes.items()}

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
    def _required(self) -> dict[str, dict[int | None, str]]:
        links = (index for index in self.project.of(Index) if index.role == "find-links" or index.tool != "pip")
        return _addresses([*links, *self.project.of(Required)])

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
