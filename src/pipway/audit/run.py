"""The audit: files become facts, facts become a project, rules look at it, and what they find is sorted.

`cli/audit.py` and the tests call it. It writes nothing and asks no network. A collector or a rule that fails stops the
audit with an error of its own: silence would look like a clean project.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from pipway.audit.base import Found, Persona, Rule
from pipway.audit.collect import Collector, collector, readers
from pipway.audit.configuration import Configuration
from pipway.audit.effective.paths import meant
from pipway.audit.facts import Fact, Note, Option, Project, Source, Where
from pipway.audit.gitignore import spec
from pipway.audit.limits import bounded
from pipway.audit.rules import Explained, pw002
from pipway.audit.suppress import covering, suppressions, unused
from pipway.audit.walk import Tree
from pipway.errors import PipwayError
from pipway.findings import Severity

_FILES = frozenset({"requirement", "constraint"})  # options that name a requirements file
_MOST = 5000  # of them
_SAID = ("name", "value", "url", "text", "role", "key", "how", "what")  # by which facts of one place differ
UNUSED = pw002.RULE.id
ABOUT_COMMENTS = frozenset({"PW001", "PW002", "PW003"})  #: these no comment suppresses


class Failed(PipwayError):
    """A rule or a collector failed: a bug of ours."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Result:
    """One finding, with the rule that found it and everything decided."""

    rule: Rule
    found: Found
    severity: Severity

    @property
    def source(self) -> Source:
        """The file it is in."""
        return self.found.span.source


def collect(
    tree: Tree, paths: Sequence[str] = ("",), *, configuration: Configuration | None = None, today: date = date.min
) -> Project:
    """Everything that all collectors find in `paths` of a tree, in the order of files and lines."""
    sources: list[Source] = []
    facts: list[Fact] = []
    said = configuration or Configuration()
    excluded = spec(said.exclude)
    known: set[str] = set()
    for path in tree.files(paths):
        if said.exclude and excluded.match_file(path):
            continue
        known.add(path)
        for reader in readers(path, partial(tree.head, path)):
            source = tree.read(path, reader.KIND, getattr(reader, "WHERE", Where.REPOSITORY))
            if source is None:
                tree.skipped.append(f"{path}: {tree.why_not(path)}")
                break
            sources.append(source)
            facts += collected(reader, source, tree)
    for path in _named(facts, known - {source.path for source in sources}):
        requirements = collector("requirements")
        named = tree.read(path, requirements.KIND)
        if named is not None:
            sources.append(named)
            facts += collected(requirements, named, tree)
    return Project(tuple(sources), tuple(_once(facts)), said.organisation, today, whole="" in paths)


def _named(facts: Sequence[Fact], unread: Container[str]) -> Iterable[str]:
    """Requirements files that a command names, and whose own names do not say it: `pip install -r deps.txt`."""
    options = (fact for fact in facts if isinstance(fact, Option) and fact.via == "command" and fact.name in _FILES)
    found = (meant(option.value, option.span.source, unread) for option in itertools.islice(options, _MOST))
    return dict.fromkeys(path for path in found if path is not None and path.endswith((".txt", ".in", ".pip", ".lock")))


def _once(facts: Sequence[Fact]) -> Iterable[Fact]:
    """A file that is included is collected on its own as well, and then it is another source with the same path."""
    sources: dict[str, Source] = {}
    found = (fact.span.source for fact in facts)
    twice = {source.path for source in found if sources.setdefault(source.path, source) is not source}
    seen: set[tuple[object, ...]] = set()
    for fact in facts:
        path = fact.span.source.path
        if path in twice:
            said = (getattr(fact, name, "") for name in _SAID)
            key = (type(fact), path, fact.span.start, fact.span.end, *said)
            if key in seen:
                continue
            seen.add(key)
        yield fact


def collected(collector: Collector, source: Source, tree: Tree) -> Iterable[Fact]:
    """What one collector finds in one file; `tree.skipped` says what it could not read of it. Failed when it fails."""
    try:
        facts, over = bounded(collector.collect(source, tree))
    except Exception as error:
        raise Failed(
            "audit-failed",
            f"reading {source.path} as {collector.KIND} failed with {type(error).__name__}",
            fix="report this file; `exclude` in the configuration leaves it out until then",
        ) from error
    unread = [fact.text for fact in facts if isinstance(fact, Note) and fact.what in ("unreadable", "cut")]
    tree.skipped += [
        said for text in dict.fromkeys((*unread, *over)) if (said := f"{source.path}: {text}") not in tree.skipped
    ]
    return facts


@dataclass(frozen=True, slots=True)
class Checked:
    """What all rules found."""

    results: tuple[Result, ...]  #: by place, rule and text
    suppressed: tuple[Result, ...] = ()  #: known, as a comment says


def check(
    project: Project,
    rules: Mapping[str, Explained],
    *,
    persona: Persona = Persona.REGULAR,
    configuration: Configuration | None = None,
) -> Checked:
    """What all `rules` find, once each, without what a comment suppresses or a configuration ignores."""
    said = configuration or Configuration()
    found: dict[tuple[object, ...], Result] = {}
    for result in _checked(project, rules):
        if said.ignores(result.rule.id, result.source.path):
            continue
        found.setdefault(_order(result), result)
    comments = suppressions(project) if said.comments else []
    ordered = [found[key] for key in sorted(found)]
    taken = covering(comments, ((result.rule.id, result.found) for result in ordered), project.today)
    used = {id(comment) for each in taken for comment in each}
    kept: list[Result] = []
    away: list[Result] = []
    for result, by in zip(ordered, taken, strict=True):
        if result.found.persona is Persona.PEDANTIC and persona is Persona.REGULAR:
            continue  # but a comment about it has its use
        if result.found.strict is not None and persona is Persona.PEDANTIC:
            result = _result(result.rule, replace(result.found, severity=result.found.strict))
        (away if by and result.rule.id not in ABOUT_COMMENTS else kept).append(result)
    if UNUSED in rules and project.whole:  # what a comment is about may take two files
        for comment in unused(comments, used, _asked(project, rules), project.today):
            result = _result(rules[UNUSED].rule, pw002.finding(comment))
            if not any(said.ignores(rule, result.source.path) for rule in (UNUSED, *comment.rules)):
                kept.append(result)
    return Checked(tuple(sorted(kept, key=_order)), tuple(away))


def _asked(project: Project, rules: Mapping[str, Explained]) -> Iterator[str]:
    """The rules that could find something: some need a server, or a base branch, to compare with."""
    for name, explained in rules.items():
        server = explained.rule.online and project.answers is None
        base = explained.rule.base and project.base_locks is None
        if not (server or base):
            yield name


def _checked(project: Project, rules: Mapping[str, Explained]) -> Iterator[Result]:
    for explained in rules.values():
        try:
            for found in explained.check(project):
                yield _result(explained.rule, found)
        except Exception as error:
            raise Failed(
                "audit-failed",
                f"the rule {explained.rule.id} failed with {type(error).__name__}",
                fix=f"report it; --ignore {explained.rule.id} leaves the rule out until then",
            ) from error


def _result(rule: Rule, found: Found) -> Result:
    severity = rule.severity if found.severity is None else found.severity
    return Result(rule, replace(found, severity=severity), severity)


def _order(result: Result) -> tuple[object, ...]:
    span = result.found.span
    return (span.source.path, span.start, result.rule.id, span.end, result.found.what)
