"""uv.lock, poetry.lock, pdm.lock and pylock.toml, read fast: they may be megabytes, and a program wrote them.

`locks` calls it. It looks for what their writers write, and then for every other address in the text, so that one that
somebody wrote in another way is a fact as well. It never builds the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from types import MappingProxyType

from pipway.audit.facts import Fact, Locked, Note, Source, Span

#: where an entry begins, and its name and version where they are the first two keys, as tools write them
_HEADER = re.compile(r"\[\[packages?\]\]")
_NAME = re.compile(r'\[\[packages?\]\][^\n]*\n(?:name|version) = "([^"\n]*)"(?:\n(?:name|version) = "([^"\n]*)")?')
_KEY = re.compile(r"""^[ \t]*(name|version)[ \t]*=[ \t]*["']([^"'\n]*)["']""", re.MULTILINE)
#: a file: an inline table, on one line or on several, with one for its hashes in it
_ENTRY = re.compile(r"\{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)?\}|\{[^{}]{0,4000}(?:\{[^{}]{0,4000}\}[^{}]{0,4000})?\}")
_INDEX = re.compile(r"(?m)^index[ \t]*=[ \t]*(?:\"([^\"\n]*)\"|'([^'\n]*)')")
_PAIR = re.compile(
    r"""(?<![A-Za-z0-9_-])([A-Za-z0-9_-]++)["']?[ \t]*=[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|(true|false))"""
)
#: as uv, Poetry and PDM write a file; the general way takes three times as long
_USUAL = re.compile(
    r'\{ ?(?:url = "([^"\\\n]*)"|file = "([^"\\\n]*)"), hash = "([^"\\\n]*)"'
    r'(?:, (?:size = \d+|upload-time = "[^"\\\n]*"))* ?\}'
)
_UV_SOURCE = re.compile(r'\nsource = \{ (registry|git|url|path|directory|editable|virtual) = "([^"\n]*)"')
#: what a package of uv needs, told apart from others of that name by where it comes from; that one has the hashes
_REFERENCE = re.compile(
    r'\{ ?name = "[^"\n]*", (?:version = "[^"\n]*", )?(?:extra = \[[^\]\n]*\], )?source = \{ ?url = "'
)
_HASH = re.compile(r'\bhash = "([^"\n]*)"')
_TABLE_SOURCE = re.compile(r"\n\[package\.source\]\n")
#: a file of pylock.toml that has a table of its own
_PART = re.compile(
    r"\n\[+[ \t]*packages[ \t]*\.[ \t]*(wheels|sdist|archive|vcs|directory|attestation-identities)[ \t]*\]+"
)
#: how others that format TOML write Poetry's files
_FILE_TABLE = re.compile(r"\n\[\[package\.files\]\]\n((?:[a-z][^\n]*\n)+)")
#: [metadata.files] of older Poetry and PDM: `name = [`, `"name 1.0" = [`
_FILES_OF = re.compile(r"""^["']?([A-Za-z0-9._-]+)(?:\[[^\]\n]*\])?(?: [^"'\s]*)?["']?[ \t]*=[ \t]*\[""", re.MULTILINE)
_STRING = re.compile(r"""\"((?:[^\"\\\n]|\\.)*)\"|'([^'\n]*)'""")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://")
_TEXTS = re.compile(r'\n(?:description|summary|marker) = "')
_ALGORITHMS = frozenset({"sha1", "sha224", "sha256", "sha384", "sha512", "md5", "blake2b"})
_KINDS: Mapping[str, str] = MappingProxyType(
    {"virtual": "workspace", "directory": "path", "file": "url", "legacy": "registry", "vcs": "git", "archive": "url"}
)
#: uv writes pylock's tables on one line
_INLINE = re.compile(r"^(vcs|directory|archive)[ \t]*=[ \t]*\Z", re.MULTILINE)
_COMMIT = re.compile(r"\bcommit-id[ \t]*=[ \t]*[\"']([0-9a-f]{7,64})[\"']")


@dataclass(slots=True)
class _Package:
    """What is known of one package while its block is read."""

    name: str
    version: str
    start: int
    end: int
    kind: str = "registry"
    url: str = field(default="", repr=False)  #: of the package itself, when it comes from no index
    url_span: Span | None = None
    index: str = field(default="", repr=False)
    index_span: Span | None = None

    def locked(
        self,
        form: str,
        span: Span,
        url: str,
        url_span: Span | None,
        hashes: tuple[str, ...],
        kind: str,
        filename: str = "",
    ) -> Locked:
        """One of its files."""
        return Locked(
            form,
            self.name,
            self.version,
            span,
            url,
            url_span,
            self.index,
            hashes,
            kind,
            self.index_span,
            filename,
        )


