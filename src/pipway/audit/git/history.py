"""Secrets in what was once committed: every version of every file that an installer reads, in all commits.

`cli/audit_git.py` calls it for `--history`. A secret that was ever pushed is known, also when a later commit takes it
out. Rules see each version as if it were there now; what they find is said with the commit that brought it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from pipway.audit.baseline import fingerprint
from pipway.audit.collect import HEAD, readers
from pipway.audit.collect.files import HEADED, modules, suffix
from pipway.audit.configuration import Configuration
from pipway.audit.facts import Fact, Project, Source, Span
from pipway.audit.git.objects import Git
from pipway.audit.gitignore import spec
from pipway.audit.rules import Explained
from pipway.audit.run import Result, check, collected
from pipway.audit.walk import LARGEST, Tree

COMMITS = 50_000  #: that are looked at, the newest
VERSIONS = 20_000  #: of files
_BATCH = 200  # objects that are read at once
_SHORT = 12  # digits of a commit's id

#: The rules about a secret that is written down; those about modes, spelling and providers are about now.
RULES = frozenset({"PW301", "PW302", "PW304", "PW306", "PW310", "PW312", "PW313", "PW314", "PW315", "PW806"})
_GONE = "revoke the login: it stays in the history, and in every clone"


class _Nothing(Tree):
    """A version of a file includes nothing: what it names may be another version by now."""

    def read(self, *_: object, **__: object) -> None:
        """No file."""
        return


@dataclass
class Past:
    """What was found, and what was not looked at."""

    project: Project
    results: list[Result] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def secrets(git: Git, root: Path, rules: Mapping[str, Explained], configuration: Configuration, now: Project) -> Past:
    """Each secret once, with the first commit that has it; what stands in a file now is told there."""
    wanted = {name: each for name, each in rules.items() if name in RULES}
    past = Past(Project((), (), now.organisation, now.today))
    known = {fingerprint(each.rule.id, each.found) for each in check(now, wanted).results}
    facts: list[Fact] = []
    sources: list[Source] = []
    excluded = spec(configuration.exclude)
    for commit, every in _versions(git, root, past.skipped):
        found = [(source, list(_read(source))) for source in every if not excluded.match_file(source.path)]
        project = Project(
            tuple(source for source, _ in found),
            tuple(fact for _, each in found for fact in each),
            now.organisation,
            now.today,
        )
        results = check(project, wanted, configuration=configuration).results
        for result in results:
            mark = fingerprint(result.rule.id, result.found)
            if mark not in known:
                known.add(mark)
                past.results.append(_told(result, commit))
        if results:
            facts += project.facts
            sources += project.sources
    past.project = replace(past.project, sources=tuple(sources), facts=tuple(facts))
    return past


def _told(result: Result, commit: str) -> Result:
    """At `commit:path`; nothing can be mended there."""
    found = result.found
    source = replace(found.span.source, path=f"{commit[:_SHORT]}:{found.span.source.path}", commit=commit)
    related = tuple(
        (Span(source, span.start, span.end), text)
        for span, text in found.related
        if span.source.path == found.span.source.path
    )
    span = Span(source, found.span.start, found.span.end)
    return replace(result, found=replace(found, span=span, related=related, repair=None, advice=_GONE))


def _read(source: Source) -> Iterator[Fact]:
    for collector in readers(source.path, lambda: source.text[:HEAD]):
        own = replace(source, kind=collector.KIND, where=getattr(collector, "WHERE", source.where))
        yield from collected(collector, own, _Nothing(Path("/"), known=frozenset()))


def _versions(git: Git, root: Path, skipped: list[str]) -> Iterator[tuple[str, list[Source]]]:
    """Each commit, from the first to the last, with the files that it brought or changed."""
    commits = git.lines("rev-list", "--all", "--topo-order", f"--max-count={COMMITS + 1}")
    if len(commits) > COMMITS:
        skipped.append(f"history: commits before the newest {COMMITS}")
        commits = commits[:COMMITS]
    given = b"\n".join([*reversed(commits), b""])
    options = ("-r", "--root", "-m", "--no-renames", "--no-ext-diff", "--no-textconv", "--raw", "--no-abbrev", "-z")
    brought = list(_brought(git.output("diff-tree", "--stdin", *options, given=given), git, root))
    if len(brought) > VERSIONS:
        skipped.append(f"history: {len(brought) - VERSIONS} versions of files")
        brought = brought[:VERSIONS]
    for first in range(0, len(brought), _BATCH):
        batch = brought[first : first + _BATCH]
        contents = dict(git.blobs(sorted({name for _, _, name in batch}), LARGEST))
        missing = len({name for _, _, name in batch} - contents.keys())
        if missing:
            skipped.append(f"history: {missing} versions that are too large or not here")
        together: dict[str, list[Source]] = {}
        for commit, path, name in batch:
            raw = contents.get(name, b"\0")
            if b"\0" not in raw:
                source = Source(path, raw.decode("utf-8", "surrogateescape"), "", tracked=True)
                together.setdefault(commit, []).append(source)
        yield from together.items()


def _brought(raw: bytes, git: Git, root: Path) -> Iterator[tuple[str, str, str]]:
    """Commit, path and blob of each version that may be configuration, each blob of a path once."""
    prefix = PurePosixPath(root.resolve().relative_to(git.top).as_posix())
    commit, seen = "", set[tuple[str, str]]()
    fields = iter(raw.split(b"\0"))
    for part in fields:
        text = part.decode("ascii", "replace").strip()
        if not text.startswith(":"):
            commit = text or commit
            continue
        said, path = text.split(), next(fields, b"").decode("utf-8", "surrogateescape")
        if len(said) < 5 or not said[1].startswith("100"):
            continue
        try:
            inside = PurePosixPath(path).relative_to(prefix)
        except ValueError:
            continue
        name = inside.as_posix()
        if (name, said[3]) in seen or not (suffix(name) in HEADED or modules(name, "")):
            continue
        seen.add((name, said[3]))
        yield commit, name, said[3]
