"""A package of pipenv is not bound to its private index.

What
----
A Pipfile has several sources, and a private one of them is named by no package, or not by one of your own; all sources
are searched; or the lock names no index.

Why
---
pipenv takes what names no index from the first source. Where that is PyPI, your own names are looked up there, and
locks older than 2022.3.23 are installed from whichever source answers.

Bad
---
    # Pipfile
    [[source]]
    name = "main"
    url = "https://<PyPI>/simple"
    verify_ssl = true

    [[source]]
    name = "corp"
    url = "https://nexus.corp/simple"
    verify_ssl = true

    [packages]
    ours = "*"

Good
----
    # Pipfile
    [[source]]
    name = "main"
    url = "https://<PyPI>/simple"
    verify_ssl = true

    [[source]]
    name = "corp"
    url = "https://nexus.corp/simple"
    verify_ssl = true

    [packages]
    ours = { version = "*", index = "corp" }
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Index, Locked, Option, Project, Required, Span
from pipway.audit.fix.edits import removal
from pipway.audit.queries.hosts import host, is_private
from pipway.findings import Severity

RULE = Rule(
    "PW210",
    "unbound-pipenv-package",
    "pipenv package without its index",
    Severity.MEDIUM,
    references=("pipenv: docs/indexes.md",),
)

_ADVICE = 'write { version = "*", index = "…" } for what comes from a private source, and lock again'


def check(project: Project) -> Iterator[Found]:
    """Pipfiles with several sources, their locks, and the option that searches everywhere."""
    files: dict[str, list[Index]] = {}
    for index in project.of(Index):
        if index.tool == "pipenv" and index.span.source.kind == "Pipfile":
            files.setdefault(index.span.source.path, []).append(index)
    for path, sources in files.items():
        if len(sources) > 1:
            yield from _of_file(path, sources, project)
            yield from _of_lock(path, project)
    for option in project.of(Option):
        if (option.tool, option.name) == ("pipenv", "install-search-all-sources") and option.value == "true":
            yield Found(
                option.span,
                "pipenv searches all sources for every package",
                consequence="a package comes from whichever source has it, whoever uploaded it there",
                advice=_ADVICE,
                repair=Repair("search the first source only", removal(option.span)),
            )


def _of_file(path: str, sources: Sequence[Index], project: Project) -> Iterator[Found]:
    wanted = [each for each in project.of(Required) if each.span.source.path == path and not each.url]
    ours = [index for index in sources[1:] if is_private(host(index.url), project.organisation)]
    for each in wanted:
        if ours and not each.index and each.name in project.organisation.owned:
            yield Found(
                each.span,
                f"{each.name} is one of your own projects, and names no index",
                consequence=f"pipenv takes it from {host(sources[0].url) or 'the first source'}",
                advice=_ADVICE,
                repair=_bound(each, ours[0].name) if len(ours) == 1 else None,
            )
    for index in ours:
        if wanted and not any(each.index == index.name for each in wanted):
            yield Found(
                index.url_span or index.span,
                f"no package names the index at {host(index.url)}",
                consequence=f"pipenv takes everything from {host(sources[0].url) or 'the first source'}",
                advice=_ADVICE,
            )


def _bound(required: Required, index: str) -> Repair | None:
    span = required.span
    whole = Span(span.source, span.start - 1, span.end + 1)
    if not index or whole.text != f'"{span.text}"':
        return None
    return Repair(f"take it from {index}", (Edit(whole, f'{{version = "{span.text}", index = "{index}"}}'),))


def _of_lock(path: str, project: Project) -> Iterator[Found]:
    lock = str(PurePosixPath(path).with_name("Pipfile.lock"))
    for locked in project.of(Locked):
        if locked.span.source.path == lock and locked.kind == "registry" and not locked.index:
            yield Found(
                locked.span,
                f"the lock does not say which index {locked.name} is from",
                consequence="pipenv installs it from whichever source answers",
                advice="lock again with a pipenv of 2022.3.23 or newer",
            )
            return
