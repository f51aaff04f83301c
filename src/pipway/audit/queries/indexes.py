"""What rules of index selection ask about indexes: kinds of hosts, what belongs together, edits.

Pure: names and spans only; nothing is resolved or asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from pipway.audit.base import Edit
from pipway.audit.facts import Command, Index, Option, Organisation, Project, Span
from pipway.audit.fix.edits import removal
from pipway.audit.queries.hosts import host, is_private, port
from pipway.clients.layers import default_index

#: Where anybody may take a name for a try.
_TEST = re.compile(r"(?:test\.pypi|testpypi|test-pypi)\.")
#: Wheels of one vendor for one kind of hardware, beside everything else on PyPI.
_PARTIAL = re.compile(r"/whl(?:/|$)")


def unread_tables(project: Project) -> frozenset[str]:
    """Paths of pyproject.toml of which uv leaves out [tool.uv], because a uv.toml is in the same folder."""
    folders = (
        source.path.removesuffix("uv.toml") for source in project.sources if source.path.split("/")[-1] == "uv.toml"
    )
    return frozenset(f"{folder}pyproject.toml" for folder in folders)


def is_test(url: str, organisation: Organisation) -> bool:
    """PyPI's index for tries, where anybody takes any name."""
    name = host(url)
    return bool(_TEST.match(name)) and not is_private(name, organisation)


def is_partial(url: str, organisation: Organisation) -> bool:
    """An index that has a few projects only, as its address says."""
    try:
        path = urlsplit(url.strip()).path
    except ValueError:
        return False
    return is_test(url, organisation) or bool(_PARTIAL.search(path))


def retired(url: str) -> bool:
    """PyPI's host of before 2018."""
    label = host(default_index()).partition(".")[0]
    return host(url) in {f"{label}.python.org", f"test{label}.python.org"}


def together(one: Index | Option, other: Index | Option) -> bool:
    """Of one command, or of one file outside of commands."""
    if one.command is not None or other.command is not None:
        return one.command is other.command
    return one.span.source.path == other.span.source.path


Place = tuple[str, int, int]  #: a file, and a piece of it


def place_of(span: Span | None) -> Place:
    """Of no span: nowhere."""
    return ("", -1, -1) if span is None else (span.source.path, span.start, span.end)


def by_value(options: Iterable[Option]) -> dict[Place, list[Option]]:
    """Options by the place of their values, which are those of the indexes that they name."""
    found: dict[Place, list[Option]] = {}
    for option in options:
        if option.value_span is not None:
            found.setdefault(place_of(option.value_span), []).append(option)
    return found


def cut(span: Span, command: Command | None = None) -> tuple[Edit, ...]:
    """`span` goes; nothing where it is a word of a list that a program gives."""
    return () if command is not None and command.listed else removal(span)


def over_https(index: Index) -> tuple[Edit, ...]:
    """https in the place of http; nothing where the URL does not stand as it is, or a port belongs to http."""
    span = index.url_span
    if span is None or not span.text.lower().startswith("http://") or port(index.url) != 80:
        return ()
    return (Edit(Span(span.source, span.start, span.start + len("http")), "https"),)


def added(index: Index, statement: str) -> tuple[Edit, ...]:
    """A key more in the table of an index, behind its address; nothing where that is no table."""
    behind = index.trait_spans.get("url")
    if behind is None:
        return ()
    end = "\r\n" if "\r\n" in behind.source.text else "\n"
    between = f"{end}{_indentation(behind)}" if index.span.text.startswith("[[") else ", "
    return (Edit(Span(behind.source, behind.end, behind.end), f"{between}{statement}"),)


def _indentation(span: Span) -> str:
    text = span.source.text
    before = text[text.rfind("\n", 0, span.start) + 1 : span.start]
    return before if not before.strip() else ""


def listing(names: Sequence[str], most: int = 3) -> str:
    """The first names for a sentence."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
