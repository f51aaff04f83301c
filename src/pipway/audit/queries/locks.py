"""What rules ask about locks: the URLs in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipway.audit.facts import Locked, Project, Span


def urls(project: Project, wanted: Callable[[str], bool]) -> Iterator[tuple[Locked, str, Span]]:
    """Those of files and of indexes that are `wanted`, each place once; requirements files are no locks here."""
    seen: set[Span] = set()
    for locked in project.of(Locked):
        if locked.format == "requirements":
            continue
        for url, place in ((locked.url, locked.url_span), (locked.index, locked.index_span)):
            span = place or locked.span
            if span not in seen and wanted(url):
                seen.add(span)
                yield locked, url, span
