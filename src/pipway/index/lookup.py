"""From a file's URL back to the file: which page lists it, and with which hashes.

The web asks it for every file URL a client sends. Only URLs that a page of ours lists are ever fetched, so a client
cannot make pipway ask for anything else; what a page may list is checked in `remote`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from pipway.errors import NotFound, PipwayError
from pipway.index.base import Index, Listing
from pipway.simple.names import project_candidates
from pipway.simple.page import File, NormalizedName, Page


class Remembering(Index, Protocol):
    """An index that can also say what it has without asking anyone; `cached.Cached` is one."""

    async def known(self, name: NormalizedName) -> Listing | None:
        """The stored page, however old."""


class Lookup:
    """Finds files by URL."""

    def __init__(self, index: Remembering) -> None:
        self._index = index

    async def find(self, url: str) -> File:
        """Give the file of an absolute upstream URL.

        Asks what is known first, then the upstream, then again with revalidation: a client may know of a file that
        our copy of the page does not show yet. NotFound when every page came and none lists it; if a page could not
        be had, its error instead.
        """
        names = project_candidates(unquote(urlsplit(url).path.rpartition("/")[2]))
        for name in names:
            listing = await self._index.known(name)
            if listing and (file := _listed(listing.page, url)):
                return file
        failures: list[PipwayError] = []
        for name, recheck in _questions(names):
            try:
                listing = await self._index.project(name, recheck=recheck)
            except NotFound:
                continue
            except PipwayError as error:
                failures.append(error)
                continue
            if file := _listed(listing.page, url):
                return file
        if failures:
            raise failures[0]
        raise NotFound(
            "file-unknown",
            "no page lists this file",
            why="pipway fetches only files that a project's page names",
            fix="take the link from the project's page",
        )


def _questions(names: Iterable[NormalizedName]) -> list[tuple[NormalizedName, bool]]:
    listed = list(names)
    return [(name, False) for name in listed] + [(name, True) for name in listed]


def _listed(page: Page, url: str) -> File | None:
    """The file of this URL, also when the client spells it otherwise: pip sends "+" as %2B and %2b as %2B."""
    if file := page.by_url.get(url):
        return file
    wanted = _spelling(url)
    name = wanted[1][-1].decode(errors="replace")
    return next((file for file in page.files if file.filename == name and _spelling(file.url) == wanted), None)


def _spelling(url: str) -> tuple[str, list[bytes], str]:
    """What two spellings of one URL share (RFC 3986 §6.2.2): origin, path segments decoded one by one, query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", [unquote_to_bytes(part) for part in parts.path.split("/")], parts.query