def read(source: Source, name: str) -> Iterator[Fact]:
    """One fact for each file; for a package without files one by itself."""
    text = source.text
    starts = [
        match.start() for match in _HEADER.finditer(text) if match.start() == 0 or text[match.start() - 1] == "\n"
    ]
    tail = text.find("\n[metadata", starts[-1] if starts else 0)
    bounds = [*starts[1:], tail if tail >= 0 else len(text)] if starts else []
    files = _files_of_metadata(source, tail) if tail >= 0 else {}
    seen: dict[int, int] = {}
    for start, end in zip(starts, bounds, strict=True):
        package = _package(source, start, end, name)
        for fact in _facts(source, package, name, files):
            if isinstance(fact, Locked):
                for span, said in ((fact.url_span, fact.url), (fact.index_span, fact.index)):
                    if span is not None:
                        seen[span.start] = said.count("://")
            yield fact
    yield from _others(source, name, seen)


def _package(source: Source, start: int, end: int, form: str) -> _Package:
    text = source.text
    match = _NAME.match(text, start, end)
    if match is not None and text.startswith("name", text.find("\n", start) + 1):
        package = _Package(match[1], match[2] or "", start, end)
    else:
        said = {found[1]: found[2] for found in reversed([*_KEY.finditer(text, start, end)])}
        package = _Package(said.get("name", ""), said.get("version", ""), start, end)
    if form == "uv.lock":
        found = _UV_SOURCE.search(text, start, end)
        if found is not None:
            _comes_from(package, found[1], found[2], Span(source, found.start(2), found.end(2)))
    elif form == "poetry.lock":
        found = _TABLE_SOURCE.search(text, start, end)
        if found is not None:
            pairs = _pairs(source, found.end(), end)
            url, span = pairs.get("url", ("", None))
            _comes_from(package, pairs.get("type", ("", None))[0], url, span, pairs.get("resolved_reference", ("",))[0])
    elif form == "pdm.lock":
        _of_pdm(package, source)
    elif form == "pylock.toml" and (found := _INDEX.search(text, start, end)):
        group = found.lastindex or 1
        package.index, package.index_span = _decoded(found[group]), Span(source, found.start(group), found.end(group))
    return package


def _comes_from(package: _Package, kind: str, url: str, span: Span | None, revision: str = "") -> None:
    package.kind = _KINDS.get(kind, kind) or "registry"
    if package.kind == "registry":
        package.index, package.index_span = url, span
    else:
        package.url = f"{url}@{revision}" if revision else url
        package.url_span = span


def _of_pdm(package: _Package, source: Source) -> None:
    end = source.text.find("\nfiles = [", package.start, package.end)
    pairs = _pairs(source, package.start, end if end >= 0 else package.end)
    for key in ("git", "url", "path"):
        if key in pairs:
            url, span = pairs[key]
            _comes_from(package, key, url, span, pairs.get("revision", ("",))[0])
            return


def _pairs(source: Source, start: int, end: int) -> dict[str, tuple[str, Span]]:
    found: dict[str, tuple[str, Span]] = {}
    for match in _PAIR.finditer(source.text, start, end):
        group = match.lastindex or 2
        found.setdefault(match[1], (_decoded(match[group]), Span(source, match.start(group), match.end(group))))
    return found


def _facts(source: Source, package: _Package, form: str, files: Mapping[str, list[Locked]]) -> Iterator[Fact]:
    some = False
    told = package.url_span.start if form == "uv.lock" and package.kind == "url" and package.url_span else -1
    for match in _ENTRY.finditer(source.text, package.start, package.end):
        entry = _file(source, package, form, match.start(), match.end())
        if entry is not None and entry.url_span is not None and entry.url_span.start == told:
            hashed = [*_HASH.finditer(source.text, match.end(), package.end)]  # of the file that stands there
            entry = replace(entry, hashes=tuple(each[1] for each in hashed)) if len(hashed) == 1 else entry
        if entry is not None:
            some = True
            yield entry
    for match in _FILE_TABLE.finditer(source.text, package.start, package.end):
        entry = _file(source, package, form, match.start(1), match.end(1))
        if entry is not None:
            some = True
            yield entry
    if form == "pylock.toml":
        for fact in _parts(source, package, form):
            some = some or isinstance(fact, Locked)
            yield fact
    if some and package.kind == "registry":
        return
    if files.get(package.name) and package.kind == "registry":
        for each in files[package.name]:
            yield replace(
                each, format=form, version=package.version, index=package.index, index_span=package.index_span
            )
    elif not some:
        line = source.text.find("\n", package.start + 2 + len("[[package]]"))
        span = Span(source, package.start, line if 0 <= line < package.end else package.end)
        yield package.locked(form, span, package.url, package.url_span, (), package.kind)


