"""Lock files: uv.lock, poetry.lock, pdm.lock, Pipfile.lock, pylock.toml, pixi.lock. Each file they name is a fact."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import Any

from pipway.audit.collect import toml_locks
from pipway.audit.facts import Fact, Locked, Note, Source, Span
from pipway.audit.queries.hosts import host
from pipway.audit.walk import Tree

KIND = "lock"

_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_PIXI_PACKAGE = re.compile(r"^(?:-| {2}-) (?:kind: )?(conda|pypi)(?:: (\S+))?[^\n]*$", re.MULTILINE)
_PIXI_KEY = re.compile(r"^[ -]+(name|version|sha256|md5|url|path): ['\"]?([^\s'\"]+)", re.MULTILINE)
_PIXI_INDEX = re.compile(r"^ +indexes:\n((?: *- \S+\n)+)", re.MULTILINE)
_PIXI_DIRECT = re.compile(r"(?:direct|(git))\+")
_NEAR = 20_000  # characters within which a value stands behind its key
_MISSES = 100  # names written in a way that is not looked for
_GIT = ("git", "hg", "svn", "bzr")


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """What the lock names."""
    name = PurePosixPath(source.path).name
    if name == "Pipfile.lock":
        return _pipfile(source)
    if name == "pixi.lock":
        return _pixi(source)
    return toml_locks.read(source, "pylock.toml" if _PYLOCK.fullmatch(name) else name)


def _pipfile(source: Source) -> Iterator[Fact]:
    """JSON; the place of each package is looked for in the order of the document."""
    try:
        document = json.loads(source.text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        yield Note("unreadable", Span(source, 0, 0), "it is no JSON", {"format": "JSON"})
        return
    if not isinstance(document, dict):
        yield Note("unreadable", Span(source, 0, 0), "it is no lock", {"format": "JSON"})
        return
    sources = _sources(source, document.get("_meta"))
    for name, (url, span) in sources.items():
        if span is not None:
            yield Locked("Pipfile.lock", name, "", span, index=url, kind="source", index_span=span)
    at = misses = 0
    for category, packages in document.items():
        if category == "_meta" or not isinstance(packages, dict):
            continue
        at = max(at, source.text.find(json.dumps(category), at))
        for name, said in packages.items():
            written = json.dumps(name)
            found = source.text.find(f"{written}:", at) if misses < _MISSES else -1
            misses += found < 0
            at = found if found >= 0 else at
            span = Span(source, at, at + len(written)) if found >= 0 else Span(source, at, at)
            yield _of_pipfile(source, name, said if isinstance(said, dict) else {}, span, sources)


def _sources(source: Source, meta: Any) -> dict[str, tuple[str, Span | None]]:
    found: dict[str, tuple[str, Span | None]] = {}
    listed = meta.get("sources") if isinstance(meta, dict) else None
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict):
            url = str(each.get("url", ""))
            found[str(each.get("name", ""))] = (url, _after(source, url, 0))
    return found


def _after(source: Source, text: str, at: int) -> Span | None:
    place = source.text.find(text, at, at + _NEAR) if text else -1
    return Span(source, place, place + len(text)) if place >= 0 else None


def _of_pipfile(
    source: Source, name: str, said: Mapping[str, Any], span: Span, sources: Mapping[str, tuple[str, Span | None]]
) -> Locked:
    hashes = said.get("hashes")
    index, index_span = sources.get(str(said.get("index", "")), ("", None))
    vcs = next((key for key in _GIT if key in said), "")
    url = str(said.get(vcs or "file", "") or said.get("path", ""))
    kind = "git" if vcs else "url" if "file" in said else "path" if "path" in said else "registry"
    if kind == "path" and said.get("editable"):
        kind = "editable"
    place = _after(source, url, span.start)
    if vcs and said.get("ref"):
        url += f"@{said['ref']}"
    listed = tuple(map(str, hashes)) if isinstance(hashes, list) else ()
    version = str(said.get("version", "")).removeprefix("==")
    return Locked("Pipfile.lock", name, version, span, url, place, index, listed, kind, index_span)


def _pixi(source: Source) -> Iterator[Fact]:
    """YAML as pixi writes it; conda's packages are none of ours, but their addresses are looked at all the same."""
    text = source.text
    top = re.search(r"^packages:", text, re.MULTILINE)
    if top is None:
        return
    indexes = _indexes(source, top.start())
    found = [*_PIXI_PACKAGE.finditer(text, top.end())]
    found = [each for each in found if _depth(each) == _depth(found[0])]  # deeper ones tell what those were built with
    for match, after in zip_longest(found, found[1:]):
        end = after.start() if after is not None else len(text)
        said = {key[1]: key for key in reversed([*_PIXI_KEY.finditer(text, match.end(), end)])}
        url, span = match[2] or "", Span(source, match.start(2), match.end(2)) if match[2] else None
        if not url and "url" in said:
            url, span = said["url"][2], Span(source, said["url"].start(2), said["url"].end(2))
        hashes = tuple(f"{kind}:{said[kind][2]}" for kind in ("sha256", "md5") if kind in said)
        name = said["name"][2] if "name" in said else _named(url, match[1])
        version = said["version"][2] if "version" in said else ""
        found_in = _index_of(url, indexes) if match[1] == "pypi" else (url.rsplit("/", 2)[0], None)
        kind = "registry" if "://" in url else "path"
        if match[1] == "pypi" and (direct := _PIXI_DIRECT.match(url)) is not None:
            kind = "git" if direct[1] == "git" else "url"
        yield Locked(
            "pixi.lock",
            name,
            version,
            Span(source, match.start(), match.end()),
            url,
            span,
            found_in[0],
            hashes,
            kind,
            index_span=found_in[1],
        )


def _depth(entry: re.Match[str]) -> int:
    return entry[0].index("-")


def _named(url: str, kind: str) -> str:
    """The project of a file: conda's end with version and build, wheels begin with a name that has no hyphen."""
    file = url.rpartition("/")[2]
    return file.rsplit("-", 2)[0] if kind == "conda" else file.split("-")[0]


def _indexes(source: Source, end: int) -> list[tuple[str, Span]]:
    """The indexes of all environments, once each."""
    found: dict[str, Span] = {}
    for listed in _PIXI_INDEX.finditer(source.text, 0, end):
        for each in re.finditer(r"- (\S+)", source.text[listed.start(1) : listed.end(1)]):
            start, stop = (listed.start(1) + place for place in each.span(1))
            found.setdefault(each[1], Span(source, start, stop))
    return list(found.items())


def _index_of(url: str, indexes: list[tuple[str, Span]]) -> tuple[str, Span | None]:
    """The index at the file's own host, else the first: pixi does not say which it was."""
    same = [each for each in indexes if host(each[0]) == host(url)]
    return (*same, *indexes, ("", None))[0]
