"""YAML files of other tools (.condarc): what they say, in which line, and how to change one key and nothing else.

The conda client uses it. The lines of a key are replaced; all others stay as they are, byte for byte.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from pipway.clients.ordinary_files import content
from pipway.clients.toml_files import LARGEST, Broken
from pipway.errors import UsageError
from pipway.findings import Place

_ALIASES = 100  # more of them in one file is an attack, not a configuration


@dataclass(frozen=True, slots=True)
class YamlFile:
    """One file as it was read. A missing or broken one says nothing."""

    path: Path
    raw: bytes | None = field(default=None, repr=False)  #: None: it does not exist
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    broken: Broken | None = None
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict, repr=False)

    def place(self, *keys: str) -> Place:
        """Where a key is, or the nearest one that holds it."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return Place(str(self.path), self.lines[keys[:length]])
        return Place(str(self.path))


def read(path: Path) -> YamlFile:
    """Read a file; whatever is wrong with it is in `broken`."""
    try:
        raw = content(path, LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return YamlFile(path)
    except OSError as error:
        return YamlFile(path, b"", broken=Broken(error.strerror or "it cannot be read"))
    return parse(path, raw)


def parse(path: Path, raw: bytes) -> YamlFile:
    """Take the bytes of a file."""
    if len(raw) > LARGEST:
        return YamlFile(path, raw, broken=Broken(f"it is larger than {LARGEST >> 20} MiB"))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return YamlFile(path, raw, broken=Broken("it is not UTF-8", raw.count(b"\n", 0, error.start) + 1))
    if text.count("*") > _ALIASES and text.count("&") > _ALIASES:
        return YamlFile(path, raw, broken=Broken("it has too many aliases"))
    try:
        data = _loaded(text)
        node = YAML().compose(io.StringIO(text))
    except DuplicateKeyError as error:  # its own words repeat the value, which may be a secret
        mark = error.problem_mark
        return YamlFile(path, raw, broken=Broken("it says the same key twice", mark and mark.line + 1))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return YamlFile(path, raw, broken=Broken(str(error.problem or "it is not YAML"), mark and mark.line + 1))
    except (YAMLError, ValueError, RecursionError):
        return YamlFile(path, raw, broken=Broken("it is not YAML"))
    if data is None:
        return YamlFile(path, raw)
    if not isinstance(data, dict):
        return YamlFile(path, raw, broken=Broken("it holds no keys with values", 1))
    return YamlFile(path, raw, data, lines=_lines(node, ()))


def _loaded(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _pairs(node: Node | None) -> list[tuple[str, Node, Node]]:
    if not isinstance(node, MappingNode):
        return []
    return [(str(key.value), key, value) for key, value in node.value if isinstance(key, ScalarNode)]


def _lines(node: Node | None, above: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    lines: dict[tuple[str, ...], int] = {}
    for name, key, value in _pairs(node):
        lines[(*above, name)] = key.start_mark.line + 1
        if len(above) < 3:
            lines |= _lines(value, (*above, name))
    return lines


def edited(file: YamlFile, values: Mapping[Sequence[str], Any]) -> bytes:
    """The bytes with these keys (paths of one or two names) set, or taken away where the value is None.

    UsageError when the file is broken or written in a way that cannot be changed safely.
    """
    if file.broken:
        raise _unreadable(file, file.broken)
    text = (file.raw or b"").decode("utf-8")
    wanted: Any = copy.deepcopy(dict(file.data))
    try:
        for path, value in values.items():
            text = _edited(text, wanted, tuple(path), value)
            _put(wanted, tuple(path), value)
        right = (_loaded(text) or {}) == wanted
    except YAMLError:
        right = False
    if not right:
        raise _unreadable(file, Broken("it is written in a way that cannot be changed safely"))
    return text.encode("utf-8")


def _put(data: Any, path: tuple[str, ...], value: Any) -> None:
    if len(path) > 1:
        inner = data.get(path[0])
        inner = inner if isinstance(inner, dict) else {}
        _put(inner, path[1:], value)
        data[path[0]] = inner
        if not inner:
            del data[path[0]]
    elif value is None:
        data.pop(path[0], None)
    else:
        data[path[0]] = value


def _edited(text: str, data: Mapping[str, Any], path: tuple[str, ...], value: Any) -> str:
    """The text with one key changed; `data` is what it says now."""
    root = YAML().compose(io.StringIO(text))
    pairs = {name: (key, inner) for name, key, inner in _pairs(root)}
    key, inner = pairs.get(path[0], (None, None))
    if len(path) == 2 and isinstance(inner, MappingNode) and not inner.flow_style and _rest(data, path):
        nested = {name: (child, content) for name, child, content in _pairs(inner)}
        indent = inner.start_mark.column
        if path[1] in nested:
            child, content = nested[path[1]]
            return _lines_replaced(text, child, content, path[1], value, indent)
        return text if value is None else _added(text, _end(text, inner), _written(path[1], value, text, indent))
    if len(path) == 2:
        whole = dict(data.get(path[0]) or {}) if isinstance(data.get(path[0]), dict) else {}
        _put(whole, path[1:], value)
        value = whole or None
    if key is not None and inner is not None:
        return _lines_replaced(text, key, inner, path[0], value, key.start_mark.column)
    if value is None:
        return text
    end = _end(text, root) if pairs else len(text)
    return _added(text, end, _written(path[0], value, text, root.start_mark.column if pairs else 0))


def _rest(data: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether something stays in the mapping without this key."""
    return bool(set(data[path[0]]) - {path[1]})


def _lines_replaced(text: str, key: Node, value: Node, name: str, new: Any, indent: int) -> str:
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    end = max(_end(text, value), _line_end(text, key.start_mark.index))
    written = "" if new is None else _written(name, new, text, indent)
    if isinstance(value, ScalarNode) and not isinstance(new, dict | list) and new is not None and value.value:
        # A scalar is replaced in its line, so that a comment behind it stays.
        head = written.rstrip("\r\n").partition(": ")[2]
        return text[: value.start_mark.index] + head + text[value.end_mark.index :]
    return text[:start] + written + text[end:]


def _end(text: str, node: Node) -> int:
    """Behind the last line that belongs to a node; comments and empty lines after it do not."""
    index = node.end_mark.index
    while index > node.start_mark.index:
        start = text.rfind("\n", 0, index - 1) + 1
        line = text[start:index].strip()
        if line and not line.startswith("#"):
            break
        index = start
    return index if text[index - 1 : index] == "\n" else _line_end(text, index)


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _added(text: str, at: int, written: str) -> str:
    line = "\r\n" if "\r\n" in text else "\n"
    before = text[:at]
    return before + (line if before and not before.endswith("\n") else "") + written + text[at:]


def _written(name: str, value: Any, text: str, indent: int) -> str:
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 1 << 20
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump({name: value}, stream)
    written = "".join(" " * indent + line for line in stream.getvalue().splitlines(keepends=True))
    return written.replace("\n", "\r\n") if "\r\n" in text else written


def _unreadable(file: YamlFile, broken: Broken) -> UsageError:
    return UsageError(
        "unreadable-file",
        f"{Place(str(file.path), broken.line, broken.column)} cannot be changed",
        why=broken.reason,
        fix="repair the file, or move it away, and run the command again",
    )
