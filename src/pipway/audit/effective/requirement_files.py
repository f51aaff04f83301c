"""Which requirements files a command reads, with what these include, and which indexes they name.

`installations` asks. It looks at facts of files that were collected, and opens none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipway.audit.effective.paths import meant
from pipway.audit.facts import Command, Index, Option, Project, Required, Source

MOST = 1000  #: lines with indexes, and includes, of one command
ALTOGETHER = 200_000  #: of all commands
_INCLUDES = frozenset({"requirement", "constraint"})


class RequirementFiles:
    """Those of a project."""

    def __init__(self, project: Project) -> None:
        """By path: indexes, and includes in the order of lines."""
        self._indexes: dict[str, list[Index]] = {}
        self._includes: dict[str, list[Option]] = {}
        self._left = ALTOGETHER
        self._read: dict[tuple[str, ...], tuple[list[list[Index]], frozenset[str]]] = {}
        self._known = {source.path for source in project.sources if source.kind == "requirements"}
        self._known |= {each.span.source.path for each in project.of(Required) if each.via == "requirements"}
        for index in project.of(Index):
            if index.via == "requirements" and index.tool == "pip":
                self._indexes.setdefault(index.span.source.path, []).append(index)
        for option in project.of(Option):
            if option.via == "requirements" and option.name in _INCLUDES:
                self._includes.setdefault(option.span.source.path, []).append(option)
        self._known |= self._indexes.keys()

    def read_by(self, command: Command, options: Iterable[Option]) -> tuple[list[list[Index]], frozenset[str]]:
        """The indexes that each line says, in the order in which pip reads them: constraints first, and what a line
        includes at its place; and the files."""
        named = sorted((option for option in options if option.name in _INCLUDES), key=lambda each: each.name)
        source = command.span.source
        key = (source.path, *(each.value for each in named))
        if key not in self._read:
            seen: set[str] = set()
            indexes = list(self._lines_of([(each.value, source) for each in named], seen))
            self._read[key] = indexes, frozenset(seen)
        return self._read[key]

    def _lines_of(self, named: Sequence[tuple[str, Source]], seen: set[str]) -> Iterator[list[Index]]:
        waiting: list[Index | tuple[str, Source]] = [*named]
        line: list[Index] = []
        for _ in range(MOST):
            if not waiting or self._left <= 0:
                break
            self._left -= 1
            each = waiting.pop(0)
            if isinstance(each, Index):
                if line and _line(line[0]) != _line(each):
                    yield line
                    line = []
                line.append(each)
                continue
            if line:
                yield line
                line = []
            path = meant(*each, self._known)
            if path is not None and path not in seen:
                seen.add(path)
                waiting = [*self._lines(path), *waiting]
        if line:
            yield line

    def _lines(self, path: str) -> list[Index | tuple[str, Source]]:
        found: list[Index | Option] = [*self._indexes.get(path, ()), *self._includes.get(path, ())]
        ordered = sorted(found, key=lambda each: each.span.start)
        return [each if isinstance(each, Index) else (each.value, each.span.source) for each in ordered]


def _line(index: Index) -> tuple[str, int | None]:
    return index.span.source.path, index.span.place.line
