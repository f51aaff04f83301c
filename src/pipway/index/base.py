"""The protocol of an index, and what it hands out. Everyone in this package implements or wraps it.

An index never says NotFound because something failed: that is Unavailable (DESIGN: an outage is never a 404).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipway.simple.page import File, NormalizedName, Page
from pipway.wire.answer import Lease, Source


@dataclass(frozen=True, slots=True)
class Listing:
    """A page with permission to repeat it. The same `page` object means: nothing changed."""

    page: Page
    lease: Lease  #: revoked when the page changes; extended when it is revalidated unchanged
    outcome: str = "hit"  #: "hit", "miss", "joined", "stale"
    fetched: datetime | None = None  #: aware UTC; when the upstream last confirmed it
    url: str = ""  #: where the page came from, after redirects
    content_type: str = ""  #: as the upstream wrote it: JSON or HTML


@dataclass(frozen=True, slots=True)
class Download:
    """An opened file: read from `source`, then close it. `etag` is strong and quoted (RFC 9110 §8.8.3)."""

    source: Source
    etag: str | None  #: None while the digest is not known yet
    lease: Lease | None  #: None: must not be repeated (still growing)
    outcome: str = "hit"
    reopen: Callable[[], Source] | None = None  #: the same bytes anew, at once and without waiting


class Index(Protocol):
    """Something that answers like a package index."""

    def projects(self) -> AsyncIterator[list[str]]:
        """Project names as the upstream writes them, in batches; Unavailable before the first batch if need be."""

    async def project(self, name: NormalizedName, *, recheck: bool = False) -> Listing:
        """The project's page. `recheck`: a client asked for revalidation (rate-limited). NotFound, Unavailable,
        BadUpstream."""

    async def open(self, file: File) -> Download:
        """The file itself. NotFound, Unavailable, BadUpstream; later failures come through the source."""

    async def metadata(self, file: File) -> Download:
        """The wheel's METADATA, byte for byte (PEP 658): stored, fetched, or taken out of the wheel."""

    async def size(self, file: File) -> int:
        """The file's length in bytes without downloading it (for HEAD)."""


class HttpResponse(Protocol):
    """A response whose head has arrived. Close it; reading to the end lets the connection be reused."""

    status: int
    url: str  #: after redirects
    length: int | None  #: body length if declared (after content decoding it is None)

    def header(self, name: str) -> str | None:
        """A header's value; several are joined with ", "."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, content-decoded. Raises Unavailable on reset, truncation or stall."""

    async def read(self, limit: int) -> bytes:
        """The whole body; BadUpstream when it is longer than `limit` bytes."""

    async def aclose(self) -> None:
        """Release or drop the connection."""


class HttpClient(Protocol):
    """What an index needs of HTTP; `dial.http.Client` is one."""

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] = {}, *, decode: bool = True
    ) -> HttpResponse:
        """Send and wait for the response's head, following redirects. `decode=False` sends identity and keeps

        bytes as they are. Unavailable on connect, first-byte or reset failures; BadUpstream on broken framing.
        """
