"""A page in memory: what is served, what is known of its freshness, and the lease its answers hold.

`cached` keeps these; making one parses and is done off the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pipway.errors import PipwayError
from pipway.index.promise import Promises, advertise
from pipway.index.upstream import Known, Raw, digest
from pipway.offload import offload
from pipway.simple.page import NormalizedName, Page
from pipway.simple.read import read_page
from pipway.store.catalog import StoredPage
from pipway.wire.answer import Lease

#: A parsed page takes about so many times the bytes of its body (measured on JSON pages of many files).
_BLOAT = 3
_LEAST = 4096


@dataclass(slots=True)
class Entry:
    """One project's page. `fetched` and `max_age` (seconds) decide freshness; `checked` is monotonic."""

    page: Page
    known: Known
    max_age: int | None
    fetched: datetime
    checked: float  #: when the upstream was last asked, successfully or not
    weight: int
    error: PipwayError | None = None  #: of the last question, None when it was answered
    lease: Lease = field(default_factory=lambda: Lease(float("-inf")))

    @classmethod
    def make(
        cls, page: Page, raw: Raw, promises: Promises, max_age: int | None, fetched: datetime, checked: float
    ) -> Entry:
        """Prepare an upstream's page for serving. Takes milliseconds for large pages."""
        weight = _LEAST + _BLOAT * len(raw.body)
        return cls(advertise(page, promises), raw.known, max_age, fetched, checked, weight)

    def confirm(self, raw: Raw | None, max_age: int | None, fetched: datetime, checked: float) -> None:
        """The upstream said that nothing changed."""
        if raw is not None:
            self.known = raw.known  # validators may be new though the bytes are not
        self.max_age = max_age
        self.fetched = fetched
        self.checked = checked
        self.error = None


async def load(stored: StoredPage, name: NormalizedName, promises: Promises) -> Entry:
    """Make an entry of what the catalog kept. BadUpstream when its bytes cannot be read."""

    def make() -> Entry:
        page = read_page(stored.body, content_type=stored.content_type, url=stored.url, name=name)
        known = Known(stored.url, stored.content_type, digest(stored.body), stored.etag, stored.last_modified)
        return Entry.make(page, Raw(known, stored.body), promises, stored.max_age, stored.fetched, float("-inf"))

    return await offload(len(stored.body), make)


def stored_page(index: str, name: str, raw: Raw, max_age: int | None, fetched: datetime) -> StoredPage:
    """What the catalog keeps of an upstream's answer."""
    known = raw.known
    return StoredPage(
        index, name, known.url, known.content_type, raw.body, known.etag, known.last_modified, max_age, fetched
    )


def replaced(entry: Entry, promises: Promises) -> Entry:
    """The same page with other promises about METADATA; it has a lease of its own."""
    return Entry(
        advertise(entry.page, promises),
        entry.known,
        entry.max_age,
        entry.fetched,
        entry.checked,
        entry.weight,
        entry.error,
    )
