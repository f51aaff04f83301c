""".pypirc: the repositories that twine and others publish to, and the logins it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipway.audit.collect.ini_items import IniText, read
from pipway.audit.collect.text import cut
from pipway.audit.facts import Fact, Index, Note, Option, Source, Span
from pipway.audit.walk import Tree

KIND = ".pypirc"

_SECRETS = frozenset({"password", "token", "username"})
_USUAL = ("pypi", "testpypi")
_MOST = 200  # sections


def collect(source: Source, tree: Tree) -> Iterable[Fact]:
    """A repository for each section that is listed; one that is not is a note."""
    return facts(source)


def facts(source: Source) -> Iterator[Fact]:
    """Of a file, or of what a script writes into one."""
    file = read(source)
    yield from file.notes()
    listed = file.ini.find("distutils", "index-servers")
    servers = {word for word, _ in file.words(listed)} if listed else {*_USUAL}
    if len(file.ini.sections) > _MOST:
        yield cut(source, f"more than {_MOST} sections")
    for section in file.ini.sections[:_MOST]:
        if section not in {"distutils", "server-login", *servers}:
            yield Note("wrong-section", file.header(section), section)
        if section != "distutils":
            yield from _repository(file, section)


def _repository(file: IniText, section: str) -> Iterator[Fact]:
    items = [item for item in file.ini.items if item.section == section]
    spans: dict[str, Span] = {item.name: file.item(item) for item in items}
    for item in items:
        key = f"[{section}] {item.key}"
        yield Option("twine", item.name, item.value, file.item(item), file.value(item), key=key, section=section)
    named = file.ini.find(section, "repository")
    if named is not None:
        traits = {item.name: "" if item.name in _SECRETS else item.value for item in items}
        span, place = file.item(named), file.value(named)
        yield Index("twine", named.value, "upload", span, place, section, traits, spans, key=f"[{section}] repository")