def _file(source: Source, package: _Package, form: str, start: int, end: int) -> Locked | None:
    """A file of a package: `{ url = …, hash = … }`, in whatever order."""
    usual = _USUAL.match(source.text, start, end)
    if usual is not None:
        url_span = Span(source, usual.start(1), usual.end(1)) if usual[1] is not None else None
        span = Span(source, start, end)
        return package.locked(form, span, usual[1] or "", url_span, (usual[3],), package.kind, usual[2] or "")
    if form == "uv.lock" and _REFERENCE.match(source.text, start, end) is not None:
        return None
    url, url_span, path, filename = "", None, False, ""
    hashes: list[str] = []
    is_file = False
    for match in _PAIR.finditer(source.text, start, end):
        key = match[1]
        if key == "url":
            group = match.lastindex or 2
            url, is_file = _decoded(match[group]), True
            url_span = Span(source, match.start(group), match.end(group))
        elif key == "hash":
            hashes.append(match[2] or match[3] or "")
            is_file = True
        elif key in _ALGORITHMS:
            hashes.append(f"{key}:{match[2] or match[3] or ''}")
        elif key in ("file", "path"):
            path = True
            filename = _decoded(match[match.lastindex or 2]) if key == "file" else filename
        elif key in ("registry", "git", "editable", "virtual") and form != "pylock.toml":
            return None
    if not is_file and not (path and (hashes or form != "uv.lock")):
        return None
    span = Span(source, start, end)
    inline = _INLINE.search(source.text, max(package.start, start - 30), start) if form == "pylock.toml" else None
    kind = _KINDS.get(inline[1], package.kind) if inline is not None else package.kind
    if kind == "git" and (commit := _COMMIT.search(source.text, start, end)) is not None:
        url += f"@{commit[1]}"
    return package.locked(form, span, url, url_span, tuple(hashes), kind, filename)


def _parts(source: Source, package: _Package, form: str) -> Iterator[Fact]:
    """pylock.toml with a table for each file, as pip writes it."""
    text = source.text
    found = [*_PART.finditer(text, package.start, package.end)]
    for match, after in zip_longest(found, found[1:]):
        end = after.start() if after is not None else package.end
        pairs = _pairs(source, match.end(), end)
        span = Span(source, match.start() + 1, match.end())
        if match[1] == "attestation-identities":
            said = {key: value for key, (value, _) in pairs.items()}
            yield Note("attestation-identities", span, package.name, {"version": package.version, **said})
            continue
        url, url_span = pairs.get("url", pairs.get("path", ("", None)))
        if match[1] == "vcs" and "commit-id" in pairs:
            url += f"@{pairs['commit-id'][0]}"
        hashes = tuple(f"{key}:{value}" for key, (value, _) in pairs.items() if key in _ALGORITHMS)
        kind = _KINDS.get(match[1], "registry")
        index, place = (package.index, package.index_span) if kind == "registry" else ("", None)
        yield Locked(form, package.name, package.version, span, url, url_span, index, hashes, kind, index_span=place)


def _files_of_metadata(source: Source, start: int) -> dict[str, list[Locked]]:
    """[metadata.files] of older Poetry and PDM: the files of all packages."""
    at = source.text.find("\n[metadata.files]", start)
    found: dict[str, list[Locked]] = {}
    if at < 0:
        return found
    heads = [*_FILES_OF.finditer(source.text, at + 1)]
    for head, after in zip_longest(heads, heads[1:]):
        end = after.start() if after is not None else len(source.text)
        package = _Package(head[1], "", head.end(), end)
        files = [_file(source, package, "", *each.span()) for each in _ENTRY.finditer(source.text, head.end(), end)]
        found.setdefault(head[1], []).extend(file for file in files if file is not None)
    return found


def _others(source: Source, form: str, seen: Mapping[int, int]) -> Iterator[Fact]:
    """Addresses that were written in a way no tool writes them; those of a description are none."""
    text = source.text
    if text.count("://") + text.count("\\u00") + text.count("\\U0000") == sum(seen.values()):
        return
    texts = {match.end() for match in _TEXTS.finditer(text)}
    if form == "uv.lock":
        texts.update(match.end() for match in _REFERENCE.finditer(text))
    for match in _STRING.finditer(text):
        group = match.lastindex or 1
        place = match.start(group)
        if place in seen or place in texts or ("://" not in match[group] and "\\" not in match[group]):
            continue
        url = _decoded(match[group]) if group == 1 else match[group]
        if _ADDRESS.match(url):
            span = Span(source, place, match.end(group))
            yield Locked(form, "", "", span, url, span if span.text == url else None, kind="url")


def _decoded(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", _character, text)


def _character(match: re.Match[str]) -> str:
    digits = match[1] or match[2]
    if not digits:
        return match[3] or ""
    number = int(digits, 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\N{REPLACEMENT CHARACTER}"
