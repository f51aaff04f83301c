"""A second index beside the first.

What
----
`extra-index-url` gives pip one more index, in a file, in a variable or on a command line.

Why
---
pip has no order of indexes: it takes the highest version that any of them has. When one is your own and the other is
PyPI, anybody who takes your project's name there with a higher version runs code on your machines: dependency
confusion. It is no backup either: an index that does not answer stops pip, or is passed over.

Bad
---
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/ours/simple/
    extra-index-url = https://index.example/simple/

Good
----
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/merged/simple/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Index, Option, Organisation, Project, Span
from pipway.audit.hosts import host, is_loopback, is_private, is_public
from pipway.clients.layers import default_index
from pipway.findings import Severity

RULE = Rule(
    "PW201",
    "extra-index",
    "Extra index beside the first",
    Severity.HIGH,
    references=("CVE-2018-20225", "pip: docs/html/cli/pip_install.rst", "pip issues 8606 and 12910"),
)

_EXTRA = re.compile(r"(?i)extra[-_](?=index[-_]url)")


def check(project: Project) -> Iterator[Found]:
    """Every extra index of pip; uv has an order, and the other tools have rules of their own."""
    every = [index for index in project.of(Index) if index.tool == "pip"]
    for extra in every:
        if extra.role != "extra" or not extra.url.strip():
            continue
        primaries = [index for index in every if index.role == "primary" and _together(index, extra)]
        first = primaries[-1].url if primaries else default_index()
        if first.rstrip("/") == extra.url.rstrip("/"):
            continue
        severity = _severity(first, extra.url, project.organisation)
        beside = host(first) or "the index"
        if not primaries:
            beside = "PyPI, pip's own index"
        yield Found(
            extra.url_span or extra.span,
            f"{host(extra.url) or 'an index'} is an extra index beside {beside}",
            severity,
            consequence="pip takes the highest version of a project from either of them, whoever uploaded it there",
            advice="make one index of them that knows which names are yours, and name that as index-url",
            related=tuple((index.url_span or index.span, "the first index") for index in primaries[-1:]),
            repair=None if primaries else _repair(extra, project, every),
        )


def _together(one: Index, other: Index) -> bool:
    """Of one command, or of one file outside of commands; what commands write into pip's configuration meets there."""
    if _keeps(one) and _keeps(other):
        return one.span.source.path == other.span.source.path
    if one.command is not None or other.command is not None:
        return one.command is other.command
    return one.span.source.path == other.span.source.path


def _keeps(index: Index) -> bool:
    """`pip config set`: it holds for the commands that follow."""
    return index.command is not None and index.command.tool == "pip" and index.command.verb.startswith("config")


def _severity(first: str, extra: str, organisation: Organisation) -> Severity:
    names = [host(first), host(extra)]
    if all(name and (name in organisation.mirrors or is_public(name)) for name in names):
        return Severity.MEDIUM
    if not all(names):
        return Severity.HIGH
    ours = [is_private(name, organisation) or is_loopback(name) for name in names]
    return Severity.CRITICAL if any(ours) and not all(ours) else Severity.HIGH


def _repair(extra: Index, project: Project, every: Sequence[Index]) -> Repair | None:
    """The only extra index becomes the index: right where it serves PyPI's projects as well."""
    beside = [index for index in every if index.role == "extra" and _together(index, extra)]
    options = [
        option
        for option in project.of(Option)
        if option.name == "extra-index-url" and option.value_span == extra.url_span
    ]
    if len(beside) != 1 or extra.url_span is None or not options:
        return None
    span = options[0].span
    found = _EXTRA.search(span.text)
    if found is None or span.start + found.end() > extra.url_span.start:
        return None
    where = Span(span.source, span.start + found.start(), span.start + found.end())
    return Repair(f"ask {host(extra.url) or 'it'} alone", (Edit(where, ""),))
