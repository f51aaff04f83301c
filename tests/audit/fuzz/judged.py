"""What must hold of any file whatever: of what is collected of it, found in it, shown of it, and mended in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree

from pipway.audit import formats
from pipway.audit.base import Found, Persona
from pipway.audit.collect import HEAD, Collector, readers
from pipway.audit.facts import Command, Fact, Index, Locked, Note, Option, Project, Required, Source, Span, Variable
from pipway.audit.fix.rounds import finished
from pipway.audit.report import Report, entries
from pipway.audit.rules import rules
from pipway.audit.run import Checked, check, collected
from pipway.audit.walk import Tree

TODAY = date(2026, 11, 21)
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def project(collector: Collector, source: Source, tree: Tree) -> Project:
    """What is collected of one file, held against its text."""
    facts = tuple(collected(collector, source, tree))
    for fact in facts:
        hold(fact)
    sources = {fact.span.source.path: fact.span.source for fact in facts}
    sources[source.path] = source
    return Project(tuple(sources.values()), facts, today=TODAY)


def hold(fact: Fact) -> None:
    """Every span lies in its source, is counted right, and is the text that the fact says."""
    for span in spans(fact):
        assert 0 <= span.start <= span.end <= len(span.source.text), fact
        before = span.source.text[: span.start]
        assert span.place.line == before.count("\n") + 1
        assert span.place.column == len(before) - before.rfind("\n")
    for span, said in texts(fact):
        assert span.text == said, fact


def spans(fact: Fact) -> Iterator[Span]:
    """All that a fact has."""
    yield fact.span
    for name in ("value_span", "url_span", "index_span"):
        if (span := getattr(fact, name, None)) is not None:
            yield span
    if isinstance(fact, Index):
        yield from fact.trait_spans.values()
    if isinstance(fact, Required):
        yield from (span for _, _, span in fact.hashes)
    if isinstance(fact, Command):
        yield from (word.span for word in fact.words)
        yield from (word.span for _, word in fact.redirects)
        for variable in fact.variables:
            yield from spans(variable)


def texts(fact: Fact) -> Iterator[tuple[Span, str]]:
    """Spans that are promised to be a text as it stands there."""
    if isinstance(fact, Option | Variable) and fact.value_span is not None:
        yield fact.value_span, fact.value
    if isinstance(fact, Index) and fact.url_span is not None:
        yield fact.url_span, fact.url
    if isinstance(fact, Locked) and fact.url_span is not None and "\\" not in fact.url_span.text:
        yield fact.url_span, fact.url[: len(fact.url_span.text)]  # of git, the commit follows
    if isinstance(fact, Locked) and fact.index_span is not None and "\\" not in fact.index_span.text:
        yield fact.index_span, fact.index


def shown(checked: Checked, whole: Project) -> dict[str, str]:
    """In every format; those for programs can be read, those for people hold nothing for a terminal."""
    report = Report(tuple(entries(checked.results, whole)), len(whole.sources), skipped=("a\x1b\nb: too large",))
    said = {name: formats.write(name, report) for name in formats.NAMES}
    for name in ("json", "sarif", "gitlab"):
        json.loads(said[name])
    ElementTree.fromstring(said["junit"].encode("utf-8"))
    for name in ("text", "concise", "github"):
        assert not _CONTROL.search(said[name]), (name, _CONTROL.findall(said[name]))
    for line in said["github"].splitlines()[len(report.findings) :]:
        assert not line.startswith("::"), line
    return said


def judge(collector: Collector, path: str, raw: bytes, tree: Tree, *, show: bool = True) -> int:
    """Everything that may be done with one file; how many findings it has."""
    source = Source(path, raw.decode("utf-8", "surrogateescape"), collector.KIND)
    whole = project(collector, source, tree)
    checked = check(whole, rules(), persona=Persona.PEDANTIC)
    if show:
        shown(checked, whole)
    mend(collector, source, whole, checked, tree)
    return len(checked.results)


def mend(collector: Collector, source: Source, whole: Project, checked: Checked, tree: Tree) -> None:
    """Fixed files can be written, and are read as the ones before were."""
    readable = unread(whole.facts)

    def look(instead: Mapping[str, str]) -> list[Found]:
        now = replace(source, text=instead.get(str(tree.place(source.path)), source.text))
        again = project(collector, now, tree)
        assert unread(again.facts) <= readable, (source.text, now.text)
        return [each.found for each in check(again, rules(), persona=Persona.PEDANTIC).results]

    for unsafe in (False, True):
        for each in finished(tree, [each.found for each in checked.results], look, unsafe=unsafe).values():
            each.after.encode("utf-8", "surrogateescape")


def unread(facts: Iterable[Fact]) -> set[str]:
    """Why a collector could not read a file, or a part of it."""
    return {fact.what for fact in facts if isinstance(fact, Note) and fact.what == "unreadable"}


def matches(collector: Collector, path: str, raw: bytes) -> bool:
    """Whether a collector takes the file, as the audit asks."""
    return collector in readers(path, lambda: raw[:HEAD].decode("utf-8-sig", "replace"))
