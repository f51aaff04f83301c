"""Which requirements files a command reads, with what these include, and which indexes they name.

`effective` asks. It looks at facts of files that were collected, and opens none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipway.audit.facts import Command, Index, Option, Project, Required, Source
from pipway.audit.named_files import meant

MOST = 200  #: files of one command
_INCLUDES = frozenset({"requirement", "constraint"})


class RequirementFiles:
    """Those of a project."""

    def __init__(self, project: Project) -> None:
        """By path: indexes, and includes in the order of lines."""
        self._indexes: dict[str, list[Index]] = {}
        self._includes: dict[str, list[Option]] = {}
        self._known = {source.path for source in project.sources if source.kind == "requirements"}
        self._known |= {each.span.source.path for each in project.of(Required) if each.via == "requirements"}
        for index in project.of(Index):
            if index.via == "requirements" and index.tool == "pip":
                self._indexes.setdefault(index.span.source.path, []).append(index)
        for option in project.of(Option):
            if option.via == "requirements" and option.name in _INCLUDES:
                self._includes.setdefault(option.span.source.path, []).append(option)
        self._known |= self._indexes.keys()

    def read_by(self, command: Command, options: Iterable[Option]) -> Iterator[list[Index]]:
        """The indexes that each file says, in the order in which pip reads them: constraints first."""
        named = sorted((option for option in options if option.name in _INCLUDES), key=lambda each: each.name)
        seen: set[str] = set()
        for option in named:
            yield from self._read(option.value, command.span.source, seen)

    def _read(self, said: str, source: Source, seen: set[str]) -> Iterator[list[Index]]:
        waiting = [(said, source)]
        while waiting and len(seen) < MOST:
            text, by = waiting.pop(0)
            path = meant(text, by, self._known)
            if path is None or path in seen:
                continue
            seen.add(path)
            if path in self._indexes:
                yield self._indexes[path]
            waiting = [(each.value, each.span.source) for each in self._includes.get(path, ())] + waiting
