"""setup.py, setup.cfg, distutils' own files, and dependency_links.txt of an egg-info. setup.py is parsed, never run."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import PurePosixPath
from types import MappingProxyType

from pipway.audit.collect import tox
from pipway.audit.collect.ini_items import IniText, read
from pipway.audit.collect.requirement_lines import required
from pipway.audit.collect.text import cut
from pipway.audit.facts import Fact, Index, Note, Option, Source, Span
from pipway.audit.walk import Tree
from pipway.clients.ini import Item

KIND = "setup"

LARGEST = 1 << 19  #: characters of a setup.py
_DISTUTILS = frozenset({"setup.cfg", ".pydistutils.cfg", "pydistutils.cfg", "distutils.cfg"})
_REQUIREMENTS = frozenset({"install_requires", "setup_requires", "tests_require"})
_LISTS = frozenset({*_REQUIREMENTS, "extras_require", "dependency_links", "classifiers"})
_ROLES: Mapping[str, str] = MappingProxyType({"index-url": "primary", "find-links": "find-links"})
_MOST = 5000  # elements of a list
_MOST_CALLS = 10  # of setup()


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """Requirements, dependency links, what is left of easy_install."""
    name = PurePosixPath(source.path).name
    if name == "setup.py":
        return _setup_py(source)
    if name == "dependency_links.txt":
        return _links(source)
    return _setup_cfg(source)


def _links(source: Source) -> Iterator[Fact]:
    for match in re.finditer(r"\S[^\r\n]*", source.text):
        span = Span(source, match.start(), match.end())
        yield Option("setuptools", "dependency-links", match.group(), span, span, key="dependency_links.txt")


def _setup_cfg(source: Source) -> Iterator[Fact]:
    file = read(source)
    yield from file.notes()
    if "tox:tox" in file.ini.sections:
        yield from tox.facts(source, 0, len(source.text))
    classifiers = _classifiers(file)
    for item in file.ini.items:
        name = item.name.replace("-", "_")
        if item.section == "easy_install":
            yield from _easy_install(file, item)
        elif item.section == "metadata" and name == "name":
            span = file.value(item) or file.item(item)
            yield Note("project", span, item.value, {"name": item.value, "classifiers": classifiers})
        elif item.section == "options" and name in _LISTS:
            yield from _list(file, item, name)
        elif item.section == "options.extras_require":
            for part in item.parts:
                yield required(file.part(part), part.text, group=item.key)


def _classifiers(file: IniText) -> str:
    item = file.ini.find("metadata", "classifiers")
    return ",".join(part.text for part in item.parts) if item is not None else ""


def _easy_install(file: IniText, item: Item) -> Iterator[Fact]:
    name = item.name.replace("_", "-")
    key = f"[easy_install] {item.key}"
    yield Option("easy_install", name, item.value, file.item(item), file.value(item), key=key, section=item.section)
    if name in _ROLES:
        for word, span in file.words(item):
            yield Index("easy_install", word, _ROLES[name], file.item(item), span, key=key)


def _list(file: IniText, item: Item, name: str) -> Iterator[Fact]:
    key = f"[options] {item.key}"
    if name in ("dependency_links", "setup_requires"):
        for part in item.parts:
            whole = file.item(item) if len(item.parts) == 1 or name == "setup_requires" else file.part(part)
            yield Option(
                "setuptools", name.replace("_", "-"), part.text, whole, file.part(part), key=key, section="options"
            )
    if name in _REQUIREMENTS:
        for part in item.parts:
            yield required(file.part(part), part.text, group=name)


def _setup_py(source: Source) -> Iterator[Fact]:
    if len(source.text) > LARGEST:
        yield Note("unreadable", Span(source, 0, 0), "it is too large", {"format": "Python"})
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield Note("unreadable", Span(source, 0, 0), "it is no Python", {"format": "Python"})
        return
    script = _Script(source, tree)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node.func) == "setup")
    for number, node in enumerate(calls):
        if number >= _MOST_CALLS:
            yield cut(source, f"more than {_MOST_CALLS} calls of setup()")
            break
        yield from script.call(node)
    if script.is_cut:
        yield cut(source, f"more than {_MOST} elements of a list")


def _called(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Script:
    """A setup.py: what its lists hold, as far as that is written down."""

    def __init__(self, source: Source, tree: ast.Module) -> None:
        self._source = source
        self.is_cut = False
        self._shift = 1 if source.text.startswith("\ufeff") else 0
        text = source.text[self._shift :]
        self._starts = [self._shift]
        for match in re.finditer(r"\r\n|\r|\n", text):
            self._starts.append(self._shift + match.end())
        self._ascii = text.isascii()
        self._columns: dict[int, list[int]] = {}  # of a line: where each character begins, in bytes
        self._assigned: dict[str, ast.expr] = {}
        for node in tree.body:
            for target in node.targets if isinstance(node, ast.Assign) else ():
                if isinstance(target, ast.Name) and isinstance(node, ast.Assign):
                    self._assigned[target.id] = node.value

    def call(self, node: ast.Call) -> Iterator[Fact]:
        """The keywords of setup(…) that matter."""
        for keyword in node.keywords:
            if keyword.arg is None:
                continue
            value = self._resolved(keyword.value)
            if keyword.arg == "name":
                for text, span in self._strings(value):
                    yield Note("project", span, text, {"name": text})
            elif keyword.arg in _LISTS:
                yield from self._list(keyword, value)

    def _list(self, keyword: ast.keyword, value: ast.expr) -> Iterator[Fact]:
        name = keyword.arg or ""
        statement = self._span(keyword)
        if name == "extras_require":
            for key, inner in zip(value.keys, value.values, strict=True) if isinstance(value, ast.Dict) else ():
                group = str(key.value) if isinstance(key, ast.Constant) else ""
                for text, span in self._strings(self._resolved(inner)):
                    yield required(span, text, group=group)
            return
        for text, span in self._strings(value):
            if name in ("dependency_links", "setup_requires"):
                place = span if span.text == text else None
                yield Option("setuptools", name.replace("_", "-"), text, statement, place, key=name)
            if name in _REQUIREMENTS:
                yield required(span, text, group=name)

    def _resolved(self, node: ast.expr) -> ast.expr:
        return self._assigned.get(node.id, node) if isinstance(node, ast.Name) else node

    def _elements(self, node: ast.expr) -> list[ast.expr]:
        """Those of a list, of lists that are added up, and of those that stand in one with a star."""
        found: list[ast.expr] = []
        waiting = [node]
        for _ in range(2 * _MOST):
            if not waiting or len(found) == _MOST:
                break
            each = waiting.pop()
            if isinstance(each, ast.List | ast.Tuple | ast.Set):
                waiting += reversed(each.elts)
            elif isinstance(each, ast.BinOp) and isinstance(each.op, ast.Add):
                waiting += (self._resolved(each.right), self._resolved(each.left))
            elif isinstance(each, ast.Starred):
                waiting.append(self._resolved(each.value))
            else:
                found.append(each)
        self.is_cut = self.is_cut or bool(waiting)
        return found

    def _strings(self, node: ast.expr) -> Iterator[tuple[str, Span]]:
        """The strings of a list, or the lines of one string."""
        for element in self._elements(node):
            if not isinstance(element, ast.Constant) or not isinstance(element.value, str):
                continue
            span = self._span(element)
            inner = Span(self._source, span.start + 1, max(span.start + 1, span.end - 1))
            span = inner if inner.text == element.value else span
            several = element.value.splitlines() if "\n" in element.value else [element.value]
            for text in several:
                if text.strip() and not text.lstrip().startswith("#"):
                    yield text.strip(), span

    def _span(self, node: ast.expr | ast.keyword) -> Span:
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return Span(self._source, start, max(start, end))

    def _offset(self, line: int, column: int) -> int:
        """Python counts columns in bytes of UTF-8."""
        if line > len(self._starts):
            return len(self._source.text)
        start = self._starts[line - 1]
        if self._ascii:
            return start + column
        if line not in self._columns:
            end = self._starts[line] if line < len(self._starts) else len(self._source.text)
            widths = (len(sign.encode("utf-8", "replace")) for sign in self._source.text[start:end])
            self._columns[line] = [0, *accumulate(widths)]
        return start + bisect_left(self._columns[line], column)
